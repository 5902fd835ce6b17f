"""Geometry: NumPy and OpenCV, no TensorFlow."""

try:
    import cv2
except ModuleNotFoundError:
    raise ImportError(
        "OpenCV is not installed: pip install opencv-python, or opencv-python-headless on a machine without a screen"
    ) from None
except ImportError as error:
    raise ImportError(
        f"OpenCV can't be loaded ({error}). On a machine without a screen: pip uninstall opencv-python, then "
        "pip install --force-reinstall 'opencv-python-headless<5'"
    ) from None

# OpenCV 5 interpolates otherwise (findings/errors.sh): crops are not bit for bit those that networks were measured on.
if int(cv2.__version__.partition(".")[0]) > 4:
    raise ImportError(
        f"OpenCV {cv2.__version__} crops otherwise than the OpenCV 4 that the networks were trained and measured with: "
        "pip install 'opencv-python<5' (or 'opencv-python-headless<5')"
    )
