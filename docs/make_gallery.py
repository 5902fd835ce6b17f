"""Draws docs/gallery.md with its pictures, and the picture of each card, for every entry that has weights.

    python docs/make_gallery.py --data DATA

Photographs: the package's samples, and one that comes with Matplotlib. Of validation images, picked at random, what was
found is drawn beside what is annotated, without the photographs, which are not ours to show; without `--data` that
picture is left as it is. A card's picture (zoo/cards/NAME.jpg) is the
scheme, drawn on no one's body or face, with numbers and names, and what the entry finds on a photograph.
"""

import argparse
import pathlib
import warnings

import cv2
import make_parts_figure as mean_face
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import bnn_landmarks
from bnn_landmarks import datasets, files, schemes, zoo
from bnn_landmarks.evaluation import robustness
from bnn_landmarks.evaluation.failures import IBUG_REGIONS
from bnn_landmarks.geometry import boxes, crops, draw, images, parts
from bnn_landmarks.inference import detect
from bnn_landmarks.inference.finder import Finder
from bnn_landmarks.inference.localizer import Parts

DOCS = pathlib.Path(__file__).parent
TILE = 256
HOPPER = pathlib.Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
# The photographs of each kind of subject, with a box where the detector's would not do.
PHOTOGRAPHS = {
    "person": ((images.sample("person"), images.SAMPLE_BOXES["person"]),),
    "face": ((images.sample("face"), None), (HOPPER, None)),
}
COLOURS = {"person": draw.MIDDLE, "face": draw.RIGHT}
# Of each split two images are picked; without a box the entry looks for whoever is there.
PICKED = (
    ("mpii", "val", "pose"),
    ("lspet", "val", "pose"),
    ("helen_afw", "val", "face_300wlp"),
    ("aflw2000", "val_68", "face_300wlp"),
)
PICKS, SEED = 2, 2017
SHOWN = (
    "box off by 20 %",
    "rotated by 30 degrees",
    "low light",
    "blur",
    "JPEG quality 20",
    "half resolution",
)
INTRODUCTION = """# Gallery

What every entry with weights finds, right or wrong, as `bnn-landmarks predict` draws it: landmarks of a score of at
least 0.2, a person's left in blue, right in orange. First the photographs as they are, then the first of them under six
changes of [`evaluation/robustness.py`](../bnn_landmarks/evaluation/robustness.py). One photograph proves nothing: the
scores on hundreds are on the cards and in [comparison.md](comparison.md).

"""
WITHOUT_BOX = """## Without a box

![without a box](gallery/without_box.jpg)

Two images each of mpii val and lspet val (`pose`), helen_afw val and aflw2000 val_68 (`face_300wlp`), which a generator
with a fixed seed picked and nobody else: what comes out without a box in colour, right or wrong, beside what is
annotated in grey (one subject of each image). The photographs themselves are under terms that let us measure on them
and not show them; the frame is where their border is.

"""
CREDITS = """## The photographs

The man with the camera (Lav Varshney, CC0) and Eileen Collins (NASA, public domain) come with this package
([LICENSES.md](../bnn_landmarks/assets/LICENSES.md)); Grace Hopper (US Navy, public domain) comes with Matplotlib.

Made by `python docs/make_gallery.py --data DATA`.
"""

# A standing person seen from the front, MPII's 16 joints.
STANDING = [
    [-20, 178],
    [-16, 135],
    [-12, 92],
    [12, 92],
    [16, 135],
    [20, 178],
    [0, 90],
    [0, 42],
    [0, 30],
    [0, 0],
]
STANDING += [[-52, 88], [-40, 62], [-22, 40], [22, 40], [40, 62], [52, 88]]
EARS = {12: [-121, 45], 16: [121, 45]}  # AFLW's lobes, which the 68 points lack


def standard_points(scheme):
    """Where the landmarks of a scheme lie on a standard body or face: float [K, 2] in a picture of `mean_face.SIDE`
    pixels."""
    if scheme.name == "mpii16":
        return np.array(STANDING) * 3.3 + [mean_face.SIDE / 2, 25]
    if scheme.name == "ibug68":
        return mean_face.face()
    points, _ = schemes.convert(mean_face.face(), np.full(68, 2), "ibug68", scheme.name)
    for index, place in EARS.items():
        points[index] = np.array(place) * mean_face.SCALE + [mean_face.SIDE / 2, mean_face.SIDE * 0.27]
    return points


def tile(image, result, text=None):
    """The surroundings of a result's box, uint8 [TILE, TILE, 3], as far as the image goes, with what was found."""
    center, side = crops.square(result.box, "max", 1.6)
    size = np.array(image.shape[1::-1])
    side = min(side, size.max())
    center = np.where(size > side, np.clip(center, side / 2, size - side / 2), size / 2) - 0.5
    matrix = crops.affine(center, side, TILE)
    picture = crops.crop(image, matrix, TILE)
    if isinstance(result, Parts):
        mask = cv2.warpAffine(result.mask, matrix, (TILE, TILE), flags=cv2.INTER_NEAREST)
        picture = draw.parts(picture, mask)
    else:
        points = crops.transform(result.points, matrix)
        picture = draw.landmarks(picture, points, result.scheme, result.scores)
    return draw.label(picture, text) if text else picture


def photographs(scheme):
    """The images and boxes that fit a scheme, as `Localizer` takes them."""
    kind = "person" if scheme.name in detect.PEOPLE_SCHEMES else "face"
    return [(images.read(path), box) for path, box in PHOTOGRAPHS[kind]]


def strip(localizer):
    """The photographs, and the first of them changed: a sheet of tiles."""
    tiles = []
    pictures = photographs(localizer.scheme)
    for image, box in pictures:
        tiles += [tile(image, result) for result in localizer(image, box)]
    image, box = pictures[0]
    box = localizer(image, box)[0].box
    for name in SHOWN:
        changed, new_box, _ = robustness.CHANGES[name](image, box, np.random.default_rng(robustness.SEED))
        tiles.append(tile(changed, localizer(changed, new_box)[0], name))
    return draw.sheet(tiles, 4, TILE)


def scheme_picture(localizer, path):
    """The scheme with its numbers, their names, and what the network finds on a photograph."""
    scheme, side = localizer.scheme, mean_face.SIDE
    white = np.full((side, side, 3), 255, np.uint8)
    figure, axes = plt.subplots(1, 3, figsize=(12, 5), width_ratios=(1, 0.35, 1))
    if scheme.classes:
        axes[0].imshow(draw.parts(white, parts.draw(mean_face.face(), (side, side)), alpha=1))
    else:
        points = standard_points(scheme)
        axes[0].imshow(draw.landmarks(white, points, scheme))
        for k, (x, y) in enumerate(points):
            axes[0].annotate(str(k), (x, y), (4, 4), textcoords="offset points", fontsize=8)
    lines = [f"{k}  {name}" for k, name in enumerate(scheme.names)]
    if scheme.name == "ibug68":
        lines = [f"{low} to {high - 1}  {region}" for region, low, high in IBUG_REGIONS]
    colours = draw.palette(len(lines)) if scheme.classes else [(0, 0, 0)] * len(lines)
    for k, (line, colour) in enumerate(zip(lines, colours, strict=True)):
        axes[1].text(0, 0.97 - k / 22, line, color=np.array(colour) / 255, fontsize=10, va="top")
    image, box = photographs(scheme)[0]
    axes[2].imshow(tile(image, localizer(image, box)[0], "found by this network"))
    for axis in axes:
        axis.axis("off")
    figure.tight_layout()
    with files.atomic_write(path) as file:
        figure.savefig(file, format="jpg", dpi=80, pil_kwargs={"quality": 85})
    plt.close(figure)


def everybody(entry):
    """All photographs with the people and faces that a finder finds in them: a sheet."""
    pictures = []
    for kind_of_photograph in PHOTOGRAPHS.values():
        for path, _ in kind_of_photograph:
            image = images.read(path)
            for kind in entry.spec.landmark_scheme().names:
                for box, score in zip(*Finder(kind, entry.name)(image), strict=True):
                    image = draw.box(image, box, COLOURS[kind])
                    print(f"  {path.name}: {kind} {score:.2f}")
            pictures.append(image)
    return draw.sheet(pictures, 4, TILE)


def figure(image, scheme, points, visible, found, text):
    """What was found in an image, over what is annotated, on white: uint8 [TILE, TILE, 3]."""
    matrix = boxes.letterbox(image.shape, TILE)
    white = np.full((TILE, TILE, 3), 255, np.uint8)
    drawn = draw.landmarks(white, crops.transform(points, matrix), scheme, visible, 1)
    grey = cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    picture = (255 - (255 - grey.astype(int)) // 2).astype(np.uint8)
    for result in found:
        inside = crops.transform(result.points, matrix)
        picture = draw.landmarks(picture, inside, result.scheme, result.scores)
    low, high = crops.transform([[-0.5, -0.5], np.array(image.shape[1::-1]) - 0.5], matrix)
    return draw.label(draw.box(picture, [*low, *(high - low)], (190, 190, 190)), text)


def without_box(data):
    """Images that a seeded generator picks, with what is found in them without a box: a sheet."""
    rng, tiles = np.random.default_rng(SEED), []
    for name, split, entry in PICKED:
        dataset, localizer = datasets.open(name, split, data), bnn_landmarks.Localizer(entry)
        for index in rng.choice(len(dataset), PICKS, replace=False):
            sample = dataset[int(index)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = localizer(sample.image)
            text = f"{name} {split}" + ("" if found else ": nobody found")
            tiles.append(figure(sample.image, dataset.scheme, sample.landmarks, sample.visible, found, text))
    return draw.sheet(tiles, 4, TILE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, help="folder of the validation sets")
    arguments = parser.parse_args()
    sections = []
    (DOCS / "gallery").mkdir(exist_ok=True)
    for name in zoo.names():
        entry = zoo.entry(name)
        if entry.weights is None:
            continue
        if entry.spec.task == "boxes":
            images.write(DOCS / "gallery" / f"{name}.jpg", everybody(entry))
            images.write(zoo.CARDS / f"{name}.jpg", everybody(entry))
        else:
            localizer = bnn_landmarks.Localizer(name)
            images.write(DOCS / "gallery" / f"{name}.jpg", strip(localizer))
            scheme_picture(localizer, zoo.CARDS / f"{name}.jpg")
        sections.append(
            f"## {name}: {entry.title}\n\n![{name}](gallery/{name}.jpg)\n\n[Card](../zoo/cards/{name}.md)\n"
        )
        print(f"{name}: docs/gallery/{name}.jpg, zoo/cards/{name}.jpg")
    if arguments.data:
        images.write(DOCS / "gallery" / "without_box.jpg", without_box(arguments.data))
    with files.atomic_write(DOCS / "gallery.md", "w") as file:
        file.write(INTRODUCTION + "\n".join([*sections, WITHOUT_BOX + CREDITS]))


if __name__ == "__main__":
    main()
