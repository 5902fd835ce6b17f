"""Paper, table 6: without augmentation.

`pose_paper` with the row's network, loss and augmentation, without ReLU.
Cost: 2.2 M samples at 256x256, 8.0 G binary and 0.2 G real multiply-accumulates each; 6.2 M parameters. Use a GPU.
Expect: PCKh@0.5 72.1 on MPII validation (the paper's figure; not rerun here).

    bnn-landmarks train table6_no_augmentation --data DATA --output runs/table6_no_augmentation
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table6_no_augmentation")
