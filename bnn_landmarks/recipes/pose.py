"""16 body joints (MPII's), 192x192: the entry `pose`.

Cost: on two CPU cores (AVX2) some 16 samples a second at 128x128 and 7 at 192x192: three hours and two for the commands
below, which spend most samples where they are cheap.
Expect: what zoo/cards/pose.md says was reached; the aim is 70 PCKh@0.5 over the limb joints of mpii val.
Data: lspet and mpii in COCO's layout, or prepared sets of these names. mpii is small and drawn from half as often
    again. The crops vary as MPII's official ones do: there the joints' extent is 0.54 to 1.14 of the person's side
    (5 % and 95 %), and their middle strays from the centre by 6 % of it, where these training sets have boxes made of
    the joints.

    bnn-landmarks train pose --data DATA --output runs/pose_128 --set spec.input_size=128 --set samples=180000
    bnn-landmarks train pose --data DATA --output runs/pose --initial runs/pose_128

`--set spec.input_size=256 --initial runs/pose` goes on at 256x256.
"""

from bnn_landmarks.augment import Augmentation
from bnn_landmarks.recipe import Recipe
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["pose"].spec,
    train=2 * (("lspet", "train"),) + 3 * (("mpii", "train"),),
    validate=(("mpii", "val"),),
    samples=50_000,
    batch_size=8,
    augmentation=Augmentation(rotation=20.0, rotate=0.6, scale=(0.75, 1.5), shift=0.1, low_light=0.15),
)
