"""Reading an annotation file: what is right, what is refused, and what is said about it."""

import json

import numpy as np
import pytest
from coco_folders import BIRD, POINTS, annotation, image, write_record

from bnn_landmarks.datasets import coco_file

ROOT = {"id": 0, "name": "birds-x7f2", "supercategory": "none"}


@pytest.fixture
def read(tmp_path):
    def read(category=None, **record):
        return coco_file.read(write_record(tmp_path / "train.json", **record), category)

    return read


def test_what_is_read(read):
    file = read()
    assert (file.categories, file.file_names, file.problems, file.notes) == (
        ("bird",),
        ("b1.png", "b2.png"),
        [],
        [],
    )
    first = file.subjects[0]
    assert (first.name, first.file_name, first.size, first.index) == (
        "annotation 1 of b1.png",
        "b1.png",
        (120, 90),
        0,
    )
    np.testing.assert_array_equal(first.landmarks, np.reshape(POINTS, (4, 3))[:, :2])
    assert first.visible.tolist() == [2, 2, 1, 2]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"keypoints": [float("nan"), 25, 2, *POINTS[3:]]}, "keypoints holds nan: no coordinate"),
        ({"keypoints": [float("inf"), 25, 2, *POINTS[3:]]}, "keypoints holds inf"),
        ({"keypoints": [1e9, 25, 2, *POINTS[3:]]}, "keypoints holds 1000000000.0"),
        ({"keypoints": [-(10**400), 25, 2, *POINTS[3:]]}, "keypoints holds -1000"),
        ({"keypoints": ["25", 25, 2, *POINTS[3:]]}, "keypoints holds 25, which is not a number"),
        ({"keypoints": [True, 25, 2, *POINTS[3:]]}, "keypoints holds True, which is not a number"),
        ({"keypoints": [None, 25, 2, *POINTS[3:]]}, "keypoints holds None, which is not a number"),
        ({"keypoints": [25, 25, 3, *POINTS[3:]]}, "third value is 3, not 0, 1 or 2"),
        ({"keypoints": [25, 25, -1, *POINTS[3:]]}, "third value is -1"),
        ({"keypoints": [25, 25, 0.9, *POINTS[3:]]}, "third value is 0.9"),
        ({"keypoints": [25, 25, True, *POINTS[3:]]}, "third value is True"),
        ({"keypoints": [25, 25, "2", *POINTS[3:]]}, "third value is 2, not"),
        ({"keypoints": POINTS[:11]}, "keypoints holds 11 values, not 3 x 4"),
        ({"keypoints": {"beak": [1, 2]}}, "keypoints holds {'beak': "),
        (
            {"keypoints": [500, 25, 2, *POINTS[3:]]},
            "a landmark at 500, 25 is far outside its image of 120 x 90",
        ),
        ({"bbox": [20, 20, 0, 40]}, "is empty: its width and height must be positive"),
        ({"bbox": [20, 20, -5, 40]}, "is empty"),
        ({"bbox": [20, 20, 0.5, 0.5]}, "is smaller than a pixel"),
        ({"center": [1, 2], "scale": 1e-30}, "a person smaller than a pixel"),
        ({"bbox": [20, 20, 60]}, "bbox is [20, 20, 60], not 4 numbers"),
        ({"bbox": [20, 20, 60, float("nan")]}, "bbox holds nan"),
        ({"bbox": ["20", 20, 60, 40]}, "bbox holds 20, which is not a number"),
        ({"bbox": [20, 20, 1e5, 40]}, "the box [20, 20, 100000, 40] does not fit its image"),
        ({"bbox": [200, 20, 60, 40]}, "the box [200, 20, 60, 40] does not fit its image"),
        ({"bbox": "box"}, "bbox is box, not 4 numbers"),
        ({"bbox": ..., "keypoints": [25, 25, 2, *[0] * 9]}, "they lie on one line or spot"),
        ({"center": [1, 2]}, "center and scale belong together"),
        ({"center": [1, 2], "scale": 0}, "scale is 0, not a positive number"),
        ({"center": [1, "x"], "scale": 1}, "center holds x"),
        ({"head_size": -1}, "head_size is -1"),
        ({"yaw": "left"}, "yaw holds left"),
    ],
)
def test_an_annotation_that_can_not_be_used_is_named(read, changes, reason):
    file = read(annotations=[annotation(1), annotation(2, **changes)])
    assert [s.name for s in file.subjects] == ["annotation 1 of b1.png"]
    (problem,) = file.problems
    assert problem.startswith("annotation 2 of b2.png: ") and reason in problem


def test_ids_that_fit_nothing_are_named(read):
    bad = [annotation(2, image_id=9), annotation(3, image_id=1, category_id=5), annotation(4, image_id=None)]
    file = read(annotations=[annotation(1), *bad])
    assert len(file.subjects) == 1
    assert file.problems == [
        "annotation 2 has the image_id 9, which is none",
        "annotation 3 has the category_id 5, which is none",
        "annotation 4 has the image_id None, which is none",
    ]


def test_ids_may_be_text(read):
    file = read(
        images=[image(1, id="1"), image(2, id="b-2")],
        annotations=[
            annotation(1),
            annotation(2, image_id="b-2", category_id="1"),
            annotation(3, image_id=1.0),
        ],
    )
    assert [s.file_name for s in file.subjects] == ["b1.png", "b2.png", "b1.png"]
    assert file.problems == []


def test_two_images_of_one_id_are_refused_with_their_annotations(read):
    file = read(images=[image(1), image(2), image(2, file_name="other.png"), image(1)])
    assert file.problems == ["two images have the id 2: b2.png and other.png"]
    assert [s.file_name for s in file.subjects] == ["b1.png"]
    assert file.notes == ["images listed twice, as b1.png: 1"]


def test_an_image_without_a_name_is_refused(read):
    file = read(images=[image(1, file_name=...), image(2), image(3, id=[])])
    assert file.problems == [
        "image 1 has no file_name",
        "image b3.png has no id that is a number or a text",
    ]
    assert len(file.subjects) == 1


def test_unlabelled_points_may_hold_anything(read):
    keypoints = [None, float("nan"), 0, -1, 1e12, 0, *POINTS[6:]]
    (subject,) = read(annotations=[annotation(1, keypoints=keypoints)]).subjects
    assert subject.landmarks[:2].tolist() == [[0, 0], [0, 0]]
    assert subject.visible.tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("box", [..., None, [], [0, 0, 0, 0], [0.0, 0.0, 0.0, 0.0]])
def test_without_a_box_the_keypoints_give_it(read, box):
    assert read(annotations=[annotation(1, bbox=box)]).subjects[0].box.tolist() == [25, 25, 50, 33]


def test_a_single_point_needs_no_box_where_center_and_scale_are_known(read):
    point = annotation(1, bbox=..., keypoints=[25, 25, 2, *[0] * 9], center=[30, 30], scale=0.2)
    assert read(annotations=[point]).subjects[0].scale == 0.2


def test_boxes_beside_keypoints_are_left_out_and_counted(read):
    """Roboflow's root category comes first and has no keypoints; rectangles have none either."""
    person = BIRD | {"id": 2}
    boxes = [annotation(5, image_id=1, keypoints=...), annotation(6, image_id=1, keypoints=[], category_id=2)]
    birds = [annotation(1, category_id=2), annotation(2, category_id=2, keypoints=[0] * 12)]
    file = read(categories=[ROOT | {"id": 1}, person], annotations=[*boxes, *birds])
    assert [s.name for s in file.subjects] == ["annotation 1 of b1.png"]
    assert file.problems == []
    assert file.notes == [
        "annotations of other categories, left out: 1",
        "annotations without keypoints (boxes or masks alone), left out: 1",
        "annotations without a labelled point, left out: 1",
    ]


def test_only_annotations_of_the_category_are_read(read):
    fish = {"id": 2, "name": "fish", "keypoints": ["mouth", "left_fin", "right_fin", "tail"]}
    annotations = [annotation(1), annotation(2, category_id=2)]
    assert [s.file_name for s in read("bird", categories=[BIRD, fish], annotations=annotations).subjects] == [
        "b1.png"
    ]
    assert [s.file_name for s in read("fish", categories=[BIRD, fish], annotations=annotations).subjects] == [
        "b2.png"
    ]
    with pytest.raises(ValueError, match=r"train\.json: several categories have landmarks: bird .* fish"):
        read(categories=[BIRD, fish], annotations=annotations)


def test_without_sizes_that_is_said(read):
    assert (
        "images without width and height"
        in read(images=[image(1, width=...), image(2, height="90")]).notes[0]
    )


def test_encodings(tmp_path):
    path = write_record(tmp_path / "train.json", categories=[BIRD | {"name": "Möwe"}])
    text = json.dumps(json.loads(path.read_text()), ensure_ascii=False)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_text(text, encoding=encoding)
        assert coco_file.read(path).categories == ("Möwe",)
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"train\.json is not JSON in UTF-8"):
        coco_file.read(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON: "),
        ("{", "is not JSON: "),
        ("[" * 100_000, "is not JSON that can be read"),
        ("[]", "is a list, as COCO's results are"),
        ("3", "is not a file of COCO keypoints: it holds 3"),
        ("{}", "no list 'images'"),
        ('{"images": {}}', "no list 'images'"),
        ('{"images": [3]}', "'images' holds 3 at place 0"),
        ('{"images": [], "categories": []}', "no list 'annotations'"),
        ('{"images": [], "annotations": [], "categories": []}', r"\(categories: none\)"),
        ('{"shapes": [], "imagePath": "a.jpg"}', "labelme's own file"),
        ('{"_via_img_metadata": {}}', "VGG Image Annotator"),
    ],
)
def test_files_of_something_else(tmp_path, text, reason):
    path = tmp_path / "train.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason) as caught:
        coco_file.read(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("yaw, found", [(-40, 40), (40.5, 40.5), (None, None), (..., None)])
def test_a_yaw_has_no_sign(read, yaw, found):
    assert read(annotations=[annotation(1, yaw=yaw)]).subjects[0].yaw == found


def test_two_categories_of_one_id(read):
    with pytest.raises(ValueError, match="two categories have the id 1"):
        read(categories=[BIRD, BIRD | {"name": "fish"}])


def test_messages_stay_one_short_line(read):
    name = "a\nb\x1b[31m" + "x" * 500
    file = read(images=[image(1, file_name=name)], annotations=[annotation(1, keypoints=[1, 2, 9] * 4)])
    assert "\n" not in file.problems[0] and "\x1b" not in file.problems[0] and len(file.problems[0]) < 200
