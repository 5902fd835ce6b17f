"""Geometry: NumPy and OpenCV, no TensorFlow."""

try:
    import cv2  # noqa: F401
except ModuleNotFoundError:
    raise ImportError(
        "OpenCV is not installed: pip install opencv-python, or opencv-python-headless on a machine without a screen"
    ) from None
except ImportError as error:
    raise ImportError(
        f"OpenCV can't be loaded ({error}). On a machine without a screen: pip uninstall opencv-python, then "
        "pip install --force-reinstall 'opencv-python-headless<5'"
    ) from None
