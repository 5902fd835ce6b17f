"""What an annotated photograph tells about where people and faces are.

shown = photo(sample, scheme)
kind, outline = shown.subjects[0]            # PERSON or FACE, points whose tight box is the subject's
"""

import dataclasses

import cv2
import numpy as np

from bnn_landmarks.schemes import SCHEMES

PERSON, FACE = range(2)
KINDS = SCHEMES["subjects"].names
# A face's box of its eyes and nose: side over the eyes' distance and over the nose's from between them, and how far its
# middle is below the eyes, in sides. Of a frontal face with iBUG's 68 points.
FACE_OF_EYES = (2.2, 2.9, 0.28)


@dataclasses.dataclass(frozen=True)
class Photo:
    """A photograph with what is known of it, in its pixels.

    subjects: (kind, outline [P, 2]), whose tight box is the subject's. unknown: (kind, outline) of where there may be
    one that nobody annotated; an outline of None is the whole photograph.
    """

    image: np.ndarray
    subjects: tuple
    unknown: tuple = ()


def photo(sample, scheme):
    """A `Sample` -> `Photo`.

    Raises:
        ValueError: it is neither of a person nor of a face.
    """
    points, seen = np.asarray(sample.landmarks, np.float64), np.asarray(sample.visible) > 0
    names = scheme.names
    if scheme.classes:
        return Photo(sample.image, ((FACE, _masked_face(sample.mask)),), ((PERSON, None),))
    if "head_top" in names or "left_hip" in names:
        return _person(sample.image, points, seen, names)
    if len(names) in (19, 21, 34, 68):
        return Photo(sample.image, ((FACE, points[seen]),), ((PERSON, None),))
    raise ValueError(f"{sample.name} is annotated with {scheme.name}: no body and no face to find")


def _person(image, points, seen, names):
    at = {name: points[i] for i, name in enumerate(names) if seen[i]}
    body, faces, unknown = points[seen], (), None
    if "head_top" in names:
        neck = at.get("upper_neck", at.get("neck"))
        if neck is not None and "head_top" in at:
            unknown = _circle((at["head_top"] + neck) / 2, 0.75 * np.linalg.norm(at["head_top"] - neck))
    else:
        head = [at[name] for name in names[:5] if name in at]
        if {"left_shoulder", "right_shoulder"} <= at.keys() and head:
            shoulders = (at["left_shoulder"] + at["right_shoulder"]) / 2
            # The nose is about half way up from the shoulders to the top of the head.
            top = shoulders + 1.9 * (np.mean(head, axis=0) - shoulders)
            body = np.concatenate([body, top[None]])
            unknown = _circle(np.mean(head, axis=0), 0.8 * np.linalg.norm(top - shoulders))
        if {"nose", "left_eye", "right_eye"} <= at.keys():
            faces = ((FACE, _face_of_eyes(at["nose"], at["left_eye"], at["right_eye"])),)
    return Photo(image, ((PERSON, body), *faces), ((FACE, body if unknown is None else unknown),))


def _circle(centre, radius):
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _face_of_eyes(nose, left, right):
    middle = (left + right) / 2
    apart, below = np.linalg.norm(left - right), np.linalg.norm(nose - middle)
    of_eyes, of_nose, down = FACE_OF_EYES
    side = max(of_eyes * apart, of_nose * below, 1e-3)
    centre = middle + down * side * (nose - middle) / max(below, 1e-3)
    return centre + side / 2 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])


def _masked_face(mask):
    """The outline of what a mask of parts shows from the brows down: these masks' skin goes up to the hair."""
    classes = SCHEMES["parts7"].names
    ys, xs = np.nonzero(mask)
    if not len(xs):
        return np.array([[0.0, 0.0], [mask.shape[1] - 1, mask.shape[0] - 1]])
    eyes = np.nonzero(mask == classes.index("eyes"))[0]
    top = eyes.min() if len(eyes) else ys.min()
    top -= 0.22 * (ys.max() - top)
    below = np.stack([xs, ys], axis=1)[ys >= top]
    return cv2.convexHull(below.astype(np.int32))[:, 0].astype(np.float64)
