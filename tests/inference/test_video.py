import dataclasses
import json

import cv2
import numpy as np
import pytest
from sight import ENGINE, discs

from bnn_landmarks.inference import predictions, video
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.spec import Spec

START = np.array([[60.0, 60.0], [140.0, 90.0], [100.0, 140.0]])
STEP = np.array([4.0, 1.0])
COUNT = 20


def frames():
    return [discs(START + i * STEP, (200, 320), radius=8) for i in range(COUNT)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "discs.mp4"
    with video.writer(path, 25) as add:
        for frame in frames():
            add(frame)
    return path


@pytest.fixture
def localizer():
    return Localizer(ENGINE)


def test_a_written_video_is_read_back(clip):
    read = video.Video(clip)
    assert read.rate == pytest.approx(25) and read.seconds == pytest.approx(0.04) and read.count == COUNT
    shown = list(read)
    assert len(shown) == COUNT and read.time == pytest.approx((COUNT - 1) * 0.04)
    assert np.abs(shown[5].astype(int) - frames()[5]).mean() < 6


def test_the_box_follows_the_landmarks(localizer):
    track = video.Tracker(localizer, smooth=False)
    for i, frame in enumerate(frames()):
        (found,) = track(frame, 0.04, [40, 40, 120, 120] if i == 0 else None)
        assert np.abs(found.points - START - i * STEP).max() < 3
    # 20 frames on, the first box would have cut the subject off.
    assert found.box[0] > 40 + 0.6 * COUNT * STEP[0]


def test_smoothing_keeps_up(localizer):
    track = video.Tracker(localizer)
    for i, frame in enumerate(frames()):
        (found,) = track(frame, 0.04, [40, 40, 120, 120] if i == 0 else None)
    assert np.abs(found.points - START - i * STEP).max() < 12


def test_every_subject_is_followed(localizer):
    track = video.Tracker(localizer, smooth=False)
    for i in range(8):
        frame = np.hstack([discs(START + i, (200, 320), 8), discs(START - i, (200, 320), 8)])
        found = track(frame, 0.04, [[40, 40, 120, 120], [360, 40, 120, 120]] if i == 0 else None)
    assert np.abs(found[0].points - START - i).max() < 3
    assert np.abs(found[1].points - START + i - [320, 0]).max() < 3


def test_a_lost_subject_is_looked_for_again():
    lost = []
    spec = dataclasses.replace(ENGINE.spec, score="sigmoid")

    def see_unless_lost(inputs):
        return np.full((len(inputs), 32, 32, 3), -9, np.float32) if lost else ENGINE.run(inputs)

    track = video.Tracker(Localizer(Engine("moody", spec, see_unless_lost)))
    shown = discs(START, (200, 320), radius=8)
    assert track(shown, 0.04, [40, 40, 120, 120])[0].found == "given"
    assert track(shown, 0.04)[0].found == "given" and len(track.tracks) == 1
    lost.append(True)
    assert not any(track(shown, 0.04) for _ in range(25))
    assert track.tracks == []
    lost.clear()
    (again,) = track(shown, 0.04)
    assert again.found == "image" and again.track == 2


def test_a_face_is_followed_by_its_parts():
    spec = Spec("parts", task="parts", scheme="parts7", input_size=128, box_side="mean", padding=1.5)

    def red_is_skin(inputs):
        cells = inputs.reshape(len(inputs), 32, 4, 32, 4, 3).mean(axis=(2, 4))[..., 0]
        logits = np.zeros((*cells.shape, 7), np.float32)
        logits[..., 0], logits[..., 1] = 5, 10 * cells
        return logits

    track = video.Tracker(Localizer(Engine("red", spec, red_is_skin)))
    for x in range(40, 120, 8):
        frame = np.zeros((200, 320, 3), np.uint8)
        frame[60:120, x : x + 60, 0] = 255
        track(frame, 0.04, [40, 60, 60, 60] if x == 40 else None)
    assert np.abs(track.tracks[0].box - [x, 60, 60, 60]).max() < 5


def test_predict_annotates_a_video(clip, localizer, tmp_path):
    told = predictions.predict_file(
        localizer, clip, tmp_path / "discs", predictions.How([[40, 40, 120, 120]])
    )
    assert "20 frames" in told
    assert sorted(p.name for p in tmp_path.iterdir()) == ["discs.json", "discs.overlay.mp4"]
    record = json.loads((tmp_path / "discs.json").read_text())
    assert record["frames_per_second"] == pytest.approx(25) and len(record["frames"]) == COUNT
    last = np.array(record["frames"][-1]["subjects"][0]["points"])
    assert np.abs(last - START - (COUNT - 1) * STEP).max() < 12
    drawn = list(video.Video(tmp_path / "discs.overlay.mp4"))
    assert len(drawn) == COUNT and drawn[0].shape == (200, 320, 3)
    x, y = START[0].astype(int)
    assert drawn[0][y, x, 1] > drawn[0][y, x, 0] + 15  # green on the white disc


def test_files_that_are_no_videos_are_refused(tmp_path, localizer, capfd):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.mp4"):
        video.Video(tmp_path / "nowhere.mp4")
    (tmp_path / "bad.mp4").write_bytes(b"not a video")
    with pytest.raises(ValueError, match="not a video"):
        predictions.predict_file(localizer, tmp_path / "bad.mp4", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.mp4"]


def test_a_camera_that_is_not_there_is_named(capfd):
    with pytest.raises(ValueError, match="camera 97"):
        video.Video(97)


class Camera:
    """A stand-in for cv2.VideoCapture: the discs, then nothing."""

    def __init__(self, source):
        self.left = [cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) for frame in frames()[:4]]

    def isOpened(self):
        return True

    def get(self, what):
        return 0.0

    def set(self, what, value):
        return False

    def read(self):
        return (True, self.left.pop(0)) if self.left else (False, None)

    def release(self):
        pass


def test_the_camera_is_shown_with_landmarks_and_rate(monkeypatch, localizer):
    shown = []
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "imshow", lambda window, frame: shown.append(frame))
    monkeypatch.setattr(cv2, "waitKey", lambda wait: ord("q") if len(shown) == 3 else -1)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: None)
    predictions.show_camera(localizer, 0, predictions.How(boxes=[[40, 40, 120, 120]], stamp=True))
    assert len(shown) == 3
    x, y = START[0].astype(int)
    assert not np.array_equal(shown[0][y, x], [255, 255, 255])
    assert not shown[0][:4, :4].any()  # the label's black ground


def test_no_window_is_one_line(monkeypatch, localizer):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setenv("DISPLAY", ":0")

    def no_display(window, frame):
        raise cv2.error("The function is not implemented")

    monkeypatch.setattr(cv2, "imshow", no_display)
    with pytest.raises(OSError, match="window"):
        predictions.show_camera(localizer, 0, predictions.How(boxes=[[40, 40, 120, 120]], stamp=True))
