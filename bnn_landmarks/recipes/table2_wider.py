"""Paper, table 2, table 3: wider.

`pose_paper` with the row's network, loss and augmentation, without ReLU.
Cost: 2.2 M samples at 256x256, 15.8 G binary and 0.2 G real multiply-accumulates each; 11.3 M parameters. Use a GPU.
Expect: PCKh@0.5 70.7 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table2_wider --data DATA --output runs/table2_wider
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table2_wider")
