"""Paper, table 2, table 3, table 6, table 7, table 10, table 11: hierarchical (final).

`pose_paper` with the row's network, loss and augmentation, without ReLU.
Cost: 2.2 M samples at 256x256, 8.0 G binary and 0.2 G real multiply-accumulates each; 6.2 M parameters. Use a GPU.
Expect: PCKh@0.5 76.0 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table2_hierarchical --data DATA --output runs/table2_hierarchical
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table2_hierarchical")
