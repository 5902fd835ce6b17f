"""Paper, table 8: stacked hourglass, 8x, real.

`pose_paper` with the row's network, loss and augmentation.
Cost: 2.2 M samples at 256x256, 27.4 G real multiply-accumulates each; 25.4 M parameters. Use a GPU.
Expect: PCKh@0.5 89.3 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table8_real_bottleneck_8x --data DATA --output runs/table8_real_bottleneck_8x
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table8_real_bottleneck_8x")
