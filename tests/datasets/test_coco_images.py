"""Finding an annotation file's images under the names that tools write for them."""

import pytest
from coco_folders import write_image

from bnn_landmarks.datasets.coco_images import Images


@pytest.fixture
def folder(tmp_path):
    below = ("a.png", "cam 1/b.png", "default/c.png", "default/cam 1/d.png", "default/cam 2/d.png")
    for name in (*(f"images/{name}" for name in below), "top.png", "annotations/beside.png"):
        write_image(tmp_path / name, size=(4, 4))
    return tmp_path


def find(folder, name, *others):
    path = Images(folder, folder / "annotations" / "train.json", (name, *others)).path(name)
    return path.relative_to(folder).as_posix()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.png", "images/a.png"),
        ("cam 1/b.png", "images/cam 1/b.png"),
        ("cam 1\\b.png", "images/cam 1/b.png"),
        ("images/a.png", "images/a.png"),
        ("images\\a.png", "images/a.png"),
        ("./images/a.png", "images/a.png"),
        ("top.png", "top.png"),
        ("beside.png", "annotations/beside.png"),
        ("c.png", "images/default/c.png"),
        ("train/c.png", "images/default/c.png"),
        ("cam 2/d.png", "images/default/cam 2/d.png"),
        ("/home/somebody/birds/a.png", "images/a.png"),
        ("C:\\Users\\Somebody\\birds\\a.png", "images/a.png"),
        ("https://host.example/data/cam%201/b.png?width=3&x=/y.png", "images/cam 1/b.png"),
        ("s3://bucket/upload/a.png", "images/a.png"),
    ],
)
def test_names_that_tools_write(folder, name, found):
    assert find(folder, name) == found


def test_an_absolute_path_that_is_there(folder):
    assert find(folder, str(folder / "top.png")) == "top.png"


def test_two_images_of_one_last_name_are_not_guessed(folder):
    with pytest.raises(FileNotFoundError, match=r"no image at .*images/x/a\.png"):
        find(folder, "x/a.png", "y/a.png")
    write_image(folder / "images" / "other" / "c.png", size=(4, 4))
    with pytest.raises(ValueError, match=r"2 images end in c\.png"):
        find(folder, "c.png")


@pytest.mark.parametrize(
    "name", ["absent.png", "", ".", "images/", "a\0b", "\ud800.png", "x" * 5000, "http://[", "://"]
)
def test_names_of_no_file(folder, name):
    with pytest.raises(FileNotFoundError, match="no image at") as caught:
        find(folder, name)
    assert "\n" not in str(caught.value)
