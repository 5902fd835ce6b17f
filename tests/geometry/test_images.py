import struct

import cv2
import numpy as np
import pytest

from bnn_landmarks.geometry import images


@pytest.fixture
def picture(rng):
    """Smooth uint8 [24, 40, 3] RGB, so that JPEG changes it little."""
    small = rng.integers(0, 256, (3, 5, 3), dtype=np.uint8)
    return cv2.resize(small, (40, 24), interpolation=cv2.INTER_CUBIC)


def encoded(suffix, image):
    return cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 100])[
        1
    ].tobytes()


def with_orientation(jpeg, value):
    """The JPEG with an EXIF orientation tag."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def test_a_photograph_is_read_as_rgb(picture, tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(".png", picture))
    assert np.array_equal(images.read(tmp_path / "a.png"), picture)


def test_grey_alpha_and_16_bit_become_uint8_rgb(picture):
    grey = picture[..., 0]
    read = images.decode(cv2.imencode(".png", grey)[1].tobytes(), "grey")
    assert np.array_equal(read, np.repeat(grey[..., None], 3, axis=2))
    alpha = np.dstack([picture[..., ::-1], np.full(grey.shape, 7, np.uint8)])
    assert np.array_equal(images.decode(cv2.imencode(".png", alpha)[1].tobytes(), "alpha"), picture)
    deep = picture[..., ::-1].astype(np.uint16) * 257
    assert np.array_equal(images.decode(cv2.imencode(".png", deep)[1].tobytes(), "deep"), picture)


@pytest.mark.parametrize(("value", "upright"), [(3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1))])
def test_exif_orientation_is_obeyed(picture, value, upright):
    read = images.decode(with_orientation(encoded(".jpg", picture), value), "turned")
    expected = upright(picture)
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected).mean() < 4


def test_one_pixel_is_an_image(tmp_path):
    images.write(tmp_path / "dot.png", np.full((1, 1, 3), 9, np.uint8))
    assert images.read(tmp_path / "dot.png").tolist() == [[[9, 9, 9]]]


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.jpg"):
        images.read(tmp_path / "nowhere.jpg")
    with pytest.raises(FileNotFoundError):
        images.read(tmp_path)


@pytest.mark.parametrize("damage", ["empty", "text", "cut jpeg", "cut png", "header only"])
def test_damaged_files_are_refused_not_filled_with_grey(picture, damage, tmp_path, capfd):
    jpeg, png = encoded(".jpg", picture), encoded(".png", picture)
    data = {
        "empty": b"",
        "text": b"not a picture",
        "cut jpeg": jpeg[: len(jpeg) * 3 // 4],
        "cut png": png[: len(png) * 3 // 4],
        "header only": jpeg[:20],
    }[damage]
    (tmp_path / "bad.jpg").write_bytes(data)
    with pytest.raises(ValueError, match=r"bad\.jpg is not an image") as error:
        images.read(tmp_path / "bad.jpg")
    assert "\n" not in str(error.value)


def test_a_jpeg_with_something_after_its_end_is_whole(picture):
    assert images.decode(encoded(".jpg", picture) + b"trailing bytes", "a").shape == picture.shape


def test_an_image_too_large_for_opencv_is_one_line():
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    with pytest.raises(ValueError, match="huge") as error:
        images.decode(header + b"\0\0\0\0IEND", "huge")
    assert "\n" not in str(error.value)


def test_arrays_become_uint8_rgb(picture):
    assert np.array_equal(images.as_rgb(picture), picture)
    assert np.array_equal(images.as_rgb(picture / 255), picture)
    assert np.array_equal(images.as_rgb((picture / 255).astype(np.float16)), picture)
    assert np.array_equal(images.as_rgb(picture.astype(np.uint16) * 257), picture)
    assert np.array_equal(images.as_rgb(np.dstack([picture, picture[..., 0]])), picture)
    for grey in (picture[..., 0], picture[..., :1]):
        assert np.array_equal(images.as_rgb(grey), np.repeat(picture[..., :1], 3, axis=2))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((4, 4, 2), np.uint8), "H, W"),
        (np.zeros((2, 4, 4, 3), np.uint8), "H, W"),
        (np.zeros((0, 4, 3), np.uint8), "H, W"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.full((4, 4, 3), 255.0), "from 0 to 1"),
        (np.full((4, 4, 3), np.nan), "from 0 to 1"),
        (np.full((4, 4, 3), -0.1), "from 0 to 1"),
    ],
)
def test_what_is_no_image_is_refused(image, said):
    with pytest.raises(ValueError, match=said):
        images.as_rgb(image)


def test_written_images_are_read_back(picture, tmp_path):
    images.write(tmp_path / "a.png", picture)
    assert np.array_equal(images.read(tmp_path / "a.png"), picture)
    images.write(tmp_path / "mask.png", picture[..., 0])
    assert np.array_equal(cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED), picture[..., 0])


def test_a_failed_write_leaves_nothing(picture, tmp_path):
    with pytest.raises(ValueError, match="format"):
        images.write(tmp_path / "a.nope", picture)
    with pytest.raises(FileNotFoundError, match="no directory"):
        images.write(tmp_path / "not" / "there.png", picture)
    assert list(tmp_path.iterdir()) == []


def test_samples_come_with_the_package_and_their_licence():
    for name in ("person", "face"):
        assert images.read(images.sample(name)).shape == (512, 512, 3)
        assert images.sample(name).stat().st_size < 150_000
        assert f"`{name}.jpg`" in (images.ASSETS / "LICENSES.md").read_text()
    with pytest.raises(ValueError, match="face, person"):
        images.sample("dog")
