"""Paper, table 15: bottleneck, real.

`face_parts_paper` with the row's network, loss and augmentation.
Cost: 0.17 M samples at 256x256, 5.1 G real multiply-accumulates each; 3.4 M parameters. Use a GPU.
Expect: mean IU 69.29 on the 300-W competition set (the paper's figure; not rerun here).

    bnn-landmarks train table15_real_bottleneck --data DATA --output runs/table15_real_bottleneck
"""

from bnn_landmarks.recipes._rows import of

recipe = of("table15_real_bottleneck")
