"""A face of 68 points from the front, for tests that need its layout."""

import numpy as np

from bnn_landmarks.training.profile_views import DEPTHS


def _arc(x0, x1, y, rise, count):
    x = np.linspace(x0, x1, count)
    return np.stack([x, y - rise * np.sin(np.pi * (x - x0) / (x1 - x0))], axis=1)


def _ring(x, y, a, b, count):
    angle = np.pi + np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + a * np.cos(angle), y + b * np.sin(angle)], axis=1)


def layout():
    """Points [68, 3] in distances between the outer corners of the eyes: right of the middle, below the eyes, depth."""
    jaw = _arc(-0.82, 0.82, 0.2, -1.0, 17)
    brows = np.concatenate([_arc(-0.65, -0.2, -0.22, 0.06, 5), _arc(0.2, 0.65, -0.22, 0.06, 5)])
    bridge = np.stack([np.zeros(4), np.linspace(0.0, 0.33, 4)], axis=1)
    base = _arc(-0.15, 0.15, 0.44, -0.03, 5)
    eyes = np.concatenate([_ring(-0.36, 0, 0.14, 0.05, 6), _ring(0.36, 0, 0.14, 0.05, 6)])
    mouth = np.concatenate([_ring(0, 0.72, 0.3, 0.13, 12), _ring(0, 0.72, 0.25, 0.06, 8)])
    points = np.concatenate([jaw, brows, bridge, base, eyes, mouth])
    return np.concatenate([points, DEPTHS["ibug68"][:, None]], axis=1)


def seen(yaw, unit=60.0, roll=0.0, middle=(100.0, 90.0)):
    """The points as an orthographic camera sees them, float [68, 2]; degrees, pixels."""
    x, y, z = layout().T
    across = x * np.cos(np.radians(yaw)) + z * np.sin(np.radians(yaw))
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return unit * np.stack([cos * across - sin * y, sin * across + cos * y], axis=1) + middle
