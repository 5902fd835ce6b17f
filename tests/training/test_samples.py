"""Samples -> batches: reproducible from any sample on, whatever the number of workers, for landmarks and parts."""

import dataclasses

import numpy as np
import pytest
from faces import seen

from bnn_landmarks.datasets.sample import Sample, subject_square
from bnn_landmarks.geometry import crops, parts
from bnn_landmarks.schemes import SCHEMES, Scheme
from bnn_landmarks.spec import Spec
from bnn_landmarks.training import augment
from bnn_landmarks.training.augment import Augmentation
from bnn_landmarks.training.samples import TrainingSamples, batches


class Made:
    """Random pictures whose pixels under each landmark k are of grey 10 * (k + 1)."""

    def __init__(self, scheme, count, seed=0, mask=False):
        self.scheme, self.count, self.seed, self.mask = scheme, count, seed, mask

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, index))
        image = np.zeros((96, 96, 3), np.uint8)
        points = rng.uniform(12, 84, (len(self.scheme), 2)).astype(np.float32)
        for k, (x, y) in enumerate(points):
            image[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = (37 * (k + 1)) % 256
        mask = rng.integers(0, 7, (96, 96)).astype(np.uint8) if self.mask else None
        box = np.array([8, 8, 80, 80], np.float32)
        return Sample(str(index), image, points, np.full(len(points), 2, np.int32), box, mask=mask)


HOW = Augmentation(rotate=1.0, shift=0.05, blur=0.5, occlude=0.5, low_resolution=0.5, low_light=0.5)
POSE = Spec("t", input_size=32, channels=32)


def take(samples, first, workers, count=3, batch_size=4):
    stream = batches(samples, batch_size, first=first, workers=workers)
    return [[part.numpy() for part in batch] for batch in stream.take(count)]


def test_the_same_data_whatever_the_number_of_workers():
    samples = TrainingSamples([Made(SCHEMES["mpii16"], 5)], POSE, HOW, seed=3)
    one, many = take(samples, 0, workers=1), take(samples, 0, workers=7)
    for a, b in zip(one, many, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])
    assert one[0][0].shape == (4, 32, 32, 3)
    assert one[0][0].dtype == np.float32
    assert one[0][0].max() <= 1
    assert one[0][1].shape == (4, 16, 3)
    np.testing.assert_array_equal(one[1][0][2], crops.to_input(samples[6][0]))


def test_a_run_goes_on_where_it_stopped():
    samples = TrainingSamples([Made(SCHEMES["mpii16"], 5)], POSE, HOW, seed=3)
    whole, rest = take(samples, 0, workers=2), take(samples, 8, workers=3, count=1)
    np.testing.assert_array_equal(whole[2][0], rest[0][0])
    np.testing.assert_array_equal(whole[2][1], rest[0][1])


def test_an_epoch_sees_every_sample_once_and_each_in_its_own_order():
    datasets = [Made(SCHEMES["mpii16"], 4), Made(SCHEMES["lsp14"], 3, seed=1)]
    samples = TrainingSamples(datasets, POSE, augment.NONE, seed=1)
    assert len(samples) == 7
    epochs = [[samples[7 * epoch + i][0].tobytes() for i in range(7)] for epoch in range(3)]
    assert all(len(set(epoch)) == 7 for epoch in epochs)
    assert len({frozenset(epoch) for epoch in epochs}) == 1
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_seeds_differ_and_repeats_of_a_sample_differ():
    made = [Made(SCHEMES["mpii16"], 1)]
    samples = TrainingSamples(made, POSE, HOW, seed=0)
    again, other = TrainingSamples(made, POSE, HOW, seed=0), TrainingSamples(made, POSE, HOW, seed=1)
    np.testing.assert_array_equal(samples[0][0], again[0][0])
    assert (samples[0][0] != other[0][0]).any()
    assert (samples[0][0] != samples[1][0]).any()


def test_landmarks_are_where_the_crop_shows_them_also_mirrored():
    made = Made(SCHEMES["mpii16"], 6)
    spec = Spec("t", input_size=96, channels=32, padding=1.2)
    samples = TrainingSamples([made], spec, Augmentation(rotate=1.0, colour=(1, 1)), seed=5)
    order = SCHEMES["mpii16"].mirror
    mirrored = right = total = 0
    for number in range(24):
        patch, target = samples[number]
        for mirror in (False, True):
            wanted = [(37 * ((order[k] if mirror else k) + 1)) % 256 for k in range(16)]
            x, y = np.round(target[:, :2]).astype(int).T
            inside = (x > 0) & (x < 95) & (y > 0) & (y < 95)
            hits = np.abs(patch[y[inside], x[inside], 0].astype(int) - np.array(wanted)[inside]) < 12
            if hits.mean() > 0.7:
                mirrored, right, total = mirrored + mirror, right + hits.sum(), total + len(hits)
    assert 4 < mirrored < 20
    assert right / total > 0.85, "dots may cover each other, no more"
    assert total > 24 * 10


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        (SCHEMES["pifa34"], "no pairs of left and right"),
        (Scheme("own", ("a", "left b", "c")), "'left b' has no partner"),
    ],
)
def test_landmarks_without_mirror_pairs_are_never_mirrored(scheme, reason, caplog):
    spec = Spec("t", input_size=32, channels=32, scheme=scheme.name, landmarks=scheme.to_dict())
    samples = TrainingSamples([Made(scheme, 2)], spec, Augmentation(mirror=1.0), seed=0)
    assert samples.augmentation.mirror == 0
    assert reason in caplog.text


def test_landmarks_of_two_sets_are_matched_by_name():
    wanted = Scheme("bird", ("beak", "l_wing", "r_wing", "tail"), ((1, 2),))
    listed = Scheme("bird", ("tail", "Right Wing", "beak", "Left Wing"), ((1, 3),))
    spec = Spec("t", input_size=32, channels=32, scheme="bird", landmarks=wanted.to_dict())
    one, two = (TrainingSamples([Made(scheme, 1)], spec, augment.NONE) for scheme in (wanted, listed))
    np.testing.assert_array_equal(two[0][1], one[0][1][[2, 3, 1, 0]])
    with pytest.raises(ValueError, match="from scheme 'bird' to 'bird': tail missing"):
        TrainingSamples([Made(Scheme("bird", ("beak", "l_wing", "r_wing")), 1)], spec, augment.NONE)


def test_parts_from_masks_and_from_points():
    spec = Spec("t", task="parts", scheme="parts7", input_size=64, channels=32, box_side="mean")
    masked = Made(SCHEMES["parts7"], 2, mask=True)
    drawn = Made(SCHEMES["ibug68"], 2, seed=2)
    samples = TrainingSamples([masked, drawn], spec, augment.NONE, seed=0)
    images, labels = take(samples, 0, workers=2, count=1)[0]
    assert images.shape == (4, 64, 64, 3)
    assert labels.shape == (4, 64, 64)
    assert labels.dtype == np.uint8
    expected = []
    for dataset in (masked, drawn):
        for sample in (dataset[0], dataset[1]):
            matrix = crops.affine(*subject_square(sample, spec), 64)
            expected.append(parts.label_map(sample, dataset.scheme, matrix, 64).tobytes())
    assert sorted(label.tobytes() for label in labels) == sorted(expected)


def test_parts_need_masks_or_68_points():
    spec = Spec("t", task="parts", scheme="parts7", input_size=64, channels=32)
    samples = TrainingSamples([Made(SCHEMES["aflw21"], 1)], spec, augment.NONE)
    with pytest.raises(ValueError, match="scheme aflw21: facial parts need one or the 68 points"):
        samples[0]


def test_nothing_to_train_on():
    with pytest.raises(ValueError, match="every data set is empty"):
        TrainingSamples([Made(SCHEMES["mpii16"], 0)], POSE, HOW)


class Faces(Made):
    def __getitem__(self, index):
        sample = super().__getitem__(index)
        points = seen(5, unit=30, middle=(48, 40)).astype(np.float32)
        return Sample(
            str(index), sample.image, points, np.full(68, 2, np.int32), np.float32([24, 20, 50, 56])
        )


def test_profile_views_are_of_faces_and_repeat():
    spec = Spec("t", input_size=96, channels=32, scheme="ibug68", box_side="mean", padding=1.5)
    how = Augmentation(rotate=0, mirror=0, scale=(1, 1), colour=(1, 1), profile=0.5)
    samples, again = (TrainingSamples([Faces(SCHEMES["ibug68"], 4)], spec, how, seed=2) for _ in range(2))
    turns = []
    for number in range(12):
        (patch, target), (patch_again, target_again) = samples[number], again[number]
        np.testing.assert_array_equal(patch, patch_again)
        np.testing.assert_array_equal(target, target_again)
        assert (target[:, 2] == 1).all(), "hidden points are learned, too"
        nose, ears = target[30, 0], target[[0, 16], 0].mean()
        turns.append((nose - ears) / np.ptp(target[:, 1]))
    assert min(turns) < 0.1 and 2 < sum(turn > 0.3 for turn in turns) < 10, "some are turned to the right"
    with pytest.raises(ValueError, match="landmarks ibug68, aflw21, aflw19, not lsp14, mpii16: set it to 0"):
        TrainingSamples([Made(SCHEMES["mpii16"], 1), Made(SCHEMES["lsp14"], 1)], POSE, how)


class Alone(Made):
    """Its samples are of `box`, and alone in their images or not."""

    def __init__(self, scheme, count, box, alone):
        super().__init__(scheme, count)
        self.box, self.alone = box, alone

    def __getitem__(self, index):
        alone = self.alone(index)
        return dataclasses.replace(super().__getitem__(index), box=np.float32(self.box), alone=alone)


def test_nobody_is_asked_for_where_nobody_is():
    dots = Alone(SCHEMES["mpii16"], 6, [8, 8, 16, 20], lambda index: index % 2 == 0)
    samples = TrainingSamples([dots], POSE, dataclasses.replace(augment.NONE, absent=1.0))
    for number in range(12):
        patch, target = samples[number]
        assert patch.shape == (32, 32, 3) and target.shape == (16, 3) and target.dtype == np.float32
        expected = augment.ABSENT if samples.index(number) % 2 == 0 else 1
        assert (target[:, 2] == expected).all()


def test_how_loose_the_boxes_were_is_known(caplog):
    loose = dataclasses.replace(augment.NONE, loose=0.5)
    every = Alone(SCHEMES["mpii16"], 6, [8, 8, 16, 20], lambda index: True)
    some = Alone(SCHEMES["mpii16"], 6, [8, 8, 16, 20], lambda index: index < 2)
    none = Alone(SCHEMES["mpii16"], 6, [8, 8, 16, 20], lambda index: False)
    caplog.set_level("INFO")
    assert TrainingSamples([every], POSE, loose).loosest() == 96 / 20 and not caplog.messages
    assert TrainingSamples([every], POSE, augment.NONE).loosest() is None
    assert TrainingSamples([some], POSE, loose).loosest() == 96 / 20
    assert "where a subject is alone in its image: in 2 of 6" in caplog.messages.pop()
    caplog.clear()
    assert TrainingSamples([none], POSE, loose).loosest() is None
    assert "no image is known to show one subject alone" in caplog.messages[0]
