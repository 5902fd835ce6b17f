"""Files of boxes: what can't be one is said in a line of plain words that names the line or the entry."""

import json

import numpy as np
import pytest

from bnn_landmarks.inference import box_files

HEAD = "file,x,y,width,height,score\n"
GOOD = '{"image_id": 1, "bbox": [1, 2, 3, 4]}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,x,y,width\n", "has no column height: its first line names file, x, y, width, height"),
        ("file;x;y;width;height\na.jpg;1;2;3;4\n", r"separated by commas \(this one is separated by ;\)"),
        ("file\tx\ty\twidth\theight\n", "separated by tabs"),
        ("", "has no column file"),
        (HEAD + "a.jpg,1,2,3,4,\na.jpg,1,2,3,four,\n", "line 3: height is 'four', which is no number"),
        (HEAD + "a.jpg,1,2,3\n", "line 2: height is missing"),
        (HEAD + "a.jpg,1,2,3,,\n", "line 2: height is missing"),
        (HEAD + ",1,2,3,4,\n", "line 2 names no file"),
        (HEAD + "a.jpg,1,2,3,4,0.5,7\n", "line 2 has more fields"),
        (HEAD + "a.jpg,1,2,3,nan,\n", "line 2: a box is four finite numbers"),
        (HEAD + "a.jpg,1,2,0,4,\n", "line 2: the box .* is empty"),
        (HEAD + "a.jpg,1,2,3,4,nan\n", "line 2: a score is a number from 0 to 1, not nan"),
        (HEAD + "a.jpg,1,2,3,4,inf\n", "line 2: a score is a number from 0 to 1, not inf"),
        (HEAD + "a.jpg,1,2,3,4,87\n", "line 2: a score is a number from 0 to 1, not 87"),
        (HEAD + "a.jpg,1,2,3,4,sure\n", "line 2: score is 'sure', which is no number"),
        (HEAD + f"{'a' * 200_000}.jpg,1,2,3,4,\n", "line 2 is no row of a table"),
        (f"{'a' * 200_000}\n", "line 1 is no row of a table"),
    ],
)
def test_a_bad_table(tmp_path, text, said):
    (tmp_path / "boxes.csv").write_text(text)
    refused(tmp_path / "boxes.csv", said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("[1" + "0" * 5000 + "]", "too many digits"),
        ("", "is not JSON"),
        ("3", "is no file of boxes"),
        ('"boxes"', "is no file of boxes"),
        ("{}", "is no file of boxes"),
        ('{"images": 3, "annotations": []}', "no list of images"),
        ('{"images": [], "annotations": {}}', "no list of boxes"),
        ('{"images": [3], "annotations": []}', "image 1 has no file_name"),
        ('{"images": [{"file_name": "a", "id": []}], "annotations": []}', r"image 1: id is \[\]"),
        (f"[{GOOD}, 3]", "entry 2 has no image_id"),
        (f'[{GOOD}, {{"image_id": [1]}}]', r"entry 2: image_id is \[1\]"),
        ('[{"image_id": 1, "bbox": [1, 2, 3]}]', r"entry 1: bbox is \[1, 2, 3\], not four numbers"),
        ('[{"image_id": 1, "bbox": [1, 2, 3, "4"]}]', "entry 1: bbox is .* not four numbers"),
        ('[{"image_id": 1, "bbox": [1, 2, 3, 1e999]}]', "entry 1: bbox is .* not four numbers"),
        ('[{"image_id": 1, "bbox": "1234"}]', "entry 1: bbox is 1234"),
        ('[{"image_id": 1, "bbox": [1, 2, 3, 4], "score": NaN}]', "entry 1: a score is .* not nan"),
        ('[{"image_id": 1, "bbox": [1, 2, 3, 4], "score": -0.1}]', "entry 1: a score is .* not -0.1"),
        ('[{"image_id": 1, "bbox": [1, 2, 3, 4], "score": "0.5"}]', "entry 1: a score is .* not 0.5"),
    ],
)
def test_bad_json(tmp_path, text, said):
    (tmp_path / "boxes.json").write_text(text)
    refused(tmp_path / "boxes.json", said)


@pytest.mark.parametrize("name", ["boxes.csv", "boxes.json"])
def test_another_encoding(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xe4\xff\xfe\x80")
    refused(tmp_path / name, "in UTF-8: save it in that encoding")


def refused(path, said):
    with pytest.raises(ValueError, match=said) as error:
        box_files.read(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_the_best_come_first(tmp_path):
    (tmp_path / "boxes.json").write_text(
        json.dumps([{"image_id": 7, "bbox": [x, 0, 9, 9], "score": x / 10} for x in (2, 9, 4)])
    )
    boxes, scores = box_files.read(tmp_path / "boxes.json").of("000007.jpg")
    assert boxes[:, 0].tolist() == [9, 4, 2] and np.allclose(scores, [0.9, 0.4, 0.2])


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_images_of_one_name_are_told_by_their_folders(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    names = ["cams/a/1.jpg", "cams/b/1.jpg", "old/b/1.jpg", "2.jpg", "cams/a/3.jpg"]
    if kind == "csv":
        text = HEAD + "".join(f"{name},{i},2,3,4,\n" for i, name in enumerate(names))
    else:
        images = [{"id": i, "file_name": name} for i, name in enumerate(names)]
        boxes = [{"image_id": i, "bbox": [i, 2, 3, 4]} for i in range(len(names))]
        text = json.dumps({"images": images, "annotations": boxes})
    (tmp_path / f"boxes.{kind}").write_text(text)
    file = box_files.read(tmp_path / f"boxes.{kind}")

    def first(image):
        return [box[0] for box in file.of(image)[0]]

    assert first("cams/a/1.jpg") == [0] and first("/data/cams/b/1.jpg") == [1] and first("old/b/1.jpg") == [2]
    assert first("cams/b/2.jpg") == [3] and first("a/3.jpg") == [4]
    for image in ("b/1.jpg", "c/1.jpg", "c/3.jpg"):
        with pytest.raises(ValueError, match=r"has boxes for .*, and it is not clear which is"):
            file.of(image)


def test_folders_that_tell_nothing_apart_may_differ(tmp_path):
    (tmp_path / "boxes.csv").write_text(HEAD + "theirs/1.jpg,1,2,3,4,\ntheirs/2.jpg,5,2,3,4,\n")
    assert box_files.read(tmp_path / "boxes.csv").of("mine/2.jpg")[0].tolist() == [[5, 2, 3, 4]]


CATEGORIES = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
TWO_KINDS = [{"image_id": 1, "category_id": kind, "bbox": [kind, 2, 3, 4]} for kind in (1, 18)]
ANNOTATIONS = {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": TWO_KINDS}


@pytest.mark.parametrize(
    ("record", "one", "said"),
    [
        (
            ANNOTATIONS | {"categories": CATEGORIES},
            "Dog",
            r"person \(1\), dog \(1\). Choose one with --category",
        ),
        (TWO_KINDS, "18", r"several categories: 1 \(1\), 18 \(1\)"),
    ],
)
def test_boxes_of_one_category(tmp_path, record, one, said):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(record))
    refused(path, said)
    with pytest.raises(ValueError, match=r"boxes.json has no boxes of the category cat; there are "):
        box_files.read(path, "cat")
    assert box_files.read(path, one).of("1.jpg")[0].tolist() == [[18, 2, 3, 4]]


def test_a_table_has_no_categories(tmp_path):
    (tmp_path / "boxes.csv").write_text(HEAD + "a.jpg,1,2,3,4,\n")
    with pytest.raises(ValueError, match=r"boxes.csv is a table, which has no categories"):
        box_files.read(tmp_path / "boxes.csv", "dog")
