"""Beyond the paper: `face_300wlp` with three of ten near-frontal faces turned to the side (`profile_views`).

Cost: 100,000 samples at 128x128, as `face_300wlp`; a turned face takes some 10 ms more of the data pipeline.
Expect: not measured at this length; `python benchmarks/ablation.py` trains on frontal faces alone, with and without, on
a small budget and tells the error by yaw.
Data: as `face_300wlp`.

    bnn-landmarks train face_300wlp_profile --data DATA --output runs/face_300wlp_profile
"""

from bnn_landmarks.recipe import override
from bnn_landmarks.recipes import face_300wlp

recipe = override(face_300wlp.recipe, {"spec.name": "face_300wlp_profile", "augmentation.profile": 0.3})
