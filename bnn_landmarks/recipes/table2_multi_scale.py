"""Paper, table 2: multi-scale.

`pose_paper` with the row's network, loss and augmentation, without ReLU.
Cost: 2.2 M samples at 256x256, 5.7 G binary and 0.2 G real multiply-accumulates each; 4.0 M parameters. Use a GPU.
Expect: PCKh@0.5 69.3 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table2_multi_scale --data DATA --output runs/table2_multi_scale
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table2_multi_scale")
