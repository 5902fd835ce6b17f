"""Every builder reads a release in its true file format: orders, 1-based pixels, flags, splits."""

import json
import math
import sqlite3

import cv2
import numpy as np
import pytest
from coco_folders import BIRD, POINTS, annotation, image, write, write_record
from scipy.io import savemat

from bnn_landmarks import datasets

tfds = pytest.importorskip("tensorflow_datasets")
from bnn_landmarks.datasets import builder  # noqa: E402
from bnn_landmarks.datasets.terms import TERMS  # noqa: E402

RNG = np.random.default_rng(0)


def write_image(path, side=40, value=None):
    """A PNG or JPEG of one colour by its number, so that a sample's image can be told from another's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = RNG.integers(0, 256) if value is None else value
    assert cv2.imwrite(str(path), np.full((side, side, 3), value, np.uint8))


def points(count, low=5, high=35):
    return RNG.uniform(low, high, (count, 2)).round(2)


def built(name, directory, tmp_path):
    builder.prepare(datasets.builder_class(name), directory, tmp_path / "built")
    return lambda split: datasets.open(name, split, tmp_path / "built")


def struct_array(records):
    """A MATLAB struct array of the records, which all have the same fields."""
    array = np.empty((1, len(records)), dtype=[(field, object) for field in records[0]])
    for i, record in enumerate(records):
        for field, value in record.items():
            array[0, i][field] = value
    return array


# MPII ----------------------------------------------------------------------------------------------------------------


def mpii_person(joints, center, scale, missing_visible=(8, 9), hidden=()):
    annotated = [
        {
            "x": float(x),
            "y": float(y),
            "id": k,
            "is_visible": [] if k in missing_visible else int(k not in hidden),
        }
        for k, (x, y) in joints.items()
    ]
    return {
        "x1": 10.0,
        "y1": 20.0,
        "x2": 40.0,
        "y2": 60.0,
        "annopoints": {"point": struct_array(annotated)} if annotated else [],
        "scale": scale,
        "objpos": {"x": center[0], "y": center[1]},
    }


@pytest.fixture
def mpii_release(tmp_path):
    """Two training images of one and three people, one validation image of two of which one is listed, a test image."""
    folder = tmp_path / "mpii"
    shuffled = {k: (100 + k, 200 + 2 * k) for k in (10, 3, 8, 9, 0, 15)}
    one = mpii_person(shuffled, (120, 230), 1.5, hidden=(3,))
    other = mpii_person({4: (50.5, 60.25)}, (51, 61), 0.5)
    nobody = mpii_person({}, (7, 7), 1.0)
    listed = mpii_person({0: (30, 31), 1: (33, 35)}, (594, 257), 2.0)
    entries = [("train_a.jpg", [one], 1), ("train_b.jpg", [one, nobody, other], 1)]
    entries += [("val.jpg", [listed, other], 1), ("test.jpg", [one], 0)]
    annolist = struct_array(
        [{"image": {"name": name}, "annorect": struct_array(people)} for name, people, _ in entries]
    )
    release = {"annolist": annolist, "img_train": np.array([[t for *_, t in entries]]), "version": "12"}
    folder.mkdir()
    savemat(folder / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})
    for name, *_ in entries:
        write_image(folder / "images" / name, side=300)
    (folder / "mpii_val.json").write_text(
        json.dumps(
            [{"image": "val.jpg", "center": [594.0, 257.0], "scale": 2.0, "joints": [], "joints_vis": []}]
        )
    )
    return folder


def test_mpii(mpii_release, tmp_path):
    split = built("mpii", mpii_release, tmp_path)
    train, val = split("train"), split("val")
    assert train.scheme.name == "mpii16"
    assert [train[i].name for i in range(len(train))] == ["train_a_0", "train_b_0", "train_b_2"]
    sample = train[0]
    assert sample.visible[[0, 3, 8, 9, 10, 15]].tolist() == [2, 1, 2, 2, 2, 2]
    assert sample.visible.sum() == 11
    np.testing.assert_allclose(sample.landmarks[10], [109, 219])
    np.testing.assert_allclose(sample.center, [119, 229 + 15 * 1.5])
    assert sample.scale == 1.5
    assert sample.head_size == pytest.approx(0.6 * 50)
    np.testing.assert_allclose(sample.box, [99, 199, 15, 30])
    assert sample.yaw is None
    assert sample.mask is None
    np.testing.assert_allclose(train[2].landmarks[4], [49.5, 59.25])
    assert [val[i].name for i in range(len(val))] == ["val_0"]


def test_mpii_says_when_listed_people_are_not_in_the_release(mpii_release, tmp_path):
    listed = [{"image": "val.jpg", "center": [594, 257]}, {"image": "val.jpg", "center": [1, 2]}]
    (mpii_release / "mpii_val.json").write_text(json.dumps(listed))
    with pytest.raises(ValueError, match="1 of the 2 people"):
        built("mpii", mpii_release, tmp_path)
    assert not list((tmp_path / "built").rglob("*.array_record*")), "a failed build must leave nothing"


# LSP -----------------------------------------------------------------------------------------------------------------


def test_lsp_third_value_means_hidden(tmp_path):
    joints = np.zeros((3, 14, 4))
    joints[:2] = RNG.uniform(1, 40, (2, 14, 4))
    joints[2, 5, 0] = 1
    for number in range(4):
        write_image(tmp_path / "lsp" / "images" / f"im{number + 1:04d}.jpg", value=50 * number)
    savemat(tmp_path / "lsp" / "joints.mat", {"joints": joints})
    split = built("lsp", tmp_path / "lsp", tmp_path)
    train, test = split("train"), split("test")
    assert [s.name for s in (train[0], train[1], test[0], test[1])] == [
        "im0001",
        "im0002",
        "im0003",
        "im0004",
    ]
    np.testing.assert_allclose(train[0].landmarks, joints[:2, :, 0].T - 1, rtol=1e-5)
    np.testing.assert_allclose(test[1].landmarks, joints[:2, :, 3].T - 1, rtol=1e-5)
    assert train[0].visible.tolist() == [1 if k == 5 else 2 for k in range(14)]
    assert abs(int(test[0].image.mean()) - 100) < 3
    assert test[-1].name == "im0004"
    with pytest.raises(IndexError):
        test[2]


def test_lspet_third_value_means_annotated(tmp_path):
    joints = np.zeros((14, 3, 3))
    joints[:, :2] = RNG.uniform(1, 40, (14, 2, 3))
    joints[:, 2, :2] = 1
    joints[5, 2, 0] = 0
    for number in range(3):
        write_image(tmp_path / "lspet" / "images" / f"im{number + 1:05d}.jpg")
    savemat(tmp_path / "lspet" / "joints.mat", {"joints": joints})
    train = built("lspet", tmp_path / "lspet", tmp_path)("train")
    assert len(train) == 2, "an image with nothing annotated is left out"
    assert train[0].visible.tolist() == [0 if k == 5 else 2 for k in range(14)]
    assert train[0].landmarks[5].tolist() == [0, 0]
    np.testing.assert_allclose(train[1].landmarks, joints[:, :2, 1] - 1, rtol=1e-5)


def test_lsp_and_lspet_files_are_not_taken_for_each_other(tmp_path):
    write_image(tmp_path / "lsp" / "images" / "im0001.jpg")
    savemat(tmp_path / "lsp" / "joints.mat", {"joints": np.ones((14, 3, 2))})
    with pytest.raises(ValueError, match=r"\(14, 3, 2\), not \[3, 14, N\]"):
        built("lsp", tmp_path / "lsp", tmp_path)


@pytest.mark.parametrize(("name", "axes", "digits"), [("lsp", (2, 1, 0), 4), ("lspet", (1, 2, 0), 5)])
def test_lsp_images_may_be_png_and_numbers_small_integers(name, axes, digits, tmp_path):
    """MATLAB stores whole numbers in the smallest type; what counts from 1 must not wrap at 0."""
    joints = np.full((2, 14, 3), 7, np.uint8)
    joints[..., 2], joints[0, 3, 0] = name == "lspet", 0
    for number in (1, 2):
        write_image(tmp_path / name / "images" / f"im{number:0{digits}d}.png")
    savemat(tmp_path / name / "joints.mat", {"joints": np.transpose(joints, axes)})
    train = built(name, tmp_path / name, tmp_path)("train")
    assert train[0].landmarks[3].tolist() == [-1, 6]


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "image 2 are not finite"), (1e6, "im00002: .* far outside")]
)
def test_lspet_bad_numbers_are_named(value, reason, tmp_path):
    joints = np.full((14, 3, 2), 7.0)
    joints[:, 2], joints[4, 1, 1] = 1, value
    for number in (1, 2):
        write_image(tmp_path / "lspet" / "images" / f"im{number:05d}.jpg")
    savemat(tmp_path / "lspet" / "joints.mat", {"joints": joints})
    with pytest.raises(ValueError, match=reason):
        built("lspet", tmp_path / "lspet", tmp_path)


# AFLW ----------------------------------------------------------------------------------------------------------------


def write_aflw(folder, faces):
    """faces: (face_id, path, {feature_id: (x, y)}, rectangle or None, yaw in radians or None)."""
    folder.mkdir()
    with sqlite3.connect(folder / "aflw.sqlite") as database:
        database.executescript("""
            CREATE TABLE Faces (face_id INTEGER PRIMARY KEY, file_id TEXT, db_id TEXT);
            CREATE TABLE FaceImages (image_id INTEGER PRIMARY KEY, db_id TEXT, file_id TEXT, filepath TEXT, bw INTEGER,
                                     width INTEGER, height INTEGER);
            CREATE TABLE FaceRect (face_id INTEGER, x INTEGER, y INTEGER, w INTEGER, h INTEGER, annot_type_id INTEGER);
            CREATE TABLE FacePose (face_id INTEGER, roll REAL, pitch REAL, yaw REAL, annot_type_id INTEGER);
            CREATE TABLE FeatureCoords (face_id INTEGER, feature_id INTEGER, x REAL, y REAL, annot_type_id INTEGER);
            CREATE TABLE FeatureCoordTypes (feature_id INTEGER PRIMARY KEY, descr TEXT, code TEXT, x REAL);
        """)
        files = {}
        for face, path, features, rectangle, yaw in faces:
            file = files.setdefault(path, f"file{len(files)}.jpg")
            database.execute("INSERT INTO Faces VALUES (?, ?, 'aflw')", (face, file))
            if rectangle:
                database.execute("INSERT INTO FaceRect VALUES (?, ?, ?, ?, ?, 0)", (face, *rectangle))
            if yaw is not None:
                database.execute("INSERT INTO FacePose VALUES (?, 0.1, 0.2, ?, 0)", (face, yaw))
            rows = [(face, feature, x, y, 0) for feature, (x, y) in features.items()]
            database.executemany("INSERT INTO FeatureCoords VALUES (?, ?, ?, ?, ?)", rows)
        rows = [("aflw", file, path, 0, 40, 40) for path, file in files.items()]
        database.executemany("INSERT INTO FaceImages VALUES (NULL, ?, ?, ?, ?, ?, ?)", rows)
        database.commit()


def test_aflw(tmp_path):
    faces = [
        (39341 + i, f"0/image{i:05d}.jpg", {1: (3.5, 4.5), 21: (20, 30)}, (1, 2, 30, 31), -0.5)
        for i in range(21)
    ]
    faces.append((50000, "2/image00100.jpg", {7: (10, 12), 15: (14, 20)}, None, None))
    faces.append((50001, "2/image00100.jpg", {}, (1, 2, 3, 4), 0.1))
    write_aflw(tmp_path / "aflw", faces)
    for _, path, *_ in faces:
        write_image(tmp_path / "aflw" / "flickr" / path)
    (tmp_path / "aflw" / "flickr" / "0/image00003.jpg").unlink()
    write_image(tmp_path / "aflw" / "flickr" / "0/image00003.png")
    split = built("aflw", tmp_path / "aflw", tmp_path)
    train, test = split("train"), split("test")
    assert [test[i].name for i in range(len(test))] == ["0/image00000_39341", "0/image00020_39361"]
    assert len(train) == 20, "22 images, 2 of them for testing; a face without points is left out"
    sample = train[0]
    assert sample.name == "0/image00001_39342"
    assert np.flatnonzero(sample.visible).tolist() == [0, 20]
    np.testing.assert_allclose(sample.landmarks[[0, 20]], [[3.5, 4.5], [20, 30]])
    np.testing.assert_allclose(sample.box, [1, 2, 30, 31])
    assert sample.yaw == pytest.approx(math.degrees(0.5), rel=1e-5)
    last = train[len(train) - 1]
    np.testing.assert_allclose(last.box, [10, 12, 4, 8])
    assert last.yaw is None


def test_aflw_database_of_another_kind(tmp_path):
    (tmp_path / "aflw" / "flickr").mkdir(parents=True)
    (tmp_path / "aflw" / "aflw.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 40)
    with pytest.raises(ValueError, match=r"aflw\.sqlite is not AFLW's database"):
        built("aflw", tmp_path / "aflw", tmp_path)


@pytest.mark.parametrize("point", [{22: (1, 2)}, {0: (1, 2)}, {1: (None, 2)}, {1: ("x", 2)}, {1: (1e9, 2)}])
def test_aflw_bad_points_are_named(point, tmp_path):
    bad = (39341, "0/b.jpg", {5: (3, 4), **point}, (1, 2, 30, 31), 0.1)
    write_aflw(tmp_path / "aflw", [(39340, "0/a.jpg", {5: (3, 4)}, None, None), bad])
    for name in "ab":
        write_image(tmp_path / "aflw" / "flickr" / "0" / f"{name}.jpg")
    with pytest.raises(ValueError, match="39341"):
        built("aflw", tmp_path / "aflw", tmp_path)


def test_aflw_pifa_of_whole_numbers_counts_from_zero(tmp_path):
    write_pifa(tmp_path / "pifa", 0)
    rows = np.concatenate([np.full((3, 68), 1), np.ones((3, 34))], axis=1)
    rows[0, 0] = 0
    tables = {"phisTr": rows.astype(np.uint16), "phisT": rows[:2].astype(np.uint8)}
    savemat(tmp_path / "pifa" / "Landmark.mat", tables)
    boxes = np.array([[0, 1, 20, 30]], np.uint8)
    savemat(
        tmp_path / "pifa" / "BoundingBox.mat", {"bboxesTr": boxes.repeat(3, 0), "bboxesT": boxes.repeat(2, 0)}
    )
    split = built("aflw_pifa", tmp_path / "pifa", tmp_path)
    for sample in (split("train")[0], split("test")[0]):
        assert sample.landmarks[0].tolist() == [-1, 0]
        assert sample.landmarks[1].tolist() == [0, 0]
        assert sample.box.tolist() == [-1, 0, 20, 30]


def write_pifa(folder, hidden_flag):
    """Three training faces, two test faces, with a quarter of the points hidden."""
    tables = {}
    for suffix, name, count in (("Tr", "TrainImages", 3), ("T", "TestImages", 2)):
        hidden = np.arange(34) % 4 == 0
        flags = np.where(hidden, hidden_flag, 1 - hidden_flag)
        rows = [np.concatenate([RNG.uniform(1, 40, 68), flags]) for _ in range(count)]
        tables[suffix] = np.array(rows)
        for number in range(count):
            path = folder / name / f"{number + 1}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((40, 40), 99, np.uint8))
    boxes = np.array([[3.0, 4, 20, 30]])
    savemat(folder / "Landmark.mat", {"phisTr": tables["Tr"], "phisT": tables["T"]})
    savemat(folder / "BoundingBox.mat", {"bboxesTr": boxes.repeat(3, 0), "bboxesT": boxes.repeat(2, 0)})
    return tables


@pytest.mark.parametrize("hidden_flag", [0, 1])
def test_aflw_pifa(tmp_path, hidden_flag):
    tables = write_pifa(tmp_path / "pifa", hidden_flag)
    split = built("aflw_pifa", tmp_path / "pifa", tmp_path)
    train, test = split("train"), split("test")
    assert (len(train), len(test)) == (3, 2)
    row = tables["T"][1]
    np.testing.assert_allclose(test[1].landmarks, np.stack([row[:34], row[34:68]], axis=1) - 1, rtol=1e-4)
    assert test[1].visible.tolist() == [1 if k % 4 == 0 else 2 for k in range(34)]
    np.testing.assert_allclose(test[1].box, [2, 3, 20, 30])
    assert test[1].image.shape == (40, 40, 3)


# 300-W, 300W-LP, AFLW2000-3D -----------------------------------------------------------------------------------------


def write_pts(path, landmarks, header="version: 1\nn_points:  68\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in landmarks)
    path.write_text(f"{header}{{\n{rows}\n}}\n")


def test_faces_300w(tmp_path):
    folder, faces = tmp_path / "300-W", {}
    for part, name, suffix in (
        ("afw", "1051618982_1", ".jpg"),
        ("helen/trainset", "100032540_1", ".jpg"),
        ("lfpw/trainset", "image_0001", ".png"),
        ("ibug", "image_003_1", ".jpg"),
        ("300W/01_Indoor", "indoor_001", ".png"),
        ("300W/02_Outdoor", "outdoor_001", ".png"),
    ):
        faces[name] = points(68)
        write_pts(folder / part / f"{name}.pts", faces[name])
        write_image(folder / part / f"{name}{suffix}")
    split = built("faces_300w", folder, tmp_path)
    train = split("train")
    assert [train[i].name for i in range(len(train))] == [
        "afw/1051618982_1",
        "helen_train/100032540_1",
        "lfpw_train/image_0001",
    ]
    np.testing.assert_allclose(train[2].landmarks, faces["image_0001"] - 1, rtol=1e-5)
    assert [len(split(s)) for s in ("afw", "challenging", "indoor", "test", "afw+ibug")] == [1, 1, 1, 2, 2]
    with pytest.raises(FileNotFoundError, match=r"no split 'full'.*ibug"):
        split("full")


PTS = ["nothing", "{\n1 2\n3 4\n}", "{\n1 2\n3\n}", "{" + "1 nan\n" * 68 + "}", "{" + "1 -1e9\n" * 68 + "}"]


@pytest.mark.parametrize("text", PTS)
def test_pts_files_that_are_none(tmp_path, text):
    (tmp_path / "300-W" / "afw").mkdir(parents=True)
    (tmp_path / "300-W" / "afw" / "face.pts").write_text(text)
    write_image(tmp_path / "300-W" / "afw" / "face.jpg")
    with pytest.raises(ValueError, match=r"face\.pts|afw/face: .* far outside"):
        built("faces_300w", tmp_path / "300-W", tmp_path)


def model_parameters(yaw):
    names = {"Illum_Para": 10, "Color_Para": 7, "Tex_Para": 199, "Shape_Para": 199, "Exp_Para": 29}
    fitted = {
        name: RNG.normal(size=(1 if count < 20 else count, count if count < 20 else 1))
        for name, count in names.items()
    }
    return fitted | {
        "Pose_Para": np.array([[0.1, yaw, 0.2, 10, 20, 0, 0.001]]),
        "roi": np.array([[1, 2, 3, 4]]),
    }


def test_faces_300w_lp(tmp_path):
    folder, true = tmp_path / "jpg_300W_LP_downloads", {}
    for part, name, yaw in (("HELEN", "HELEN_1_0", -0.7), ("AFW", "AFW_2_1", 1.2), ("AFW", "AFW_10_0", 0.0)):
        true[name] = points(68, 10, 440)
        root = folder / "300W_LP"
        write_image(root / part / f"{name}.jpg", side=450)
        savemat(root / part / f"{name}.mat", {"pt2d": points(68).T, **model_parameters(yaw)})
        (root / "landmarks" / part).mkdir(parents=True, exist_ok=True)
        two = {"pts_2d": points(68), "pts_3d": true[name]}
        savemat(root / "landmarks" / part / f"{name}_pts.mat", two)
    train = built("faces_300w_lp", folder, tmp_path)("train")
    assert [train[i].name for i in range(len(train))] == ["AFW_10_0", "AFW_2_1", "HELEN_1_0"]
    np.testing.assert_allclose(train[2].landmarks, true["HELEN_1_0"] - 1, atol=1e-3)
    assert train[2].yaw == pytest.approx(math.degrees(0.7), rel=1e-5)
    assert len(datasets.open("faces_300w_lp", "train[:2]", tmp_path / "built")) == 2


def test_aflw2000(tmp_path):
    root, true = tmp_path / "AFLW2000-3D" / "AFLW2000", {}
    for name, yaw in (("image00004", 0.3), ("image00002", -1.4)):
        write_image(root / f"{name}.jpg", side=450)
        true[name] = np.concatenate([points(68, 10, 440), RNG.normal(size=(68, 1))], axis=1)
        savemat(root / f"{name}.mat", {"pt3d_68": true[name].T, **model_parameters(yaw)})
    test = built("aflw2000", tmp_path / "AFLW2000-3D", tmp_path)("test")
    assert [test[0].name, test[1].name] == ["image00002", "image00004"]
    np.testing.assert_allclose(test[0].landmarks, true["image00002"][:, :2] - 1, atol=1e-3)
    assert test[0].yaw == pytest.approx(math.degrees(1.4), rel=1e-5)


# CelebAMask-HQ, COCO keypoints ---------------------------------------------------------------------------------------


def test_celebamask_hq(tmp_path):
    folder = tmp_path / "CelebAMask-HQ"
    lines = [
        "  idx  orig_idx  orig_file",
        "0 119613 119614.jpg",
        "1 162771 162772.jpg",
        "2001 190000 190001.jpg",
    ]
    (folder / "CelebAMask-HQ-mask-anno" / "0").mkdir(parents=True)
    (folder / "CelebAMask-HQ-mask-anno" / "1").mkdir()
    (folder / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(lines))
    for number in (0, 1, 2001):
        write_image(folder / "CelebA-HQ-img" / f"{number}.jpg", side=64)
        for part, rows in (("skin", slice(4, 28)), ("l_eye", slice(8, 12)), ("hair", slice(0, 6))):
            layer = np.zeros((32, 32, 3), np.uint8)
            layer[rows, 8:24] = 255
            path = folder / "CelebAMask-HQ-mask-anno" / str(number // 2000) / f"{number:05d}_{part}.png"
            assert cv2.imwrite(str(path), layer)
    split = built("celebamask_hq", folder, tmp_path)
    assert [split(s)[0].name for s in ("train", "val", "test")] == ["0", "1", "2001"]
    sample = split("test")[0]
    assert sample.mask.shape == (64, 64)
    assert sample.mask[[2, 10, 14, 20, 50, 60], 32].tolist() == [0, 0, 1, 5, 1, 0], (
        "hair covers the skin below it"
    )
    np.testing.assert_allclose(sample.box, [16, 12, 32, 44])
    assert sample.landmarks.shape == (0, 2)


def test_coco_keypoints_build_equals_the_folder(tmp_path):
    folder = tmp_path / "birds"
    write_image(folder / "images" / "a.png", value=7)
    write_image(folder / "images" / "b.jpg")
    category = {
        "id": 1,
        "name": "bird",
        "keypoints": ["beak", "left_wing", "right_wing"],
        "skeleton": [[1, 2], [1, 3]],
    }
    annotations = [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 1,
            "bbox": [1, 2, 30, 20],
            "keypoints": [3.5, 4, 2, 5, 6, 1, 0, 0, 0],
        },
        {
            "id": 2,
            "image_id": 2,
            "category_id": 1,
            "bbox": [0, 0, 9, 9],
            "keypoints": [1, 2, 2] * 3,
            "yaw": 12.5,
        }
        | {"center": [4, 5], "scale": 0.25, "head_size": 3.5},
    ]
    record = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.jpg"}],
        "categories": [category],
        "annotations": annotations,
    }
    (folder / "annotations").mkdir()
    (folder / "annotations" / "train.json").write_text(json.dumps(record))
    builder.prepare(datasets.builder_class("coco_keypoints"), folder, tmp_path / "built")
    prepared = datasets.open("coco_keypoints/birds", "train", tmp_path / "built")
    raw = datasets.open("birds", "train", tmp_path)
    assert prepared.scheme == raw.scheme
    assert prepared.scheme.mirror.tolist() == [0, 2, 1]
    for i in range(2):
        for field in ("image", "landmarks", "visible", "box", "center", "scale", "yaw", "head_size", "mask"):
            a, b = getattr(prepared[i], field), getattr(raw[i], field)
            assert (a is None) == (b is None), field
            if a is not None:
                np.testing.assert_array_equal(a, b)


def test_splits_that_list_the_points_otherwise_are_matched_by_name(tmp_path):
    folder = write(tmp_path / "birds", "train")
    other = BIRD | {"keypoints": ["tail", "left_wing", "right_wing", "beak"]}
    turned = [*POINTS[9:], *POINTS[3:9], *POINTS[:3]]
    write_record(folder / "annotations" / "val.json", [image(1)], [annotation(1, keypoints=turned)], [other])
    builder.prepare(datasets.builder_class("coco_keypoints"), folder, tmp_path / "built")
    train, val = (datasets.open("coco_keypoints/birds", s, tmp_path / "built")[0] for s in ("train", "val"))
    np.testing.assert_array_equal(train.landmarks, val.landmarks)
    np.testing.assert_array_equal(train.visible, val.visible)
    write_record(folder / "annotations" / "val.json", categories=[BIRD | {"keypoints": ["a", "b", "c", "d"]}])
    with pytest.raises(ValueError, match="no conversion from scheme 'bird' to 'bird': beak, left_wing"):
        builder.prepare(datasets.builder_class("coco_keypoints"), folder, tmp_path / "again")


def test_a_category_is_built_as_a_set_of_its_own(tmp_path):
    fish = {"id": 2, "name": "big fish", "keypoints": ["mouth", "fin"]}
    annotations = [annotation(1), annotation(2, category_id=2, keypoints=[1, 2, 2, 3, 4, 2])]
    folder = write(tmp_path / "zoo", categories=[BIRD, fish], annotations=annotations)
    builder.prepare(datasets.builder_class("coco_keypoints"), folder, tmp_path / "built", "big fish")
    samples = datasets.open("coco_keypoints/zoo-big_fish", "train", tmp_path / "built")
    assert (len(samples), samples.scheme.names) == (1, ("mouth", "fin"))


# All -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", datasets.BUILDERS)
def test_a_wrong_folder_is_told_where_the_instructions_are(name, tmp_path):
    cls = datasets.builder_class(name)
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(FileNotFoundError) as raised:
            builder.prepare(cls, folder, tmp_path / "built")
        message = str(raised.value)
        assert str(folder) in message and "\n" not in message
        assert f"bnn-landmarks data list {name} says what it must hold" in message
    told = cls.instructions()
    assert cls.HOMEPAGE in told and TERMS[name].terms in told
    assert all(line.strip() in told for line in cls.FOLDER.strip().splitlines())


def test_a_broken_image_is_named(tmp_path):
    path = tmp_path / "300-W" / "afw" / "face.jpg"
    write_pts(path.with_suffix(".pts"), points(68))
    write_image(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"face\.jpg is not an image that can be read: it is truncated"):
        built("faces_300w", tmp_path / "300-W", tmp_path)


def test_a_release_of_another_kind_is_one_line(mpii_release, tmp_path):
    savemat(
        mpii_release / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": {"annolist": [1, 2], "img_train": [1, 1]}}
    )
    with pytest.raises(ValueError, match=r"the annotations in .*mpii are not as mpii's are: AttributeError"):
        built("mpii", mpii_release, tmp_path)


def test_a_split_without_labels_is_one_line(tmp_path):
    folder = write(tmp_path / "birds", annotations=[annotation(1, keypoints=[0] * 12)])
    with pytest.raises(ValueError, match=r"the split train of .*birds has no annotated image"):
        builder.prepare(datasets.builder_class("coco_keypoints"), folder, tmp_path / "built")


def test_a_missing_image_is_named(tmp_path):
    write_pts(tmp_path / "300-W" / "afw" / "face.pts", points(68))
    with pytest.raises(
        FileNotFoundError, match=r"afw/face is annotated, but its image .*face\.jpg is missing"
    ):
        built("faces_300w", tmp_path / "300-W", tmp_path)
