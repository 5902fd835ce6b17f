"""Reading photographs: whatever the file holds, uint8 RGB comes out."""

import pathlib

import cv2
import numpy as np

from bnn_landmarks.files import atomic_write

ASSETS = pathlib.Path(__file__).parents[1] / "assets"
# The man with the camera is cut off at the knees: a box around all of him, the unseen part too.
SAMPLE_BOXES = {"person": (0, 60, 335, 650)}
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def decode(data: bytes, name: str):
    """Encoded image bytes -> uint8 [H, W, 3] RGB, turned upright by its EXIF tag; grey, alpha and 16 bit
    converted.

    Raises:
        ValueError: the bytes are not an image OpenCV can read whole. `name` is what the message calls them.
    """
    image = None
    if data and not _cut_short(data):
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error as error:
            raise ValueError(f"{name} can't be read: {error.err}") from None
    if image is None:
        raise ValueError(
            f"{name} is not an image that can be read (empty, truncated or of an unknown format)"
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _cut_short(data):
    """OpenCV fills the missing part of a truncated file with grey and says nothing, so look for the end mark:
    in a JPEG no end of image after the last start of scan, in a PNG no IEND."""
    if data.startswith(b"\xff\xd8"):
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return data.startswith(b"\x89PNG") and b"IEND" not in data[-64:]


def read(path):
    """An image file -> uint8 [H, W, 3] RGB.

    Raises:
        FileNotFoundError: no such file. ValueError: not an image.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no image at {path}")
    return decode(path.read_bytes(), str(path))


def write(path, image):
    """An image uint8 [H, W, 3] RGB or [H, W] -> a file of the format its suffix names.

    Raises:
        FileNotFoundError: no such directory. OSError: it can't be written. ValueError: no such format.
    """
    path = pathlib.Path(path)
    coloured = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    try:
        encoded = cv2.imencode(path.suffix, coloured, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    except cv2.error:
        raise ValueError(
            f"can't write {path}: {path.suffix or 'no suffix'} is no image format OpenCV writes"
        ) from None
    with atomic_write(path) as file:
        file.write(encoded.tobytes())


def check(image):
    """An image array, once it is known to be one `as_rgb` takes: as it is, float16 as float32 (OpenCV knows
    no other).

    Raises:
        ValueError: not [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]; empty; not uint8, uint16 or float in [0,
            1].
    """
    image = np.asarray(image)
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


def as_rgb(image):
    """An image array -> uint8 [H, W, 3] RGB: uint16 scaled by 1/257, float in [0, 1] by 255; grey repeated,
    alpha dropped. Raises as `check`."""
    image = check(image)
    if image.ndim == 2:
        image = image[..., None]
    image = image[..., :3]
    if image.dtype == np.uint16:
        image = (image // 257).astype(np.uint8)
    elif image.dtype != np.uint8:
        image = np.rint(image * 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image)


def sample(name="person"):
    """The path of a photograph that comes with the package: "person" or "face" (assets/LICENSES.md).

    Raises:
        ValueError: no such sample.
    """
    path = ASSETS / f"{name}.jpg"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in ASSETS.glob("*.jpg")))
        raise ValueError(f"there is no sample photograph {name!r}; there are {known}")
    return path
