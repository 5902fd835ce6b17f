"""Your own landmarks: a folder of images in COCO's keypoints format, DIR/images and DIR/annotations/train.json.

The landmarks are those of the file's category; where their names say left and right (left_eye, r_wrist) the images are
mirrored in training. annotations/val.json, if there is one, is validated on, else train.json.
Cost: 60,000 samples at 128x128; on two CPU cores 15 to 25 a second with AVX2, 33 with AVX-512: up to an hour.
Expect: it depends on the data; a hundred images and a start from an entry (--initial) are a beginning.

    bnn-landmarks train landmarks --data DIR --output runs/mine
    bnn-landmarks train landmarks --data DIR --output runs/mine --initial zoo/weights/pose_128.npz
"""

from bnn_landmarks.datasets.coco import CocoKeypoints
from bnn_landmarks.spec import Spec
from bnn_landmarks.training.augment import Augmentation
from bnn_landmarks.training.recipe import Recipe


def recipe(data):
    """The recipe for a folder."""
    scheme = CocoKeypoints(data, "train").scheme
    split = "val" if (data / "annotations" / "val.json").is_file() else "train"
    return Recipe(
        spec=Spec("landmarks", scheme=scheme.name, landmarks=scheme.to_dict(), input_size=128, sigma=1.25),
        train=((".", "train"),),
        validate=((".", split),),
        samples=60_000,
        augmentation=Augmentation(rotation=20.0, rotate=0.6, scale=(0.8, 1.25), shift=0.03),
    )
