r"""16 body joints (MPII's), 256x256: the entry `pose`.

Cost: 50,000 samples; 8 a second on two CPU cores with AVX2, 10 with AVX-512: over an hour, after `pose_128`.
Expect: some 62 PCKh@0.5 over the limb joints of mpii val. The shipped weights went on by `pose_trunk`.
Data: lspet and mpii in COCO's layout, or prepared sets of these names. mpii is small and drawn from half as often
    again. The crops vary as MPII's official ones do: there the joints' extent is 0.54 to 1.14 of the person's side
    (5 % and 95 %), and their middle strays from the centre by 6 % of it, where these training sets have boxes made of
    the joints.

    bnn-landmarks train pose_128 --data DATA --output runs/pose_128
    bnn-landmarks train pose --data DATA --output runs/pose --initial runs/pose_128
    bnn-landmarks train pose --data DATA --output runs/pose_end --initial runs/pose --set samples=12000 \
        --set learning_rate=6e-4 --set "augmentation.scale=(0.8, 1.35)" --set augmentation.shift=0.07

The network is fully convolutional: most samples go where they are cheap, the last ones at crops that vary less.
"""

from bnn_landmarks.training.augment import Augmentation
from bnn_landmarks.training.recipe import Recipe
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["pose"].spec,
    train=2 * (("lspet", "train"),) + 3 * (("mpii", "train"),),
    validate=(("mpii", "val"), ("lspet", "val")),
    samples=50_000,
    batch_size=8,
    augmentation=Augmentation(
        rotation=20.0, rotate=0.6, scale=(0.75, 1.5), shift=0.1, blur=0.1, low_light=0.15
    ),
)
