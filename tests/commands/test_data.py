"""`bnn-landmarks data`: lists, builds, draws; errors are one message."""

import click.testing
import cv2
import numpy as np
import pytest
from coco_folders import write_record

from bnn_landmarks import datasets
from bnn_landmarks.commands import data
from bnn_landmarks.datasets import contact_sheet
from bnn_landmarks.datasets.terms import TERMS
from bnn_landmarks.schemes import SCHEMES

pytest.importorskip("tensorflow_datasets")


def run(*arguments):
    return click.testing.CliRunner().invoke(data.command, [str(a) for a in arguments], catch_exceptions=True)


@pytest.fixture
def worms(tmp_path):
    folder = tmp_path / "worms"
    (folder / "images").mkdir(parents=True)
    for number in range(9):
        cv2.imwrite(str(folder / "images" / f"{number}.png"), np.full((60, 60, 3), 40, np.uint8))
    annotation = {"bbox": [10, 10, 40, 40], "keypoints": [12, 12, 2, 48, 48, 2]}
    write_record(
        folder / "annotations" / "val.json",
        [{"id": n, "file_name": f"{n}.png"} for n in range(9)],
        [{"image_id": n, **annotation} for n in range(9)],
        [{"name": "worm", "keypoints": ["l_end", "r_end"], "skeleton": [[1, 2]]}],
    )
    return folder


def test_list_says_where_from_and_under_which_terms():
    result = run("list")
    assert result.exit_code == 0
    for name in datasets.BUILDERS:
        assert f"{name}: " in result.output
        assert TERMS[name].terms in result.output
    assert "joints.mat" in run("list", "lsp").output
    assert "mpii" not in run("list", "lsp").output


def test_prepare_then_show(worms, tmp_path):
    built = tmp_path / "built"
    result = run("prepare", "coco_keypoints", "--from", worms, "--data-dir", built)
    assert result.exit_code == 0, result.output
    assert str(built / "coco_keypoints" / "worms") in result.output
    sheet = tmp_path / "sheet.png"
    result = run("show", "coco_keypoints/worms", "--data-dir", built, "--output", sheet, "--count", 8)
    assert result.exit_code == 0, result.output
    assert "8 of the 9 samples" in result.output
    assert "split val" in result.output
    assert "1 l_end left   <-> 2 r_end" in result.output
    picture = cv2.imread(str(sheet))
    assert picture.shape[0] < picture.shape[1], "two rows of six"
    saturated = np.ptp(picture.astype(int), axis=2) > 80
    assert saturated.sum() > 8 * 100, "the skeletons are drawn in colour"


def test_check(worms):
    result = run("check", worms)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "all right")
    assert "9 annotations with landmarks in 9 of 9 images" in result.output
    (worms / "images" / "3.png").unlink()
    result = run("check", worms, "--split", "val")
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, "1 wrong")
    assert f"  wrong: no image at {worms / 'images' / '3.png'}" in result.output


def test_show_parts_needs_68_points(worms, tmp_path):
    result = run("show", worms, "--parts", "--output", tmp_path / "sheet.png")
    assert "facial parts need one or the 68 points" in str(result.exception)


def test_show_parts(tmp_path):
    side = np.arange(68) % 9
    keypoints = np.stack([60 + 5 * side, 60 + 0.6 * np.arange(68), np.full(68, 2)], axis=1)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((200, 200, 3), np.uint8))
    write_record(
        tmp_path / "annotations" / "train.json",
        [{"id": 1, "file_name": "a.png"}],
        [{"image_id": 1, "keypoints": keypoints.ravel().tolist()}],
        [{"keypoints": list(SCHEMES["ibug68"].names)}],
    )
    coloured = []
    for arguments in ([], ["--parts"]):
        assert run("show", tmp_path, "--output", tmp_path / "sheet.png", *arguments).exit_code == 0
        picture = cv2.imread(str(tmp_path / "sheet.png")).astype(int)
        coloured.append((np.ptp(picture, axis=2) > 40).sum())
    assert coloured[1] > 1.7 * coloured[0], "areas, not lines"


def test_a_sheet_takes_its_place_as_text(worms, tmp_path):
    contact_sheet.write(str(worms), "val", str(tmp_path / "sheet.jpg"))
    assert (tmp_path / "sheet.jpg").is_file()


def test_messages(worms, tmp_path):
    assert "did you mean lspet?" in str(run("prepare", "lspte", "--from", worms).exception)
    wrong = run("prepare", "mpii", "--from", worms, "--data-dir", tmp_path / "built")
    assert isinstance(wrong.exception, FileNotFoundError)
    assert "has no mpii_human_pose_v1_u12_1.mat and no mpii_val.json" in str(wrong.exception)
    assert "a .png or a .jpg" in str(run("show", worms, "--output", tmp_path / "sheet.gif").exception)
    assert "its splits are val" in str(
        run("show", worms, "--split", "x", "--output", tmp_path / "s.png").exception
    )
    place = run("show", tmp_path / "no_such_set", "--output", tmp_path / "nowhere" / "s.png")
    assert "there is no directory" in str(place.exception), "told before the data set is opened"
    assert not (tmp_path / "built").exists()
    assert not (tmp_path / "s.png").exists()
