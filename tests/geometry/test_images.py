import io
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest

from bnn_landmarks.geometry import image_bytes, images


@pytest.fixture
def picture(rng):
    """Smooth uint8 [24, 40, 3] RGB, so that JPEG changes it little."""
    small = rng.integers(0, 256, (3, 5, 3), dtype=np.uint8)
    return cv2.resize(small, (40, 24), interpolation=cv2.INTER_CUBIC)


def encoded(suffix, image):
    return cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 100])[
        1
    ].tobytes()


def exif(value, order="<", kind="H"):
    """A block of EXIF that holds a date, which comes before the orientation in no reader's way, and the orientation."""
    mark = {"<": b"II", ">": b"MM"}[order]
    head = mark + struct.pack(f"{order}HIH", 42, 8, 2)
    date = struct.pack(f"{order}HHI4s", 0x0110, 2, 4, b"abc\0")
    turn = struct.pack(f"{order}HHI{kind}", 0x0112, {"H": 3, "I": 4}[kind], 1, value).ljust(12, b"\0")
    return head + date + turn + struct.pack(f"{order}I", 0)


def segment(marker, body):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def with_orientation(jpeg, value, before=b""):
    """The JPEG with an EXIF orientation tag, `before` in front of its segment."""
    return jpeg[:2] + before + segment(0xE1, b"Exif\0\0" + exif(value)) + jpeg[2:]


def png_with_orientation(png, value):
    chunk = b"eXIf" + exif(value)
    return (
        png[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]
    )


def webp_with_orientation(webp, value, size, start=b""):
    """A lossless WebP, simple format, as the extended format with an EXIF chunk."""
    body = start + exif(value)
    wide = b"VP8X" + struct.pack("<IB3x", 10, 8) + b"".join((n - 1).to_bytes(3, "little") for n in size)
    block = b"EXIF" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    inside = b"WEBP" + wide + webp[12:] + block
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def tiff_with_orientation(image, value):
    """An uncompressed TIFF of one strip."""
    height, width = image.shape[:2]
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 2), (273, 200), (274, value), (277, 3)]
    tags += [(278, height), (279, image.size)]
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    head += b"".join(struct.pack("<HHIHH", tag, 3, 1, number, 0) for tag, number in tags) + bytes(4)
    return head.ljust(200, b"\0") + image.tobytes()


UPRIGHT = {  # EXIF 2.3: where row 0 and column 0 of the stored picture lie when it is upright.
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


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


@pytest.mark.parametrize("value", UPRIGHT)
@pytest.mark.parametrize("form", ["jpeg", "jpeg, XMP first", "png", "webp", "webp, long", "tiff"])
def test_exif_orientation_is_obeyed(picture, value, form):
    jpeg, png, webp = encoded(".jpg", picture), encoded(".png", picture), encoded(".webp", picture)
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>")
    data = {
        "jpeg": with_orientation(jpeg, value),
        "jpeg, XMP first": with_orientation(jpeg, value, before=xmp),
        "png": png_with_orientation(png, value),
        "webp": webp_with_orientation(webp, value, (40, 24)),
        "webp, long": webp_with_orientation(webp, value, (40, 24), start=b"Exif\0\0"),
        "tiff": tiff_with_orientation(picture, value),
    }[form]
    read = images.decode(data, "turned")
    expected = UPRIGHT[value](picture)
    assert images.size(data, "turned") == expected.shape[1::-1]
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", "HI")
def test_exif_is_read_in_every_order_of_bytes(order, kind):
    told = image_bytes.tell(b"\xff\xd8" + segment(0xE1, b"Exif\0\0" + exif(6, order, kind)) + b"\xff\xd9")
    assert told == image_bytes.Told("jpeg", whole=True, orientation=6)


@pytest.mark.parametrize("block", [b"", b"II*\0", exif(0), exif(9), exif(6)[:-12], b"XX" + exif(6)[2:]])
def test_exif_that_says_nothing_leaves_the_picture_as_it_is(picture, block):
    jpeg = encoded(".jpg", picture)
    read = images.decode(jpeg[:2] + segment(0xE1, b"Exif\0\0" + block) + jpeg[2:], "odd")
    assert read.shape == picture.shape


@pytest.mark.parametrize("form", [".jpg", ".png", ".webp", ".bmp", ".tif", ".ppm"])
def test_sizes_are_those_of_the_decoded_image(picture, form):
    data = encoded(form, picture[:17, :31])
    assert images.size(data, "small") == (31, 17)
    for cut in (b"", data[:20], data[: len(data) // 2]):
        with pytest.raises(ValueError, match="small is not an image that can be read"):
            images.size(cut, "small")


def test_a_motion_photo_is_whole(picture, rng):
    """What lies behind the picture, a video or a maker's trailer, may hold any bytes, JPEG's marks among them."""
    for jpeg in (encoded(".jpg", picture), progressive(picture)):
        alone = images.decode(jpeg, "alone")
        for _ in range(20):
            video = bytearray(rng.bytes(rng.integers(1, 5000)))
            for mark in (b"\xff\xda", b"\xff\xd8", b"\xff\xd9", b"\xff\xc4\xff\xff")[: rng.integers(0, 5)]:
                place = rng.integers(0, len(video))
                video[place:place] = mark
            assert np.array_equal(images.decode(jpeg + bytes(video) + b"\xff\xda", "motion"), alone)
    png = encoded(".png", picture)
    assert np.array_equal(images.decode(png + rng.bytes(10_000), "behind"), picture)


def progressive(picture):
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()


def test_a_jpeg_without_its_end_mark_is_whole_where_all_pixels_are_there(picture, rng):
    jpeg = encoded(".jpg", picture)
    alone = images.decode(jpeg, "alone")
    for trailer in (b"", b"SEFH" + bytes(200) + b"SEFT", rng.bytes(3000)):
        assert np.array_equal(images.decode(jpeg[:-2] + trailer, "no end mark"), alone)


@pytest.mark.parametrize("kind", ["baseline", "progressive", "png", "webp", "tiff", "bmp"])
def test_a_file_cut_anywhere_is_refused(picture, kind, capfd):
    data = {
        "baseline": with_orientation(encoded(".jpg", picture), 6),
        "progressive": progressive(picture),
        "png": encoded(".png", picture),
        "webp": encoded(".webp", picture),
        "tiff": tiff_with_orientation(picture, 1),
        "bmp": encoded(".bmp", picture),
    }[kind]
    images.decode(data, "whole")
    last = len(data) - (4 if kind == "baseline" else 2 if kind == "progressive" else 1)
    for end in {*range(0, last, 37), last}:
        with pytest.raises(ValueError, match=r"^cut\.x is not an image that can be read[^\n]*$"):
            images.decode(data[:end], "cut.x")


def test_a_thumbnail_inside_is_not_the_end_of_the_picture(picture):
    """A camera's EXIF holds a JPEG of its own, end mark and all."""
    jpeg = encoded(".jpg", picture)
    both = jpeg[:2] + segment(0xE1, b"Exif\0\0" + exif(1) + jpeg) + jpeg[2:]
    assert image_bytes.tell(both).whole and not image_bytes.tell(both[: len(jpeg) + 300]).whole
    with pytest.raises(ValueError, match="truncated"):
        images.decode(both[: len(jpeg) + 300], "cut")


HEIC = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic") + bytes(100)
AVIF = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"avif", 0, b"mif1", b"avif") + bytes(100)


def test_heic_without_its_reader_says_what_to_install(monkeypatch, tmp_path):
    (tmp_path / "IMG_1.HEIC").write_bytes(HEIC)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImportError, match=r"IMG_1\.HEIC is a HEIC photograph.*pip install pillow-heif$"):
        images.read(tmp_path / "IMG_1.HEIC")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"AVIF.*pillow"):
        images.decode(AVIF, "a.avif")


@pytest.mark.parametrize(("reader", "form"), [("pillow_heif", "HEIF"), ("PIL._avif", "AVIF")])
@pytest.mark.parametrize("value", [1, 6])
def test_heic_and_avif_are_read_upright(picture, reader, form, value, monkeypatch):
    pytest.importorskip(reader)
    image = pytest.importorskip("PIL.Image")
    if form == "HEIF":
        sys.modules["pillow_heif"].register_heif_opener()
    large = cv2.resize(picture, (160, 96))
    file = io.BytesIO()
    image.fromarray(large).save(file, form, quality=95, exif=b"Exif\0\0" + exif(value))
    read = images.decode(file.getvalue(), "phone")
    expected = UPRIGHT[value](large)
    assert read.dtype == np.uint8 and read.shape == expected.shape
    assert np.abs(read.astype(int) - expected).mean() < 6
    for data in (file.getvalue()[:-50], file.getvalue()[:60], HEIC if form == "HEIF" else AVIF):
        with pytest.raises(ValueError, match="not an image"):
            images.decode(data, "cut")


def test_16_bit_is_one_rule_for_files_and_arrays(tmp_path):
    deep = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    nearest = np.rint(deep / 257)
    assert np.array_equal(images.as_rgb(deep)[..., 1], nearest)
    for name in ("a.png", "a.tif"):
        cv2.imwrite(str(tmp_path / name), deep)
        assert np.array_equal(images.read(tmp_path / name)[..., 1], nearest)


@pytest.mark.parametrize("white", [1, 15, 255, 1023, 4095, 65535])
@pytest.mark.parametrize("kind", ["P2", "P3", "P5", "P6"])
def test_netpbm_is_as_bright_as_its_header_says(kind, white):
    channels = 3 if kind in ("P3", "P6") else 1
    levels = np.linspace(0, white, 12).round().astype(int)
    values = np.repeat(levels, channels)
    if kind in ("P2", "P3"):
        body = " ".join(map(str, values)).encode() + b"\n"
    else:
        body = values.astype(np.uint8 if white < 256 else ">u2").tobytes()
    image = images.decode(f"{kind} # by a camera\n4\n3\n{white}\n".encode() + body, "a.ppm")
    assert np.abs(image.reshape(-1, 3) - 255 / white * levels[:, None]).max() <= 0.51
    with pytest.raises(ValueError, match="not an image"):
        images.decode(f"{kind} 4 3 {white}\n".encode() + body[:-4], "cut")


@pytest.mark.parametrize("white", [0, 70_000, 10**12])
def test_netpbm_without_a_white_is_refused(white):
    with pytest.raises(ValueError, match="not an image"):
        images.decode(f"P5 4 3 {white}\n".encode() + bytes(24), "a.pgm")


@pytest.mark.parametrize("form", ["grey TIFF", "TIFF", "grey PFM", "PFM"])
def test_floating_point_is_read(picture, form):
    image = picture[..., :1] if "grey" in form else picture
    floats = np.float32(image / 255)
    if "TIFF" in form:
        data = cv2.imencode(".tiff", floats[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1].tobytes()
    else:
        kind = "Pf" if "grey" in form else "PF"
        data = f"{kind}\n40 24\n-1.0\n".encode() + floats[::-1].tobytes()
    assert np.array_equal(images.decode(data, form), np.broadcast_to(image, picture.shape))
    with pytest.raises(ValueError, match="not an image"):
        images.decode(data[: len(data) // 2], "cut")


def test_paths_bytes_and_pil_images_are_images(picture, tmp_path):
    pil = pytest.importorskip("PIL.Image")
    images.write(tmp_path / "a.png", picture)
    data = (tmp_path / "a.png").read_bytes()
    given = (str(tmp_path / "a.png"), tmp_path / "a.png", data, bytearray(data), memoryview(data), picture)
    given += (pil.fromarray(picture), pil.fromarray(picture).convert("RGBA"), pil.open(tmp_path / "a.png"))
    for image in given:
        assert np.array_equal(images.load(image), picture)
    grey = picture[..., 0].astype(np.uint16) * 257
    for mode in (grey, grey.astype(np.int32)):
        assert np.array_equal(images.load(pil.fromarray(mode)), grey)


def test_a_pil_image_on_its_side_is_refused(picture):
    pil = pytest.importorskip("PIL.Image")
    data = with_orientation(encoded(".jpg", picture), 6)
    with pytest.raises(ValueError, match=r"exif_transpose\(image\)$"):
        images.load(pil.open(io.BytesIO(data)))
    with pytest.raises(ValueError, match="PIL image"):
        images.load(pil.open(io.BytesIO(encoded(".jpg", picture)[:-300])))


@pytest.mark.parametrize("nothing", [None, 3, {}, object(), lambda: 0])
def test_what_is_nothing_like_an_image_is_one_line(nothing):
    with pytest.raises(ValueError, match=r"^an image is a path, .*, not \w+$"):
        images.load(nothing)


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


def test_an_image_too_large_for_its_format_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"a.jpg: 70000 x 1 pixels are too many for .jpg"):
        images.write(tmp_path / "a.jpg", np.zeros((1, 70_000, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_samples_come_with_the_package_and_their_licence():
    for name in ("person", "face"):
        assert images.read(images.sample(name)).shape == (512, 512, 3)
        assert images.sample(name).stat().st_size < 150_000
        assert f"`{name}.jpg`" in (images.ASSETS / "LICENSES.md").read_text()
    with pytest.raises(ValueError, match="face, person"):
        images.sample("dog")
