"""Reading photographs: whatever the file holds, uint8 RGB comes out."""

import io
import os
import pathlib
import sys
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from bnn_landmarks.files import atomic_write
from bnn_landmarks.geometry import image_bytes

ASSETS = pathlib.Path(__file__).parents[1] / "assets"
# The man with the camera is cut off at the knees: a box around all of him, the unseen part too.
SAMPLE_BOXES = {"person": (0, 60, 335, 650)}
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".jp2", ".ppm", ".pgm"),
    *(".heic", ".heif", ".avif"),
)
FILL = 2**15


def decode(data: bytes, name: str) -> np.ndarray:
    """Encoded image bytes -> uint8 [H, W, 3] RGB, turned upright by its EXIF tag; grey, alpha, and the 16 bit and float
    of PNG, TIFF, PGM, PPM and PFM converted as by `as_rgb`, of PGM and PPM with any value as white. Behind the
    picture's end anything may lie (a motion photo's video).

    HEIC needs the package pillow-heif, AVIF Pillow; all else is read by OpenCV.

    Raises:
        ValueError: the bytes are not an image that can be read whole. `name` is what the message calls them.
        ImportError: HEIC or AVIF, and the package is not installed.
    """
    if not data:
        raise ValueError(f"{name} is not an image that can be read: it is empty")
    told = image_bytes.tell(data)
    if not told.whole:
        ended = _ended(data) if told.format == "jpeg" and not told.progressive else None
        if ended is None:
            raise ValueError(f"{name} is not an image that can be read: it is truncated, its end is missing")
        data = ended
    if told.format in ("heif", "avif"):
        return _decode_by_pillow(data, name, told.format)
    # In other formats 10 or 12 bit come unscaled in 16.
    depth = cv2.IMREAD_ANYDEPTH if told.format in ("png", "tiff", "netpbm", "pfm") else 0
    upright = cv2.IMREAD_IGNORE_ORIENTATION if told.orientation else 0
    image = _decode(data, cv2.IMREAD_COLOR | depth | upright)
    if image is None and told.format == "tiff":
        image = _decode_grey_tiff(data)
    if image is None:
        raise ValueError(f"{name} is not an image that can be read (damaged, or of an unknown format)")
    if told.white not in (None, 255, 65535):
        image = np.rint(image.clip(max=told.white) * (255 / told.white)).astype(np.uint8)
    try:
        image = as_rgb(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.ndim == 3 else image)
    except (ValueError, cv2.error) as error:
        raise ValueError(f"{name} is not an image that can be read: {str(error).splitlines()[0]}") from None
    return image_bytes.turned(image, told.orientation)


def size(data: bytes, name: str) -> tuple[int, int]:
    """Width and height of the upright image that `decode` makes of these bytes, without decoding JPEG and PNG.

    Raises:
        ValueError, ImportError: as `decode`; a file whose end is there may still be damaged in its middle.
    """
    told = image_bytes.tell(data)
    if not (told.whole and told.size and min(told.size) > 0):
        height, width = decode(data, name).shape[:2]
        return width, height
    width, height = told.size
    return (height, width) if told.orientation in (5, 6, 7, 8) else (width, height)


def _decode(data, flags):
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def _decode_grey_tiff(data):
    """A TIFF of one channel of 32 bits or more, which OpenCV does not make three of; None where it is another."""
    image = _decode(data, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    return image if image is not None and image.ndim == 2 and image.itemsize >= 4 else None


def _ended(data):
    """A JPEG of one scan that lacks its end mark, with one; None where it lacks part of the picture too, which then
    depends on what comes behind the data."""
    zeros, ones = (data + bits * FILL + b"\xff\xd9" for bits in (b"\0\0", b"\xff\0"))
    first, second = _decode(zeros, cv2.IMREAD_COLOR), _decode(ones, cv2.IMREAD_COLOR)
    return None if first is None or second is None or not np.array_equal(first, second) else zeros


def _decode_by_pillow(data, name, form):
    try:
        from PIL import Image, ImageOps, features

        if form == "heif":
            import pillow_heif

            pillow_heif.register_heif_opener()
        elif not features.check("avif"):
            raise ImportError
    except ImportError:
        package = "pillow-heif" if form == "heif" else "'pillow>=11.3'"
        what = "a HEIC photograph" if form == "heif" else "an AVIF image"
        raise ImportError(f"{name} is {what}; to read it, pip install {package}") from None
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except Exception as error:  # Pillow's plugins raise errors of many kinds for damaged files.
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{name} is not an image that can be read: {reason}") from None


def read(path: str | os.PathLike) -> np.ndarray:
    """An image file -> uint8 [H, W, 3] RGB.

    Raises:
        FileNotFoundError: no such file. ValueError, ImportError: as `decode`.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no image at {path}")
    return decode(path.read_bytes(), str(path))


def load(image: Any) -> np.ndarray:
    """What a user gives as an image -> an array as `check` lets it through, or uint8 [H, W, 3] RGB.

    Args:
        image: a path; the bytes of an encoded image; a PIL image; or an array as `check` takes it.

    Raises:
        FileNotFoundError, ValueError, ImportError: as `read` and `check`. ValueError: none of these; a PIL image that
            its EXIF tag says to turn, which PIL has not done: nobody could tell which way up its points are meant.
    """
    if isinstance(image, str | os.PathLike):
        return read(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return decode(bytes(image), "the image's bytes")
    pillow = sys.modules.get("PIL.Image")
    if pillow and isinstance(image, pillow.Image):
        return _of_pillow(image)
    return check(image)


def _of_pillow(image):
    if image.getexif().get(image_bytes.ORIENTATION, 1) != 1:
        raise ValueError(
            "this PIL image lies on its side, as its EXIF tag says: pass PIL.ImageOps.exif_transpose(image)"
        )
    try:
        if image.mode == "F" or image.mode.startswith("I"):
            deep = np.asarray(image)
            fits = image.mode != "F" and deep.min() >= 0 and deep.max() < 2**16
            return check(deep.astype(np.uint16) if fits else deep)
        return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise ValueError(f"the PIL image can't be read: {str(error).splitlines()[0]}") from None


def write(path: str | os.PathLike, image: np.ndarray) -> None:
    """An image uint8 [H, W, 3] RGB or [H, W] -> a file of the format its suffix names.

    Raises:
        FileNotFoundError: no such directory. OSError: it can't be written. ValueError: no such format, or an image too
            large for it.
    """
    path = pathlib.Path(path)
    coloured = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    try:
        done, encoded = cv2.imencode(path.suffix, coloured, [cv2.IMWRITE_JPEG_QUALITY, 92])
    except cv2.error:
        raise ValueError(
            f"can't write {path}: {path.suffix or 'no suffix'} is no image format OpenCV writes"
        ) from None
    if not done:
        height, width = image.shape[:2]
        raise ValueError(f"can't write {path}: {width} x {height} pixels are too many for {path.suffix}")
    with atomic_write(path) as file:
        file.write(encoded.tobytes())


def check(image: ArrayLike) -> np.ndarray:
    """An image array, once it is known to be one `as_rgb` takes: as it is, float16 as float32 (OpenCV knows no other).

    Raises:
        ValueError: not [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]; empty; not uint8, uint16 or float in [0, 1].
    """
    if not hasattr(image, "__array__"):
        raise ValueError(
            f"an image is a path, an encoded image's bytes, a PIL image or an array, not {type(image).__name__}"
        )
    try:
        image = np.asarray(image)
    except Exception as error:  # Tensors on a GPU, for one, raise what their library likes.
        raise ValueError(f"the image is no array: {str(error).splitlines()[0]}") from None
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)) or 0 in image.shape:
        raise ValueError(f"an image is [H, W], [H, W, 1], [H, W, 3] or [H, W, 4], not {list(image.shape)}")
    if np.issubdtype(image.dtype, np.floating):
        # NaN makes both comparisons false.
        if not (image.min() >= 0 and image.max() <= 1):
            raise ValueError(
                "a float image must hold finite values from 0 to 1; divide by 255, or pass uint8"
            )
        return image if image.dtype in (np.float32, np.float64) else image.astype(np.float32)
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"an image is uint8, uint16 or float in [0, 1], not {image.dtype}")
    return image


def as_rgb(image: np.ndarray) -> np.ndarray:
    """An image array -> uint8 [H, W, 3] RGB: uint16 divided by 257, float in [0, 1] times 255, both rounded
    to the nearest; grey repeated, alpha dropped. Raises as `check`."""
    image = check(image)
    if image.ndim == 2:
        image = image[..., None]
    image = image[..., :3]
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif image.dtype != np.uint8:
        image = np.rint(image * 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image)


def darken(image: np.ndarray, rng: np.random.Generator, share: float, noise: float) -> np.ndarray:
    """An image (uint8) with a part `share` of its light gone and Gaussian noise of `noise` grey levels (standard
    deviation) on it."""
    return add_noise((1 - share) * image, rng, noise)


def add_noise(image: np.ndarray, rng: np.random.Generator, deviation: float) -> np.ndarray:
    """An image (0 to 255) with Gaussian noise of so many grey levels (standard deviation) on it; uint8."""
    return np.rint(image + rng.normal(0, deviation, image.shape)).clip(0, 255).astype(np.uint8)


def sample(name: str = "person") -> pathlib.Path:
    """The path of a photograph that comes with the package: "person" or "face" (assets/LICENSES.md).

    Raises:
        ValueError: no such sample.
    """
    path = ASSETS / f"{name}.jpg"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in ASSETS.glob("*.jpg")))
        raise ValueError(f"there is no sample photograph {name!r}; there are {known}")
    return path
