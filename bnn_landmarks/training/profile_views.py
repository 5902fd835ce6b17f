"""A near-frontal face with landmarks -> a synthetic view of it from the side; NumPy and OpenCV.

    found = pose(points, visible, scheme)                       # where it looks, how large it is
    view = turn(image, points, visible, scheme, found, 40)      # turned 40 degrees further to the image's right

The landmarks and a few points of a generic head get a depth each (`DEPTHS`, `HEAD`) and turn about the face's own
upright axis under an orthographic camera. The picture follows by triangles: a Delaunay mesh over these points and a
ring of background that stays, each triangle moved as a whole (piecewise affine), nearer ones over farther ones and
those that show their back not at all. (Turning pictures by a face's geometry: Zhu et al. 2016, "Face Alignment Across
Large Poses", there with a fitted surface.)

Depths are in distances between the outer corners of the eyes (90 mm on an average adult), forward from the ears'
openings. They are read off average head proportions in the profile: nose root 92 mm in front of the ears, nose tip 118,
base of the nose 102, lips 104, chin 82, outer eye corners 68, mouth corners 80; the jaw line runs back from the chin to
the ears over (mm, point by point) 74 58 40 24 12 5 2 0. Left and right are alike.
"""

import dataclasses

import cv2
import numpy as np

from bnn_landmarks.schemes import CONVERSIONS

_JAW = (0, 2, 5, 12, 24, 40, 58, 74)
_BROW = (70, 80, 87, 91, 93)
_EYE = (68, 79, 82, 78, 80, 77)  # outer corner, upper lid, inner corner, lower lid
_MILLIMETRES = (
    *(*_JAW, 82, *_JAW[::-1]),
    *(*_BROW, *_BROW[::-1]),
    *(92, 100, 109, 118),
    *(92, 98, 102, 98, 92),
    *_EYE,
    *(_EYE[i] for i in (3, 2, 1, 0, 5, 4)),
    *(80, 95, 103, 104, 103, 95, 80, 93, 100, 101, 100, 93),
    *(81, 99, 101, 99, 81, 98, 100, 98),
)
_IBUG = np.array(_MILLIMETRES) / 90
_EARS = 0.0  # AFLW's, which iBUG's 68 do not have


def _converted(target):
    groups = CONVERSIONS["ibug68", target]
    return np.array([_IBUG[list(group)].mean() if group else _EARS for group in groups])


DEPTHS = {"ibug68": _IBUG, "aflw21": _converted("aflw21"), "aflw19": _converted("aflw19")}
EYES = {"ibug68": (36, 45), "aflw21": (6, 11), "aflw19": (6, 11)}

# A generic head around the landmarks, same unit: right of the face's middle, below the eyes, depth. One side of it.
_SKULL = ((0.0, -1.4, 0.15), (0.4, -1.3, 0.1), (0.75, -0.9, 0.0), (0.88, -0.3, 0.0), (0.95, 0.2, -0.1))
_FOREHEAD = ((0.2, -0.8, 0.95), (0.5, -0.7, 0.75))
_CHEEK = ((0.78, 0.5, 0.07), (0.65, 0.95, 0.28), (0.4, 1.18, 0.66))  # where a scheme has no jaw line


def _head(*parts):
    side = np.array([point for part in parts for point in part])
    return np.unique(np.concatenate([side, side * (-1, 1, 1)]), axis=0)


HEAD = {"ibug68": _head(_SKULL, _FOREHEAD)}
HEAD |= dict.fromkeys(("aflw21", "aflw19"), _head(_SKULL, _FOREHEAD, _CHEEK))

RING = 2.2  # radius of the background that stays, same unit
PIVOT = 0.45  # depth of the axis, so that the head stays about where it was
MIN_PAIRS = 4
MARGIN = 0.05  # a landmark this far behind another part of the face is hidden


@dataclasses.dataclass(frozen=True)
class Pose:
    """Where a face looks in a picture, from its landmarks.

    right, down: unit vectors [2] of the face in the picture. start: the face's middle at the depth of the ears, along
    `right`, pixels. eyes: the eyes along `down`, pixels. unit: distance between the outer corners of the eyes, pixels,
    as if seen from the front. yaw: degrees, positive towards the image's right.
    """

    right: np.ndarray
    down: np.ndarray
    start: float
    eyes: float
    unit: float
    yaw: float


def pose(points, visible, scheme):
    """The `Pose` of a face, or None where too few of its landmarks are annotated.

    In a turned face the middle between a landmark and its mirror image moves sideways with its depth: by sin(yaw) times
    the unit. The outer corners of the eyes are cos(yaw) times the unit apart.

    Args:
        points: float [K, 2]. visible: int [K], 0 where not annotated. scheme: of `DEPTHS`.
    """
    points, known, depth = np.asarray(points, np.float64), np.asarray(visible) > 0, DEPTHS[scheme.name]
    pairs = np.array([pair for pair in scheme.mirror_pairs if known[list(pair)].all()], int).reshape(-1, 2)
    left_eye, right_eye = EYES[scheme.name]
    if len(pairs) < MIN_PAIRS or not (known[left_eye] and known[right_eye]):
        return None
    across = (points[pairs[:, 1]] - points[pairs[:, 0]]).sum(axis=0)
    length = np.linalg.norm(across)
    if not length > 0:
        return None
    right = across / length
    down = np.array([-right[1], right[0]])
    single = np.flatnonzero((scheme.mirror == np.arange(len(depth))) & known)
    middles = np.concatenate([points[pairs].mean(axis=1), points[single]]) @ right
    slope, start = np.polyfit(np.concatenate([depth[pairs[:, 0]], depth[single]]), middles, 1)
    width = (points[right_eye] - points[left_eye]) @ right
    eyes = points[[left_eye, right_eye]].mean(axis=0) @ down
    if not width > 0:
        return None
    yaw = np.degrees(np.arctan2(slope, width))
    return Pose(right, down, float(start), float(eyes), float(np.hypot(slope, width)), float(yaw))


def turn_points(points, depth, where: Pose, degrees):
    """Points float [N, 2] of a face with their depths [N], turned by `degrees` about its upright axis (positive: to the
    image's right) -> points [N, 2] and their depth towards the camera [N], in units."""
    yaw, angle = np.radians([where.yaw, degrees])
    u, v = points @ where.right, points @ where.down
    u = (u - where.start) / where.unit
    across = (u - depth * np.sin(yaw)) / np.cos(yaw)
    w = depth * np.cos(yaw) - across * np.sin(yaw)
    u, w = u - PIVOT * np.sin(yaw), w - PIVOT * np.cos(yaw)
    u, w = u * np.cos(angle) + w * np.sin(angle), w * np.cos(angle) - u * np.sin(angle)
    u = where.start + where.unit * (u + PIVOT * np.sin(yaw))
    return u[:, None] * where.right + v[:, None] * where.down, w


@dataclasses.dataclass(frozen=True)
class View:
    """A face turned: image uint8 [H, W, 3], points float64 [K, 2], hidden bool [K] (behind another part of the face),
    mask uint8 [H, W] or None."""

    image: np.ndarray
    points: np.ndarray
    hidden: np.ndarray
    mask: np.ndarray | None


def turn(image, points, visible, scheme, where: Pose, degrees, mask=None):
    """A face seen from further to the side.

    Args:
        image: uint8 [H, W, 3]. points: float [K, 2]. visible: int [K], 0 where not annotated. scheme: of `DEPTHS`.
        where: the face's pose. degrees: by how much more; positive turns it to the image's right.
        mask: uint8 [H, W] of classes, which turn with it.

    Returns:
        `View`. Points that are not annotated stay. Beyond the image's edge its reflection is seen.
    """
    points, known = np.asarray(points, np.float64), np.flatnonzero(np.asarray(visible) > 0)
    ring = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    middle = where.start * where.right + where.eyes * where.down
    ring = middle + RING * where.unit * np.stack([np.cos(ring), np.sin(ring)], axis=1)
    head, head_depth = _place(HEAD[scheme.name], where)
    moving = np.concatenate([points[known], head])
    moved, near = turn_points(
        moving, np.concatenate([DEPTHS[scheme.name][known], head_depth]), where, degrees
    )
    before, after = np.concatenate([moving, ring]), np.concatenate([moved, ring])
    triangles = _delaunay(before)
    front = _area(after[triangles]) > 1e-2
    face = (triangles < len(moving)).all(axis=1)
    near = np.concatenate([near, np.full(len(ring), -np.inf)])
    shown = triangles[front]
    shown = shown[np.argsort(near[shown].mean(axis=1), kind="stable")]

    hidden = np.zeros(len(points), bool)
    hidden[known] = _hidden(after, near, triangles[face & front], len(known))
    turned = points.copy()
    turned[known] = moved[: len(known)]
    place, maps = _maps(before, after, shown, ring, image.shape[:2])
    return View(
        _remap(image, place, maps, cv2.INTER_LINEAR, cv2.BORDER_REFLECT),
        turned,
        hidden,
        None if mask is None else _remap(mask, place, maps, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT),
    )


def _place(head, where):
    """Points of the generic head in the picture [N, 2], and their depths."""
    yaw = np.radians(where.yaw)
    u = where.start + where.unit * (head[:, 0] * np.cos(yaw) + head[:, 2] * np.sin(yaw))
    v = where.eyes + where.unit * head[:, 1]
    return u[:, None] * where.right + v[:, None] * where.down, head[:, 2]


def _area(corners):
    """Twice the signed area of triangles [T, 3, 2]."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _delaunay(points):
    """Triangles int [T, 3] over points [N, 2], all of positive area."""
    points = (points - points.min(axis=0) + 1).astype(np.float32)
    subdivision = cv2.Subdiv2D((0, 0, *(int(n) + 2 for n in points.max(axis=0))))
    subdivision.insert(points.tolist())
    corners = subdivision.getTriangleList().reshape(-1, 3, 2)
    triangles = ((corners[:, :, None] - points) ** 2).sum(axis=-1).argmin(axis=-1)
    area = _area(points[triangles])
    triangles[area < 0] = triangles[area < 0][:, ::-1]
    return triangles[np.abs(area) > 1e-2]


def _barycentric(corners):
    """Of triangles [T, 3, 2] the matrices [T, 3, 3] that take (x, y, 1) to the weights of their corners."""
    return np.linalg.inv(np.concatenate([corners, np.ones((len(corners), 3, 1))], axis=2)).transpose(0, 2, 1)


def _hidden(points, near, triangles, count):
    """Which of the first `count` points lie behind a triangle that they are no corner of, bool."""
    weights = _barycentric(points[triangles]) @ np.c_[points[:count], np.ones(count)].T
    depth = np.einsum("tc,tck->tk", near[triangles], weights)
    corner = (triangles[:, :, None] == np.arange(count)).any(axis=1)
    behind = (weights > 0).all(axis=1) & ~corner & (depth > near[:count] + MARGIN)
    return behind.any(axis=0)


def _maps(before, after, triangles, ring, shape):
    """Where the pixels inside the ring come from: the (y, x) slices of the part of the image, and its x and y for
    `cv2.remap`, both relative to the part."""
    low = np.clip(np.floor(ring.min(axis=0)), 0, (shape[1], shape[0])).astype(int)
    high = np.clip(np.ceil(ring.max(axis=0)) + 1, low, (shape[1], shape[0])).astype(int)
    width, height = high - low
    place = (slice(low[1], high[1]), slice(low[0], high[0]))
    label = np.full((height, width), len(triangles), np.int32)
    if label.size:
        corners = np.rint((after[triangles] - low) * 16).astype(np.int32)
        for number, polygon in enumerate(corners):
            cv2.fillConvexPoly(label, polygon, number, shift=4)
    # source = (x, y, 1) @ linear[triangle]; the last one, outside the ring, stays.
    linear = np.einsum("tck,tcd->tkd", _barycentric(after[triangles] - low), before[triangles] - low)
    linear = np.concatenate([linear, [[[1, 0], [0, 1], [0, 0]]]]).astype(np.float32)[label]
    x = np.arange(width, dtype=np.float32)[:, None]
    y = np.arange(height, dtype=np.float32)[:, None, None]
    return place, x * linear[..., 0, :] + y * linear[..., 1, :] + linear[..., 2, :]


def _remap(image, place, maps, interpolation, border):
    image = image.copy()
    if maps.size:
        part = np.ascontiguousarray(image[place])
        image[place] = cv2.remap(part, maps, None, interpolation, borderMode=border)
    return image
