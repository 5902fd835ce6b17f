"""Labels merged with predictions: exchanged sides, near and far predictions, missing labels, files."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from coco_folders import write_record

from bnn_landmarks.commands.data import command
from bnn_landmarks.datasets import cleaning
from bnn_landmarks.datasets.coco import CocoKeypoints
from bnn_landmarks.schemes import SCHEMES, convert

LSP, COCO = SCHEMES["lsp14"], SCHEMES["coco17"]
LIMBS = convert(np.zeros((17, 2)), np.ones(17, int), "coco17", "lsp14")[1] > 0


def body():
    """14 points of a person some 100 pixels tall, none near another."""
    rng = np.random.default_rng(3)
    return np.c_[rng.permutation(14) * 7.0, rng.permutation(14) * 8.0]


def merge(points, visible, predicted, confidence):
    return cleaning.merge(points, visible, predicted, confidence, LSP.mirror)


def test_a_near_sure_prediction_is_averaged_and_a_far_one_taken():
    points, predicted, confidence = body(), body(), np.zeros(14)
    confidence[[0, 1, 2]] = 0.9, 0.9, 0.2
    predicted[0] += [4, 0]
    predicted[[1, 2]] += [40, 0]
    merged, visible, counts = merge(points, np.full(14, 2), predicted, confidence)
    np.testing.assert_allclose(merged[0], points[0] + [2, 0])
    np.testing.assert_allclose(merged[1], points[1] + [40, 0])
    np.testing.assert_allclose(merged[2:], points[2:])
    assert (visible == 2).all()
    assert counts == {"exchanged": 0, "averaged": 1, "replaced": 1, "added": 0}


def test_a_missing_label_is_added_only_where_the_prediction_is_sure():
    points, visible = body(), np.full(14, 2)
    visible[[0, 1]] = 0
    confidence = np.zeros(14)
    confidence[[0, 1]] = 0.6, 0.4
    merged, seen, counts = merge(np.where(visible[:, None] > 0, points, 0), visible, points, confidence)
    np.testing.assert_allclose(merged[0], points[0])
    assert seen[0] == 2 and seen[1] == 0
    assert counts["added"] == 1


def test_exchanged_sides_are_put_right_throughout():
    points, visible = body(), np.full(14, 2)
    visible[0] = 0  # r_ankle: once exchanged, l_ankle is the one without a label
    confidence = np.where(LIMBS, 0.4, 0)  # known, but not sure enough to change a place
    merged, seen, counts = merge(points[LSP.mirror], visible, points, confidence)
    assert counts == {"exchanged": 1, "averaged": 0, "replaced": 0, "added": 0}
    assert list(np.flatnonzero(seen == 0)) == [LSP.mirror[0]]
    np.testing.assert_allclose(merged, points)


def test_right_sides_stay_although_the_predictions_are_a_little_off():
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = body()
        merged, _, counts = merge(
            points, np.full(14, 2), points + rng.normal(0, 3, (14, 2)), np.full(14, 0.4)
        )
        assert counts["exchanged"] == 0
        np.testing.assert_array_equal(merged, points)


@pytest.fixture
def folder(tmp_path):
    people = [body() + 20, body() + [150, 20]]
    write_record(
        tmp_path / "set" / "annotations" / "train.json",
        [{"id": 5, "file_name": "a.jpg"}],
        [
            {"id": i, "image_id": 5, "category_id": 1, "keypoints": np.c_[p, np.full(14, 2)].ravel().tolist()}
            for i, p in enumerate(people)
        ],
        [{"id": 1, "name": "person", "keypoints": list(LSP.names)}],
    )
    return tmp_path / "set", people


def results(path, *rows):
    path.write_text(json.dumps([{"image_id": 5, "category_id": 1, "score": 1, "keypoints": r} for r in rows]))
    return path


def test_a_file_of_two_people_in_one_picture(folder, tmp_path):
    """Each gets the prediction that is his; one who has none keeps his labels."""
    directory, people = folder
    predicted = np.zeros((17, 3))
    for name, index in (("left_wrist", 11), ("right_knee", 1)):
        predicted[COCO.names.index(name)] = [*people[1][index] + [3, 0], 0.8]
    output = directory / "annotations" / "train_clean.json"
    arguments = [
        "--predictions",
        results(tmp_path / "r.json", predicted.ravel().tolist()),
        "--output",
        output,
    ]
    done = CliRunner().invoke(command, ["clean", "set", *map(str, arguments), "--data-dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    samples = CocoKeypoints(directory, "train_clean")
    np.testing.assert_allclose(samples.subjects[0].landmarks, people[0])
    merged = samples.subjects[1].landmarks
    np.testing.assert_allclose(merged[11], people[1][11] + [1.5, 0])
    np.testing.assert_allclose(merged[1], people[1][1] + [1.5, 0])
    np.testing.assert_allclose(merged[0], people[1][0])
    cleaned = json.loads(output.read_text())["info"]["cleaned"]
    assert (cleaned["subjects"], cleaned["predicted"], cleaned["averaged"]) == (2, 1, 2)


@pytest.mark.parametrize("image", [5, "5", 5.0, "a.jpg"])
@pytest.mark.parametrize("info", [[], None, "mine", {"year": 2026}])
def test_an_image_is_known_by_its_id_or_its_name(folder, tmp_path, image, info):
    directory, people = folder
    path = directory / "annotations" / "train.json"
    record = json.loads(path.read_text()) | {"info": info}
    record["annotations"][0]["keypoints"][:3] = ["", "", 0]
    path.write_text(json.dumps(record))
    predicted = np.c_[people[0], np.full(14, 0.9)].ravel().tolist()
    (tmp_path / "r.json").write_text(json.dumps([{"image_id": image, "keypoints": predicted}]))
    output = tmp_path / "out.json"
    counts = cleaning.clean(directory, "train", str(tmp_path / "r.json"), str(output))
    assert (counts["predicted"], counts["added"], counts["averaged"]) == (1, 1, 13)
    assert json.loads(output.read_text())["info"].keys() == {
        "cleaned",
        *(info if isinstance(info, dict) else ()),
    }


def test_names_of_images():
    images = [(7, "x/000012.jpg"), ("8", "y/a.jpg"), (9, "z/a.jpg"), (12, "13.jpg")]
    ids = cleaning._ids([{"id": id_, "file_name": name} for id_, name in images])
    wanted = {"7": "7", "x/000012.jpg": "7", "000012.jpg": "7", "y/a.jpg": "8", "12": "12", "13": "12"}
    assert {name: ids[name] for name in wanted} == wanted
    assert "a.jpg" not in ids, "which one?"


@pytest.mark.parametrize(
    "text, error, message",
    [
        ("{}x", ValueError, "is not JSON"),
        ("[" * 100_000, ValueError, "nested too deeply"),
        ("{}", ValueError, "not a file of COCO keypoint results"),
        ('[{"image_id": 5}]', ValueError, "entry 1 is not one of COCO's keypoint results"),
        ('[{"image_id": 5, "keypoints": [1, 2, NaN]}]', ValueError, "entry 1 is not one"),
        ('[{"image_id": 5, "keypoints": [1, 2, 1]}]', ValueError, "holds 1 keypoints per subject"),
        (None, FileNotFoundError, "there is no file"),
        ("[]", ValueError, "no prediction of .* is of a subject"),
        (
            json.dumps([{"image_id": 6, "keypoints": [1.0] * 42}]),
            ValueError,
            "an image_id is the id of the image",
        ),
        ('[{"image_id": [5], "keypoints": [1, 2, 1]}]', ValueError, "entry 1 is not one"),
    ],
)
def test_refusals_write_nothing(folder, tmp_path, text, error, message):
    directory, _ = folder
    path, output = tmp_path / "r.json", tmp_path / "out.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error, match=message):
        cleaning.clean(directory, "train", path, output)
    assert not output.exists()


def test_a_wrong_place_is_said_before_the_work(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(cleaning, "CocoKeypoints", lambda *_: pytest.fail("the annotations were read"))
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        cleaning.clean(folder[0], "train", tmp_path / "r.json", tmp_path / "nowhere" / "out.json")
