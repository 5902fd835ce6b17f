"""Pictures of an evaluation: cumulative error curves, and a sheet of the worst cases."""

import functools

import cv2
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from bnn_landmarks import files
from bnn_landmarks.datasets.sample import subject_square
from bnn_landmarks.evaluation import metrics
from bnn_landmarks.geometry import boxes, crops, draw

TILE = 256


def curves(evaluation, path):
    """A PNG of each metric's cumulative curve: for bodies the share of joints within t, by joint pair; else the share
    of images with an NME of at most t."""
    names = list(evaluation.spec.landmark_scheme().names)
    figure, axes = plt.subplots(
        1, len(evaluation.errors), figsize=(6 * len(evaluation.errors), 4.5), squeeze=False
    )
    for axis, (metric, errors) in zip(axes[0], evaluation.errors.items(), strict=True):
        limit = metrics.THRESHOLDS.get(metric, 0.1)
        for label, values in _series(metric, errors, names).items():
            values = values[~np.isnan(values)]
            if values.size:
                grid = np.linspace(0, limit, 200)
                axis.plot(grid, 100 * (values[:, None] <= grid).mean(axis=0), label=label)
        axis.set(xlim=(0, limit), ylim=(0, 100), title=metric)
        axis.set(xlabel="error / normaliser", ylabel="% of images" if metric == "NME" else "% of joints")
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right", fontsize=8)
    figure.tight_layout()
    with files.atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=110)
    plt.close(figure)


def _series(metric, errors, names):
    if metric == "NME":
        return {"all": metrics.image_errors(errors)}
    members = {
        pair: [names.index(j) for j in joints if j in names] for pair, joints in metrics.JOINT_PAIRS.items()
    }
    return {pair: errors[:, indices].ravel() for pair, indices in members.items()}


def worst(evaluation, dataset, path, count=20, columns=5):
    """A JPEG sheet of the `count` worst images: the crop the network was given, what it found, the annotation
    in white dots, its error."""
    tiles = [_tile(evaluation, dataset, index) for index in evaluation.order[:count]]
    sheet = cv2.cvtColor(draw.sheet(tiles, columns, TILE), cv2.COLOR_RGB2BGR)
    with files.atomic_write(path) as file:
        file.write(cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())


def _tile(evaluation, dataset, index):
    sample, spec = dataset[int(index)], evaluation.spec
    whole = spec.task == "boxes"
    matrix = (
        boxes.letterbox(sample.image.shape, TILE)
        if whole
        else crops.affine(*subject_square(sample, spec), TILE)
    )
    tile = crops.crop(sample.image, matrix, TILE)
    if whole:
        low, high = crops.transform(evaluation.truth[index].points, matrix)
        found = evaluation.predictions[index] * TILE / spec.input_size
        tile = functools.reduce(draw.box, found, draw.box(tile, (*low, *(high - low)), (102, 219, 112)))
    elif spec.task == "parts":
        mask = cv2.resize(evaluation.predictions[index], (TILE, TILE), interpolation=cv2.INTER_NEAREST)
        tile = draw.parts(tile, mask)
    else:
        points = crops.transform(evaluation.predictions[index], matrix)
        tile = draw.landmarks(tile, points, spec.landmark_scheme())
        truth = evaluation.truth[index]
        for x, y in np.rint(crops.transform(truth.points[truth.visible > 0], matrix)).astype(int).tolist():
            cv2.circle(tile, (x, y), 2, (255, 255, 255), -1)
    return draw.label(tile, f"{sample.name} {100 * evaluation.rows[index]['error']:.0f} %")
