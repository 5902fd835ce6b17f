"""Paper, table 1, table 2, table 3, table 4: bottleneck, binary.

`pose_paper` with the row's network, loss and augmentation, without ReLU.
Cost: 2.2 M samples at 256x256, 5.0 G binary and 0.2 G real multiply-accumulates each; 3.4 M parameters. Use a GPU.
Expect: PCKh@0.5 67.2 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table2_bottleneck --data DATA --output runs/table2_bottleneck
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table2_bottleneck")
