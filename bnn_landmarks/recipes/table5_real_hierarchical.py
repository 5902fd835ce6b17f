"""Paper, table 5, table 8: hierarchical, real.

`pose_paper` with the row's network, loss and augmentation.
Cost: 2.2 M samples at 256x256, 8.2 G real multiply-accumulates each; 6.2 M parameters. Use a GPU.
Expect: PCKh@0.5 85.5 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table5_real_hierarchical --data DATA --output runs/table5_real_hierarchical
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table5_real_hierarchical")
