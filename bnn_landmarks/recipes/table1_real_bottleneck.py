"""Paper, table 1: bottleneck, real.

`pose_paper` with the row's network, loss and augmentation.
Cost: 2.2 M samples at 256x256, 5.2 G real multiply-accumulates each; 3.4 M parameters. Use a GPU.
Expect: PCKh@0.5 76.5 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table1_real_bottleneck --data DATA --output runs/table1_real_bottleneck
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table1_real_bottleneck")
