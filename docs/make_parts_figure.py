"""Draws docs/parts.png: the 68 points, the contours of facial parts joined from them, and the resulting classes.

    python docs/make_parts_figure.py

The face is no one's: the mean of many annotated faces, eyes 100 units apart, made symmetric.
"""

import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from bnn_landmarks import files
from bnn_landmarks.geometry import draw, parts

HALF_JAW = [[-115, 3], [-114, 34], [-111, 64], [-104, 93], [-92, 120], [-74, 143], [-51, 163], [-27, 178]]
BROW = [[-93, -20], [-79, -33], [-59, -38], [-38, -35], [-18, -28]]
NOSE = [[0, -4], [0, 16], [0, 35], [0, 54], [-24, 69], [-12, 73], [0, 76], [12, 73], [24, 69]]
EYE = [[-70, 0], [-57, -7], [-42, -7], [-29, 3], [-43, 5], [-58, 5]]
OUTER_LIP = [[-44, 105], [-28, 98], [-11, 95], [0, 97], [11, 95], [28, 98], [44, 105], [28, 121], [12, 128]]
INNER_LIP = [[-38, 106], [-11, 104], [0, 105], [11, 104], [38, 106], [12, 115], [0, 117], [-12, 115]]
SCALE, SIDE = 2.2, 640


def mirrored(points, order=slice(None, None, -1)):
    return (np.array(points) * [-1, 1])[order]


def face():
    """68 points float [68, 2] in pixels of a SIDE x SIDE picture."""
    outer = [*OUTER_LIP, [0, 129], [-12, 128], [-28, 121]]
    eyes = [EYE, mirrored(EYE, [3, 2, 1, 0, 5, 4])]
    points = np.concatenate(
        [HALF_JAW, [[0, 182]], mirrored(HALF_JAW), BROW, mirrored(BROW), NOSE, *eyes, outer, INNER_LIP]
    )
    return points * SCALE + [SIDE / 2, SIDE * 0.27]


def main():
    points = face()
    mask = parts.draw(points, (SIDE, SIDE))
    colours = np.array(draw.palette(len(parts.CLASSES)), np.uint8)
    figure, axes = plt.subplots(1, 2, figsize=(14, 7.2))
    for name, contour in parts.CONTOURS:
        polygon = parts.outline(points.astype(np.float32), name, contour)
        axes[0].plot(
            *polygon[[*range(len(polygon)), 0]].T,
            "-",
            color=colours[parts.CLASSES.index(name)] / 255,
            linewidth=2.5,
        )
    axes[0].plot(*points.T, "k.", markersize=4)
    for k, (x, y) in enumerate(points):
        axes[0].annotate(str(k), (x, y), (2, 3), textcoords="offset points", fontsize=7)
    axes[0].set(
        title="68 points, and the contours that join them", xlim=(0, SIDE), ylim=(SIDE, 0), aspect="equal"
    )
    axes[1].imshow(colours[mask])
    for name, colour in zip(parts.CLASSES, colours, strict=True):
        axes[1].plot(
            [], [], "s", color=colour / 255, markersize=10, label=f"{parts.CLASSES.index(name)} {name}"
        )
    axes[1].set(title="the seven classes")
    axes[1].legend(loc="lower left", fontsize=8)
    for axis in axes:
        axis.axis("off")
    figure.tight_layout()
    with files.atomic_write(pathlib.Path(__file__).with_name("parts.png")) as file:
        figure.savefig(file, format="png", dpi=80)


if __name__ == "__main__":
    main()
