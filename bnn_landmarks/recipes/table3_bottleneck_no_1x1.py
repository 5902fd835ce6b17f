"""Paper, table 3: bottleneck without 1x1.

`pose_paper` with the row's network, loss and augmentation, without ReLU.
Cost: 2.2 M samples at 256x256, 7.8 G binary and 0.2 G real multiply-accumulates each; 5.8 M parameters. Use a GPU.
Expect: PCKh@0.5 69.5 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table3_bottleneck_no_1x1 --data DATA --output runs/table3_bottleneck_no_1x1
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table3_bottleneck_no_1x1")
