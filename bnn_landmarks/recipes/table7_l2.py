"""Paper, table 7: with the L2 loss.

`pose_paper` with the row's network, loss and augmentation, without ReLU.
Cost: 2.2 M samples at 256x256, 8.0 G binary and 0.2 G real multiply-accumulates each; 6.2 M parameters. Use a GPU.
Expect: PCKh@0.5 73.8 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table7_l2 --data DATA --output runs/table7_l2
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table7_l2")
