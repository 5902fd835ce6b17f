"""Paper, table 4: hierarchical, 192 channels.

`pose_paper` with the row's network, loss and augmentation, without ReLU.
Cost: 2.2 M samples at 256x256, 5.4 G binary and 0.2 G real multiply-accumulates each; 3.6 M parameters. Use a GPU.
Expect: PCKh@0.5 72.7 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table4_hierarchical_192 --data DATA --output runs/table4_hierarchical_192
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table4_hierarchical_192")
