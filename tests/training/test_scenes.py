"""Scenes: reproducible, their boxes where the subjects are drawn, and no claim where nobody looked."""

import numpy as np
import pytest

from bnn_landmarks.datasets.sample import Sample, tight_box
from bnn_landmarks.datasets.subjects import FACE, PERSON, photo
from bnn_landmarks.geometry import boxes
from bnn_landmarks.schemes import SCHEMES, Scheme
from bnn_landmarks.spec import Spec
from bnn_landmarks.training import augment, scenes
from bnn_landmarks.training.samples import batches, series

SPEC = Spec("t", task="boxes", scheme="subjects", input_size=128, channels=32, padding=1.0, score="sigmoid")
PLAIN = augment.NONE


class Drawn:
    """Photographs of a filled rectangle, red for a body, blue for a face, on noise; its corners are landmarks."""

    def __init__(self, scheme, count=6, seed=0):
        self.scheme, self.count, self.seed = scheme, count, seed

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, index))
        image = rng.integers(60, 120, (120, 160, 3), dtype=np.uint8)
        x, y = rng.integers(20, 50, 2)
        width, height = rng.integers(30, 60, 2)
        body = "head_top" in self.scheme.names
        image[y : y + height, x : x + width] = (250, 0, 0) if body else (0, 0, 250)
        count = len(self.scheme)
        points = np.stack(
            [rng.uniform(x, x + width - 1, count), rng.uniform(y, y + height - 1, count)], axis=1
        )
        points[:2] = [x, y], [x + width - 1, y + height - 1]
        points, visible = points.astype(np.float32), np.full(count, 2, np.int32)
        return Sample(str(index), image, points, visible, tight_box(points, visible))


def colour_box(square, channel):
    """x0, y0, x1, y1 of the pixels of one strong colour, or None."""
    other = square[..., [c for c in range(3) if c != channel]].max(axis=2)
    ys, xs = np.nonzero((square[..., channel] > 200) & (other < 40))
    return None if len(xs) < 40 else np.array([xs.min(), ys.min(), xs.max(), ys.max()])


def asked(target, kind):
    """The boxes a target asks for."""
    target = target.reshape(*target.shape[:2], 2, boxes.TARGETS)[:, :, kind]
    found = []
    for y, x in np.argwhere(target[..., 0] > 0.9999):
        dx, dy, width, height = target[y, x, 2:-1]
        sides = 4 * boxes.UNIT * np.exp([width, height])
        found.append(np.concatenate([4 * (np.array([x + dx, y + dy]) + 0.5) - 0.5 - sides / 2, sides]))
    return np.array(found).reshape(-1, 4)


def test_scenes_depend_on_the_seed_and_the_number_alone():
    made = [Drawn(SCHEMES["mpii16"]), Drawn(SCHEMES["ibug68"], seed=1)]
    how = augment.Augmentation(rotate=0.5, blur=0.3)
    one, again = (series(made, SPEC, how, seed=4) for _ in range(2))
    other = series(made, SPEC, how, seed=5)
    for number in (0, 7, 30):
        np.testing.assert_array_equal(one[number][0], again[number][0])
        np.testing.assert_array_equal(one[number][1], again[number][1])
    assert any((one[n][0] != other[n][0]).any() for n in range(3))


def test_batches_of_scenes():
    stream = batches(series([Drawn(SCHEMES["mpii16"])], SPEC, PLAIN), 4, first=2, workers=2)
    images, targets = next(iter(stream.take(1)))
    assert images.shape == (4, 128, 128, 3) and targets.shape == (4, 32, 32, 2 * boxes.TARGETS)


@pytest.fixture
def only(monkeypatch):
    """Scenes of one sort only."""
    return lambda sort: monkeypatch.setattr(scenes, "SCENES", {sort: 1.0})


@pytest.mark.parametrize("sort", ["whole", "part"])
@pytest.mark.parametrize(("name", "kind", "channel"), [("mpii16", PERSON, 0), ("ibug68", FACE, 2)])
def test_a_box_is_where_its_subject_is_drawn(only, monkeypatch, sort, name, kind, channel):
    only(sort)
    monkeypatch.setattr(scenes.Scene, "fill", lambda scene, others: None)
    made = series([Drawn(SCHEMES[name])], SPEC, augment.Augmentation(rotate=0.0, colour=(1, 1)), seed=1)
    checked = 0
    for number in range(20):
        square, target = made[number]
        wanted, drawn = asked(target, kind), colour_box(square, channel)
        assert len(asked(target, 1 - kind)) == 0
        if len(wanted):
            assert len(wanted) == 1
            found = np.concatenate([wanted[0, :2], wanted[0, :2] + wanted[0, 2:]])
            np.testing.assert_allclose(found, drawn, atol=3)
            checked += 1
    assert checked > 10


def test_several_subjects_of_both_kinds_share_a_scene(only):
    only("several")
    made = series([Drawn(SCHEMES["mpii16"]), Drawn(SCHEMES["ibug68"], seed=1)], SPEC, PLAIN, seed=2)
    counts = np.array([[len(asked(made[n][1], kind)) for kind in (PERSON, FACE)] for n in range(40)])
    assert (counts.sum(axis=1) >= 2).mean() > 0.5
    assert (counts > 0).all(axis=1).sum() > 5
    assert counts.sum(axis=1).max() <= 4


def test_nobody_is_asked_for_in_an_empty_scene(only):
    only("empty")
    made = series([Drawn(SCHEMES["mpii16"])], SPEC, PLAIN, seed=2)
    targets = [made[n][1].reshape(32, 32, 2, boxes.TARGETS) for n in range(20)]
    assert all((target[..., 0] == 0).all() and (target[..., 1] > 0).all() for target in targets)


def test_where_nobody_looked_nothing_is_claimed(only):
    only("whole")
    body, face = (
        series([Drawn(SCHEMES[name])], SPEC, augment.Augmentation(rotate=0.0, colour=(1, 1)), seed=3)
        for name in ("mpii16", "ibug68")
    )
    counts = face[0][1].reshape(32, 32, 2, boxes.TARGETS)[..., 1]
    picture = face[0][0].reshape(32, 4, 32, 4, 3).min(axis=(1, 3, 4)) > 20  # map pixels inside the photograph
    assert (counts[picture][:, PERSON] == 0).all(), "whose face it is, is a person nobody annotated"
    assert set(np.unique(counts[picture][:, FACE])) <= {np.float32(scenes.MARGIN), 1.0}
    counts = body[0][1].reshape(32, 32, 2, boxes.TARGETS)[..., 1]
    assert (counts[..., FACE] == 0).any(), "a person's head may show a face"


def test_covered_subjects_are_not_asked_for():
    scene = scenes.Scene(SPEC, np.random.default_rng(0), PLAIN)
    shown = photo(Drawn(SCHEMES["mpii16"])[0], SCHEMES["mpii16"])
    scene._paste(shown, [80, 60], 160)
    assert len(asked(scene.target(), PERSON)) == 1
    scene._paste(photo(Drawn(SCHEMES["ibug68"], seed=1)[0], SCHEMES["ibug68"]), [80, 60], 160)
    target = scene.target()
    assert len(asked(target, PERSON)) == 0 and len(asked(target, FACE)) == 1


def test_faces_of_eyes_and_tops_of_heads_from_cocos_points():
    scheme = SCHEMES["coco17"]
    points = np.zeros((17, 2), np.float32)
    at = scheme.names.index
    points[at("nose")], points[at("left_eye")], points[at("right_eye")] = (50, 30), (54, 26), (46, 26)
    points[at("left_shoulder")], points[at("right_shoulder")] = (64, 50), (36, 50)
    points[at("left_ankle")], points[at("right_ankle")] = (56, 150), (44, 150)
    visible = np.where(points.any(axis=1), 2, 0)
    sample = Sample("a", np.zeros((160, 100, 3), np.uint8), points, visible, tight_box(points, visible))
    (_, body), (kind, face) = photo(sample, scheme).subjects
    assert kind == FACE
    assert body[:, 1].min() == pytest.approx(50 - 1.9 * (50 - (30 + 26 + 26) / 3), abs=0.1)
    low, high = face.min(axis=0), face.max(axis=0)
    assert high[0] - low[0] == pytest.approx(2.2 * 8) and (low + high)[0] / 2 == pytest.approx(50)
    assert low[1] < 26 < 30 < high[1]
    without = np.where(np.arange(17) == at("nose"), 0, visible)
    shown = photo(Sample("a", sample.image, points, without, sample.box), scheme)
    assert [kind for kind, _ in shown.subjects] == [PERSON]


def test_a_masks_face_ends_at_the_brows():
    mask = np.zeros((100, 100), np.uint8)
    mask[10:90, 20:80] = 1
    mask[40:44, 30:70] = 5
    image = np.zeros((100, 100, 3), np.uint8)
    none = np.zeros((0, 2), np.float32), np.zeros(0, np.int32)
    shown = photo(Sample("a", image, *none, box=np.array([20, 10, 60, 80]), mask=mask), SCHEMES["parts7"])
    outline = shown.subjects[0][1]
    assert outline[:, 1].max() == 89 and 28 <= outline[:, 1].min() <= 31
    assert outline[:, 0].min() == 20 and outline[:, 0].max() == 79


def test_other_landmarks_are_refused():
    sample = Sample("bird", np.zeros((9, 9, 3), np.uint8), np.ones((2, 2)), np.full(2, 2), np.ones(4))
    with pytest.raises(ValueError, match="bird is annotated with wings: no body and no face"):
        photo(sample, Scheme("wings", ("a", "b")))
