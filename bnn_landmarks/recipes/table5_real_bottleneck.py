"""Paper, table 5: bottleneck (wider), real.

`pose_paper` with the row's network, loss and augmentation.
Cost: 2.2 M samples at 256x256, 10.1 G real multiply-accumulates each; 7.0 M parameters. Use a GPU.
Expect: PCKh@0.5 83.1 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table5_real_bottleneck --data DATA --output runs/table5_real_bottleneck
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table5_real_bottleneck")
