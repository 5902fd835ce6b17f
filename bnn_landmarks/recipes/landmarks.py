"""Your own landmarks: a folder of images in COCO's keypoints format, DIR/images and DIR/annotations/train.json.

The landmarks are those of the file's category with keypoints (--category NAME where there are several); where their
names say left and right (left_eye, r_wrist) the images are mirrored in training. annotations/val.json, if there is one,
is validated on, else train.json. bnn-landmarks data check DIR says beforehand what is wrong with the folder.
Some crops show whole images, some no subject, so that the network needs no box and knows when nobody is there:
augmentation.loose and augmentation.absent, 0 where boxes are always given.
Cost: 60,000 samples at 128x128; on two CPU cores 15 to 25 a second with AVX2, 33 with AVX-512: up to an hour.
Expect: it depends on the data; a hundred images and a start from an entry (--initial) are a beginning.

    bnn-landmarks train landmarks --data DIR --output runs/mine
    bnn-landmarks train landmarks --data DIR --output runs/mine --initial zoo/weights/pose_128.npz
"""

from bnn_landmarks.datasets.coco import CocoKeypoints, splits
from bnn_landmarks.spec import Spec
from bnn_landmarks.training.augment import Augmentation
from bnn_landmarks.training.recipe import Recipe


def recipe(data, category=None):
    """The recipe for a folder, and of several categories with landmarks this one."""
    scheme = CocoKeypoints(data, "train", category, skip_bad=True).scheme
    split = next((name for name in ("val", "valid") if name in splits(data)), "train")
    return Recipe(
        spec=Spec(
            "landmarks",
            scheme=scheme.name,
            landmarks=scheme.to_dict(),
            input_size=128,
            sigma=1.25,
            options={"stem": "integer"},
        ),
        train=((".", "train"),),
        validate=((".", split),),
        samples=60_000,
        category=category,
        augmentation=Augmentation(
            rotation=20.0, rotate=0.6, scale=(0.8, 1.25), shift=0.03, loose=0.3, absent=0.1
        ),
    )
