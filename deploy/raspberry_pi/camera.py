"""Landmarks of what the Raspberry Pi's camera sees, in a window: python camera.py pose.tflite --threads 4

The camera module by picamera2, where that is installed, else camera 0 (USB) by OpenCV. q ends it.
"""

import argparse
import sys

from bnn_landmarks.geometry.draw import THRESHOLD
from bnn_landmarks.inference import predictions
from bnn_landmarks.inference.localizer import Localizer


def module_frames(camera, size=(640, 480)):
    """Frames of a `picamera2.Picamera2`, uint8 [H, W, 3] RGB, for ever."""
    # libcamera names channels from the highest byte: BGR888 is red first in memory.
    camera.configure(camera.create_video_configuration({"format": "BGR888", "size": size}))
    camera.start()
    try:
        while True:
            yield camera.capture_array()
    finally:
        camera.stop()


def camera():
    """What `predictions.show_camera` takes: the module's frames, or the number of a USB camera."""
    try:
        from picamera2 import Picamera2
    except ImportError:
        return 0
    return module_frames(Picamera2()) if Picamera2.global_camera_info() else 0


def main():
    parser = argparse.ArgumentParser(description="Landmarks of what the camera sees.")
    parser.add_argument("model", help="an exported .tflite, its .json beside it; or an entry's name")
    parser.add_argument("--threads", type=int, default=4)
    arguments = parser.parse_args()
    try:
        localizer = Localizer(arguments.model, num_threads=arguments.threads)
        print(f"{localizer.spec.name} on engine {localizer.engine.name}")
        predictions.show_camera(localizer, camera(), predictions.How(threshold=THRESHOLD, stamp=True))
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"camera.py: {error}")


if __name__ == "__main__":
    main()
