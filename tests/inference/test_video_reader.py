"""Videos as people have them: turned by phones, timed by browsers, without a container, from addresses."""

import functools
import http.server
import threading

import cv2
import numpy as np
import pytest
from clips import ENCODERS, H264, corners, encoded, jpeg, recorded, turned
from sight import discs

from bnn_landmarks.geometry import smooth
from bnn_landmarks.inference import video, video_reader

GROWING = [0, 47, 94, 114, 148, 208, 255, 275]  # milliseconds, as a browser has them


def shades(count, shape=(48, 64)):
    return [np.full((*shape, 3), 20 + 200 * i // count, np.uint8) for i in range(count)]


@pytest.mark.parametrize(
    ("matrix", "upright"),
    [
        ((1, 0, 0, 1), lambda a: a),
        ((-1, 0, 0, 1), lambda a: a[:, ::-1]),  # a front camera's
        ((-1, 0, 0, -1), lambda a: a[::-1, ::-1]),
        ((1, 0, 0, -1), lambda a: a[::-1]),
        ((0, 1, 1, 0), lambda a: a.swapaxes(0, 1)),  # a front camera's, upright
        ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),  # a phone held upright
        ((0, -1, -1, 0), lambda a: a[::-1, ::-1].swapaxes(0, 1)),
        ((0, -1, 1, 0), lambda a: np.rot90(a)),
    ],
)
def test_phone_videos_are_turned_by_their_matrix(tmp_path, matrix, upright):
    read = list(video.Video(turned(tmp_path / "phone.mp4", [corners()] * 3, matrix)))
    expected = upright(corners())
    assert len(read) == 3
    for frame in read:
        assert frame.shape == expected.shape and frame.flags.c_contiguous
        assert np.abs(frame.astype(int) - expected).mean() < 12


@pytest.mark.parametrize("opencv", [0, 1])
def test_it_is_turned_once_whatever_this_opencv_does_by_itself(tmp_path, monkeypatch, opencv):
    """4.10 turns unless it is told not to, the wheel of 4.11 does not."""
    opened = cv2.VideoCapture

    def capture(source):
        made = opened(source)
        made.set(cv2.CAP_PROP_ORIENTATION_AUTO, opencv)
        return made

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    (frame,) = video.Video(turned(tmp_path / "phone.mp4", [corners()], (0, 1, -1, 0)))
    assert np.abs(frame.astype(int) - np.rot90(corners(), -1)).mean() < 12


def test_a_browsers_recording_keeps_its_times(tmp_path):
    path = recorded(tmp_path / "recorder.mkv", shades(len(GROWING)), GROWING)
    claims = cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS)
    clip = video.Video(path)
    assert claims == 1000 and clip.rate == video.DEFAULT_RATE
    times = [(clip.time, clip.seconds) for _ in clip]
    assert [time for time, _ in times] == pytest.approx([t / 1000 for t in GROWING])
    assert [step for _, step in times[1:]] == pytest.approx(np.diff(GROWING) / 1000)
    assert clip.count == len(GROWING)


def test_smoothing_keeps_up_with_a_browsers_recording(tmp_path):
    """By the frames' own times a point of 1000 pixels a second lags 10 at most; by the header's 1000 frames, 26."""
    milliseconds = [round(i * 1000 / 30) for i in range(30)]
    clip = video.Video(recorded(tmp_path / "a.mkv", shades(30), milliseconds))
    filtered = smooth.OneEuro()
    for _ in clip:
        true = np.array([[1000 * clip.time, 50.0]])
        found = filtered(true, clip.seconds, 200)
    assert true[0, 0] - found[0, 0] < 10


def test_varying_rates_are_read_as_they_were_written(tmp_path):
    seconds = np.cumsum([0, 0.1, 0.05, 0.034, 0.033, 0.5, 0.033])
    with video.writer(tmp_path / "a.mp4", 30) as add:
        for frame, time in zip(shades(7), seconds, strict=True):
            add(frame, time)
    clip = video.Video(tmp_path / "a.mp4")
    assert [clip.time for _ in clip] == pytest.approx(seconds, abs=1e-4)


@pytest.mark.parametrize("suffix", ENCODERS)
def test_every_format_is_read_with_its_frames_and_times(tmp_path, suffix):
    assert suffix in video.SUFFIXES
    clip = video.Video(encoded(tmp_path / f"clip{suffix}", shades(6)))
    read = [(frame, clip.time) for frame in clip]
    assert [time for _, time in read] == pytest.approx([0.04 * i for i in range(6)], abs=2e-3)
    for (frame, _), true in zip(read, shades(6), strict=True):
        assert np.abs(frame.astype(int) - true).mean() < 8


def test_h264_without_a_container(tmp_path):
    (tmp_path / "raw.h264").write_bytes(H264)
    clip = video.Video(tmp_path / "raw.h264")
    assert clip.count is None
    white = [((frame[16, ::8, 0] > 128).sum(), round(clip.time, 3)) for frame in clip]
    assert white == [(1, 0), (2, 0.04), (3, 0.08), (4, 0.12)]


def test_jpegs_one_after_the_other(tmp_path):
    (tmp_path / "pi.mjpeg").write_bytes(b"".join(jpeg(frame) for frame in shades(5)))
    clip = video.Video(tmp_path / "pi.mjpeg")
    levels = [(round(frame.mean(), -1), round(clip.time, 3)) for frame in clip]
    assert levels == [(20, 0), (60, 0.04), (100, 0.08), (140, 0.12), (180, 0.16)]


def test_names_that_look_like_addresses_are_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("12:30.mp4", "http:a.mp4", "50%d.mp4", "-.mp4", "a b.mp4", "ü.mp4"):
        encoded(tmp_path / name, shades(2))
        assert len(list(video.Video(name))) == 2


def test_what_the_header_promises_is_corrected_at_the_end(tmp_path):
    whole = encoded(tmp_path / "a.avi", [discs([[30, 20]], (48, 64))] * 40).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    clip = video.Video(tmp_path / "cut.avi")
    assert clip.count == 40
    read = len(list(clip))
    assert 10 < read < 30 and clip.count == read


def test_a_file_can_be_read_again(tmp_path):
    clip = video.Video(encoded(tmp_path / "a.mp4", shades(3)))
    for _ in clip:
        break
    assert len(list(clip)) == len(list(clip)) == 3 and clip.time == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"not a video", "not a video"),
        (bytes(5000), "not a video"),
        (H264[:20], "clip.mp4"),
    ],
)
def test_what_is_no_video_is_one_line(tmp_path, content, said):
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        list(video.Video(tmp_path / "clip.mp4"))
    assert "\n" not in str(error.value) and "clip.mp4" in str(error.value)


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "a\udcff.mp4"
    path.write_bytes(encoded(tmp_path / "a.mp4", shades(2)).read_bytes())
    with pytest.raises(ValueError, match="rename it"):
        video.Video(path)


class Silent:
    """A stand-in for cv2.VideoCapture: what opens, and gives no frame."""

    opened = ()

    def __init__(self, source):
        Silent.opened += (source,)

    def isOpened(self):
        return True

    def get(self, what):
        return 0.0

    def set(self, what, value):
        return False

    def read(self):
        return False, None

    def release(self):
        pass


@pytest.mark.parametrize(
    ("source", "opened", "said"),
    [
        (3, 3, "camera 3 gives no frame"),
        ("/dev/null", "/dev/null", "/dev/null gives no frame"),  # any device: there may be no camera here
        (
            "rtsp://me:secret@cam/live?x=1",
            "rtsp://me:secret@cam/live?x=1",
            "rtsp://cam/live?x=1 gives no frame",
        ),
    ],
)
def test_a_camera_that_gives_no_frame_is_an_error(monkeypatch, source, opened, said):
    monkeypatch.setattr(cv2, "VideoCapture", Silent)
    clip = video.Video(source)
    assert Silent.opened[-1] == opened and clip.live
    with pytest.raises(ValueError) as error:
        list(clip)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("told", "times"),
    [
        ([5, 5.1, 5.3, 5.35], [0, 0.1, 0.3, 0.35]),  # as told, from the first frame
        ([100, 100.04, 0, 100.12, 100.2], [0, 0.04, 0.08, 0.12, 0.2]),  # one is missing
        ([100, 100.04, 3, 3.1, 3.15], [0, 0.04, 0.08, 0.18, 0.23]),  # they begin anew
        ([0, 0, 0, 0], [0, 0.04, 0.08, 0.12]),  # none
        ([-7.7e12, -7.7e12 + 0.05, -7.7e12 + 0.1], [0, 0.04, 0.08]),  # none, as OpenCV tells it of MJPEG
        ([0, 1e5, 1e5 + 0.1], [0, 0.04, 0.14]),  # a jump of a day
        ([0, 60, 60.05], [0, 60, 60.05]),  # a pause
    ],
)
def test_times_that_a_container_tells(told, times):
    clock = video_reader._Clock(25, live=False)
    assert [clock.tell(each) for each in told] == pytest.approx(times, abs=1e-6)


def test_a_camera_is_timed_by_the_clock():
    clock = video_reader._Clock(30, live=True)
    assert clock.tell(0.0) == 0
    now = clock.tell(0.0)
    assert 0 < now < 5


@pytest.fixture
def address(tmp_path):
    """An address at which tmp_path's files are."""
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    serve.func.log_message = lambda *arguments: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_address_is_read(tmp_path, address):
    encoded(tmp_path / "clip.mpg", shades(4))
    clip = video.Video(f"{address}/clip.mpg")
    assert clip.live and len(list(clip)) == 4
    with pytest.raises(ValueError, match=r"nowhere\.mpg can't be opened"):
        video.Video(f"{address}/nowhere.mpg")
