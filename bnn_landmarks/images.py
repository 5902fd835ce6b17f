"""Reading photographs: whatever the file holds, uint8 RGB comes out."""

import pathlib

import cv2
import numpy as np


def decode(data: bytes, name: str):
    """Encoded image bytes -> uint8 [H, W, 3] RGB, turned upright by its EXIF tag; grey, alpha and 16 bit converted.

    Raises:
        ValueError: the bytes are not an image OpenCV can read. `name` is what the message calls them.
    """
    buffer = np.frombuffer(data, np.uint8)
    image = cv2.imdecode(buffer, cv2.IMREAD_COLOR) if buffer.size else None
    if image is None:
        raise ValueError(f"{name} is not an image that can be read (empty, truncated or of an unknown format)")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read(path):
    """An image file -> uint8 [H, W, 3] RGB.

    Raises:
        FileNotFoundError: no such file. ValueError: not an image.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no image at {path}")
    return decode(path.read_bytes(), str(path))


def as_rgb(image):
    """An image array -> uint8 [H, W, 3] RGB.

    Accepts uint8, uint16 (scaled by 1/257) and float in [0, 1]; [H, W], [H, W, 1], [H, W, 3] and [H, W, 4] (alpha is
    dropped).

    Raises:
        ValueError: any other shape or dtype, an empty image, or float values outside [0, 1] or not finite.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or 0 in image.shape:
        raise ValueError(f"an image is [H, W], [H, W, 1], [H, W, 3] or [H, W, 4], not {list(image.shape)}")
    if image.dtype == np.uint16:
        image = (image // 257).astype(np.uint8)
    elif np.issubdtype(image.dtype, np.floating):
        if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
            raise ValueError("a float image must hold finite values from 0 to 1; divide by 255, or pass uint8")
        image = np.rint(image * 255).astype(np.uint8)
    elif image.dtype != np.uint8:
        raise ValueError(f"an image is uint8, uint16 or float in [0, 1], not {image.dtype}")
    image = image[..., :3]
    return np.ascontiguousarray(np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image)
