"""Paper, table 8: hierarchical, 8x, real.

`pose_paper` with the row's network, loss and augmentation.
Cost: 2.2 M samples at 256x256, 47.0 G real multiply-accumulates each; 47.0 M parameters. Use a GPU.
Expect: PCKh@0.5 89.8 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table8_real_hierarchical_8x --data DATA --output runs/table8_real_hierarchical_8x
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table8_real_hierarchical_8x")
