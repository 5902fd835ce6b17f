"""Random changes of the crop and its colours for training; NumPy and OpenCV, from one generator a sample.

    sample = random_profile(rng, sample, scheme, Augmentation(profile=0.3))
    center, side = random_square(rng, sample, spec, Augmentation(loose=0.3))
    matrix, mirror = random_affine(rng, center, side, size, Augmentation())
    patch = random_appearance(rng, crops.crop(image, matrix, size), Augmentation())

The defaults are the paper's (section 7), its authors' code where it is silent: rotation N(0, 30 degrees) cut at 60 and
none with probability 0.6, mirror 0.5, scale 0.7 to 1.3, colour x U(0.6, 1.4) per channel. Blur, occluders, low
resolution, low light, noise, shifts and synthetic profile views go beyond it.
"""

import dataclasses

import cv2
import numpy as np

from bnn_landmarks import records
from bnn_landmarks.datasets.sample import subject_square, tight_box
from bnn_landmarks.geometry import crops, images
from bnn_landmarks.training import profile_views

NEAR_FRONTAL = 25.0
PROFILE = (30.0, 80.0)
# What stands in the place of "labelled" (1) where a landmark is nowhere in the crop.
ABSENT = -1
# The share of the loose crops that are of the whole image, as `Localizer` looks at it without a box.
WHOLE = 0.25
# Pixels that the part of an image beside a subject has at least.
BESIDE = 16


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """rotation: degrees, standard deviation, cut at twice that; applied with probability `rotate`.
    mirror: probability. scale: factor range of the crop's side.
    shift: of the crop's centre, share of its side, at most; not of whole pixels, so that 0.5 / 128 is half a pixel.
    colour: factor range a channel. blur, occlude, low_resolution, low_light: probability of each.
    noise: grey levels, the largest standard deviation of Gaussian noise on the finished crop (0 to it, evenly drawn);
        applied with probability `noisy`.
    profile: probability that a face within 25 degrees of the front is turned on to a yaw of 30 to 80 degrees
        (`profile_views`), to the side it already looks to, of which the picture shows more. Its landmarks of schemes
        `profile_views.DEPTHS` go along; those that the head then hides keep the place they have behind it, as in
        300W-LP and AFLW2000-3D, and are labelled, not visible (1).
    loose: probability that the crop is wider than the subject's, up to the whole image's, of a subject that is alone in
        its image. absent: probability that the crop shows the image without its subject."""

    rotation: float = 30.0
    rotate: float = 0.4
    mirror: float = 0.5
    scale: tuple[float, float] = (0.7, 1.3)
    shift: float = 0.0
    colour: tuple[float, float] = (0.6, 1.4)
    blur: float = 0.0
    occlude: float = 0.0
    low_resolution: float = 0.0
    low_light: float = 0.0
    noise: float = 0.0
    noisy: float = 0.5
    profile: float = 0.0
    loose: float = 0.0
    absent: float = 0.0

    def __post_init__(self):
        records.check(self)
        records.check_range(
            self,
            "rotate mirror blur occlude low_resolution low_light noisy profile loose absent",
            low=0,
            high=1,
        )
        records.check_range(self, "rotation shift colour noise", low=0)
        records.check_range(self, "scale", low=0, above=True)
        for low, high in (self.scale, self.colour):
            if low > high:
                raise ValueError(f"a range of Augmentation is (low, high), not {(low, high)!r}")


NONE = Augmentation(rotate=0.0, mirror=0.0, scale=(1.0, 1.0), colour=(1.0, 1.0))


def random_profile(rng, sample, scheme, how: Augmentation):
    """A `Sample` of a face seen from the side, its box as wide around its landmarks as before; the same sample where
    chance, its pose or its scheme do not allow one."""
    if not how.profile or scheme.name not in profile_views.DEPTHS or rng.random() >= how.profile:
        return sample
    yaw = rng.uniform(*PROFILE)
    where = profile_views.pose(sample.landmarks, sample.visible, scheme)
    if where is None or abs(where.yaw) > NEAR_FRONTAL:
        return sample
    degrees = np.copysign(yaw, where.yaw) - where.yaw
    view = profile_views.turn(
        sample.image, sample.landmarks, sample.visible, scheme, where, degrees, sample.mask
    )
    points = view.points.astype(np.float32)
    old, new = tight_box(sample.landmarks, sample.visible), tight_box(points, sample.visible)
    return dataclasses.replace(
        sample,
        image=view.image,
        landmarks=points,
        visible=np.where(view.hidden, np.minimum(sample.visible, 1), sample.visible),
        box=(new + np.asarray(sample.box) - old).astype(np.float32),
        yaw=float(yaw),
        mask=view.mask,
    )


def whole_square(image, spec):
    """Centre float [2] and side of the crop in which a network looks at a whole image [H, W, 3]."""
    height, width = image.shape[:2]
    return crops.square([-0.5, -0.5, width, height], spec.box_side, spec.padding)


def random_square(rng, sample, spec, how: Augmentation):
    """Centre float [2] and side of the crop a `Sample` is given, before `random_affine`: its own, or with probability
    `loose` one between that and the whole image's, anywhere around it."""
    center, side = subject_square(sample, spec)
    if not (how.loose and sample.alone) or rng.random() >= how.loose:
        return center, side
    middle, widest = whole_square(sample.image, spec)
    if widest <= side:
        return center, side
    share = min(1.0, rng.random() / (1 - WHOLE))
    new = side * (widest / side) ** share
    free, random = (new - side) / 2, min(new - side, widest - new) / 2
    moved = (new - side) / (widest - side) * (middle - center) + rng.uniform(-random, random, 2)
    return center + np.clip(moved, -free, free), new


def random_absence(rng, sample, spec, how: Augmentation):
    """With probability `absent` an image uint8 [H, W, 3] made of the `Sample`'s that does not show its subject: a part
    beside it, or the whole with another part in the subject's place. None by chance, where somebody else may be in the
    image, or where it has nothing beside the subject."""
    if not (how.absent and sample.alone) or rng.random() >= how.absent:
        return None
    image = sample.image
    size = np.array(image.shape[1::-1])
    center, side = subject_square(sample, spec)
    low = np.clip(np.floor(center - side / 2), 0, size).astype(int)
    high = np.clip(np.ceil(center + side / 2), 0, size).astype(int)
    around = (image[:, : low[0]], image[:, high[0] :], image[: low[1]], image[high[1] :])
    parts = [part for part in around if min(part.shape[:2]) >= BESIDE]
    # A set's own centre may lie outside its image.
    if not parts or (high <= low).any():
        return None
    part = parts[rng.integers(len(parts))]
    across = int(rng.integers(BESIDE, min(part.shape[:2]) + 1))
    x, y = (int(rng.integers(n - across + 1)) for n in part.shape[1::-1])
    part = part[y : y + across, x : x + across]
    if rng.random() < 0.5:
        return part
    image = image.copy()
    image[low[1] : high[1], low[0] : high[0]] = cv2.resize(part, (high - low).tolist())
    return image


def random_affine(rng, center, side, size, how: Augmentation):
    """A random crop matrix float [2, 3] around the given one, and whether it mirrors."""
    turn = rng.random() < how.rotate
    angle = np.clip(rng.normal(0, how.rotation), -2 * how.rotation, 2 * how.rotation) if turn else 0.0
    mirror = bool(rng.random() < how.mirror)
    factor = rng.uniform(*how.scale)
    moved = np.asarray(center) + rng.uniform(-how.shift, how.shift, 2) * side
    return crops.affine(moved, side * factor, size, angle, mirror), mirror


def random_appearance(rng, patch, how: Augmentation):
    """A uint8 crop [S, S, 3] with its colours, sharpness and visible parts changed at random; uint8."""
    size = patch.shape[0]
    if rng.random() < how.low_resolution:
        small = int(size * rng.uniform(0.25, 0.6))
        patch = cv2.resize(patch, (small, small), interpolation=cv2.INTER_AREA)
        patch = cv2.resize(patch, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < how.blur:
        patch = cv2.GaussianBlur(patch, (0, 0), rng.uniform(0.004, 0.016) * size)
    if rng.random() < how.occlude:
        width, height = (rng.uniform(0.08, 0.35, 2) * size).astype(int)
        x, y = (rng.random(2) * (size - np.array([width, height]))).astype(int)
        patch = patch.copy()
        patch[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    if rng.random() < how.low_light:
        share = 1 - rng.uniform(0.1, 0.6)
        patch = images.darken(patch, rng, share, rng.uniform(0, 10) * share)
    gain = rng.uniform(*how.colour, 3).astype(np.float32)
    table = np.arange(256, dtype=np.float32)[:, None] * gain + np.float32(0.5)
    patch = cv2.LUT(patch, np.clip(table, 0, 255).astype(np.uint8)[None])
    if how.noise and rng.random() < how.noisy:
        patch = images.add_noise(patch, rng, rng.uniform(0, how.noise))
    return patch


def mirror_landmarks(points, visible, scheme):
    """Landmarks of a mirrored crop renumbered so that left is left again: both arrays permuted by the scheme."""
    order = scheme.mirror
    return points[..., order, :], visible[..., order]
