"""Paper, table 2: multi-scale without 1x1.

`pose_paper` with the row's network, loss and augmentation, without ReLU.
Cost: 2.2 M samples at 256x256, 11.6 G binary and 0.2 G real multiply-accumulates each; 9.5 M parameters. Use a GPU.
Expect: PCKh@0.5 75.5 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table2_multi_scale_no_1x1 --data DATA --output runs/table2_multi_scale_no_1x1
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table2_multi_scale_no_1x1")
