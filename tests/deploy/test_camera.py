"""The Raspberry Pi's camera script."""

import importlib.util
import pathlib
import sys
import types

import numpy as np
import pytest
from blobs import SIZE, SPEC

from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer

SCRIPT = pathlib.Path(__file__).parents[2] / "deploy" / "raspberry_pi" / "camera.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("camera_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class CameraModule:
    """picamera2.Picamera2, as far as the script uses it."""

    def __init__(self):
        self.calls = []

    @staticmethod
    def global_camera_info():
        return [{"Model": "imx708"}]

    def create_video_configuration(self, main):
        return main

    def configure(self, configuration):
        self.calls.append(configuration)

    def start(self):
        self.calls.append("start")

    def stop(self):
        self.calls.append("stop")

    def capture_array(self):
        return np.full((480, 640, 3), 7, np.uint8)


def test_the_camera_module_gives_frames_and_is_stopped(script):
    module = CameraModule()
    frames = script.module_frames(module)
    assert next(frames).shape == (480, 640, 3)
    frames.close()
    assert module.calls == [{"format": "BGR888", "size": (640, 480)}, "start", "stop"]


def test_without_picamera2_it_is_the_usb_camera(script, monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    assert script.camera() == 0


def test_without_a_camera_module_it_is_the_usb_camera(script, monkeypatch):
    class Nothing(CameraModule):
        @staticmethod
        def global_camera_info():
            return []

    monkeypatch.setitem(sys.modules, "picamera2", types.SimpleNamespace(Picamera2=Nothing))
    assert script.camera() == 0


def test_frames_of_the_camera_module_are_shown(script, monkeypatch):
    shown = []

    def see(inputs):
        shown.append(inputs)
        return np.zeros((len(inputs), SIZE // 4, SIZE // 4, 4), np.float32)

    localizer = Localizer(Engine("blind", SPEC, see), refine=0)
    monkeypatch.setitem(sys.modules, "picamera2", types.SimpleNamespace(Picamera2=CameraModule))
    monkeypatch.setattr("cv2.imshow", lambda window, picture: None)
    monkeypatch.setattr("cv2.waitKey", lambda wait: ord("q") if len(shown) == 2 else -1)
    monkeypatch.setattr("cv2.destroyAllWindows", lambda: None)
    monkeypatch.setenv("DISPLAY", ":0")
    script.predictions.show_camera(localizer, script.camera(), script.predictions.How(stamp=True))
    middle = SIZE // 2
    assert len(shown) == 2 and np.allclose(shown[0][0, middle, middle] * 255, 7)


def test_a_missing_file_is_one_line(script, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["camera.py", "nowhere.tflite"])
    with pytest.raises(SystemExit, match=r"camera\.py: there is no nowhere\.tflite"):
        script.main()
