"""`predict` on the files that people have, and on damaged ones: right, or one line that names the reason."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import cv2
import numpy as np
import pytest
from clips import H264, encoded, jpeg, recorded, turned
from sight import ENGINE, SPEC, discs

from bnn_landmarks import cli
from bnn_landmarks.geometry import images
from bnn_landmarks.inference import localizer, predictions, video
from bnn_landmarks.inference.engines import Engine

POINTS = np.array([[120.0, 90.0], [260.0, 150.0], [200.0, 210.0]])
BOX = "90,60,200,180"
BLANK = Engine("blank", SPEC, lambda x: np.zeros((len(x), 32, 32, 3), np.float32))


@pytest.fixture
def predict(monkeypatch, capfd, tmp_path):
    """Run `bnn-landmarks predict ARGUMENTS --output out`, the network the engine that sees: status, stdout, lines."""
    monkeypatch.setattr(localizer, "open_engine", lambda *arguments: ENGINE)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(
            sys, "argv", ["bnn-landmarks", "predict", *map(str, arguments), "--output", "out"]
        )
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        out, err = capfd.readouterr()
        return status, out, [line for line in err.splitlines() if line.startswith("bnn-landmarks:")]

    return run


def record(name):
    return json.loads(pathlib.Path("out", f"{name}.json").read_text())


def times(name):
    return [frame["time"] for frame in record(name)["frames"]]


def moving(count=6):
    return [discs(POINTS + 3 * i, (300, 400), radius=14) for i in range(count)]


def test_jpegs_one_after_the_other_are_a_video(predict, tmp_path):
    (tmp_path / "pi.mjpeg").write_bytes(b"".join(jpeg(frame) for frame in moving()))
    status, out, _ = predict("pi.mjpeg", "--box", BOX)
    assert status == 0 and "6 frames" in out
    assert sorted(os.listdir("out")) == ["pi.json", "pi.overlay.mp4"]
    assert times("pi") == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])


def test_a_browsers_recording_plays_as_long_as_it_took(predict, tmp_path):
    milliseconds = [0, 47, 94, 114, 148, 208]
    recorded(tmp_path / "recorder.webm", moving(), milliseconds)
    status, _, _ = predict("recorder.webm", "--box", BOX)
    assert status == 0
    assert times("recorder") == [t / 1000 for t in milliseconds]
    assert record("recorder")["frames_per_second"] == pytest.approx(5 / 0.208, abs=0.01)
    overlay = video.Video("out/recorder.overlay.mp4")
    assert [overlay.time for _ in overlay] == pytest.approx(np.array(milliseconds) / 1000, abs=1e-4)
    last = np.array(record("recorder")["frames"][-1]["subjects"][0]["points"])
    assert np.abs(last - POINTS - 15).max() < 8


def test_a_phones_video_is_localized_upright(predict, tmp_path):
    upright = [np.ascontiguousarray(frame) for frame in moving(3)]
    turned(tmp_path / "phone.mp4", [np.rot90(frame) for frame in upright], (0, 1, -1, 0))
    assert predict("phone.mp4", "--box", BOX)[0] == 0
    told = record("phone")
    assert (told["width"], told["height"]) == (400, 300)
    assert np.abs(np.array(told["frames"][0]["subjects"][0]["points"]) - POINTS).max() < 3


def test_relative_names_with_a_colon(predict, tmp_path):
    encoded(tmp_path / "12:30.mp4", moving(3))
    assert predict("12:30.mp4", "--box", BOX)[0] == 0
    assert len(record("12:30")["frames"]) == 3


def test_what_a_file_is_does_not_hang_on_its_name(predict, tmp_path):
    images.write(tmp_path / "a.png", moving(1)[0])
    (tmp_path / "download").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "clip").write_bytes(encoded(tmp_path / "c.mp4", moving(2)).read_bytes())
    for name in ("download", "clip"):
        assert predict(name, "--box", BOX)[0] == 0
    assert len(record("clip")["frames"]) == 2 and len(record("download")["subjects"]) == 1
    (tmp_path / "notes").write_text("FFmpeg would show this as a video of letters\n" * 9)
    status, _, lines = predict("notes")
    assert status == 1 and lines == ["bnn-landmarks: notes is not an image and not a video that can be read"]


def test_h264_without_a_container_is_tried(predict, monkeypatch, tmp_path):
    (tmp_path / "raw.h264").write_bytes(H264)
    taken = []
    monkeypatch.setattr(
        predictions, "_predict_video", lambda localizer, source, *rest: taken.append(source) or ""
    )
    assert predict("raw.h264")[0] == 0 and taken == [pathlib.Path("raw.h264")]


@pytest.mark.parametrize(
    ("source", "opened", "name"),
    [
        ("rtsp://me:secret@10.0.0.7:554/live/ch0?tcp", "rtsp://me:secret@10.0.0.7:554/live/ch0?tcp", "ch0"),
        ("http://cam.local", "http://cam.local", "cam.local"),
        ("/dev/null", "/dev/null", "null"),  # any device: there may be no camera here
    ],
)
def test_addresses_and_devices_reach_opencv_as_they_are(predict, monkeypatch, source, opened, name):
    seen = []

    class Stream:
        """A stand-in for cv2.VideoCapture: two frames, then Ctrl-C, which is how a stream ends."""

        def __init__(self, source):
            seen.append(source)
            self.left = moving(2)

        def read(self):
            if not self.left:
                raise KeyboardInterrupt
            return True, self.left.pop(0)

        isOpened = get = set = release = lambda self, *arguments: 1.0

    monkeypatch.setattr(cv2, "VideoCapture", Stream)
    status, out, lines = predict(source, "--box", BOX)
    assert (status, seen, lines) == (0, [opened], [])
    assert sorted(os.listdir("out")) == [f"{name}.json", f"{name}.overlay.mp4"]
    assert len(record(name)["frames"]) == 2
    assert "secret" not in out + pathlib.Path("out", f"{name}.json").read_text()


def test_the_cases_beside_the_checkout(predict, monkeypatch):
    cases = pathlib.Path(__file__).parents[3] / "shared" / "cases"
    if not cases.is_dir():
        pytest.skip("the folder ../shared/cases is not on this machine")
    monkeypatch.setattr(localizer, "open_engine", lambda *arguments: BLANK)
    for name in ("motion_photo.jpg", "pi.mjpeg", "recorder.webm"):
        status, _, lines = predict(cases / name, "--box", "0,0,40,40")
        assert (status, lines) == (0, [])
    assert record("motion_photo")["width"] == 96 and len(record("pi")["frames"]) == 5
    told = times("recorder")
    assert len(told) == 60 and told[:4] == [0, 0.047, 0.094, 0.114] and told[-1] == 2.362


def test_an_album_says_what_it_leaves_out(predict, caplog, tmp_path):
    album = tmp_path / "album"
    (album / "older").mkdir(parents=True)
    images.write(album / "a.png", moving(1)[0])
    for name in ("a.dng", "b.dng", "notes.txt", ".hidden"):
        (album / name).write_bytes(b"x")
    (album / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    status, _, lines = predict(album)
    said = [message for message in caplog.messages if "left out" in message]
    assert len(said) == 1 and ".dng (2)" in said[0] and ".txt (1)" in said[0] and "a directory (1)" in said[0]
    heic = [line for line in lines if "IMG_1.HEIC" in line]
    assert status == 1 and len(heic) == 1 and ("pillow-heif" in heic[0] or "not an image" in heic[0])
    assert sorted(os.listdir("out")) == ["a.json", "a.overlay.jpg"]


def test_what_it_wrote_into_the_album_is_not_read_again(predict, monkeypatch, caplog, tmp_path):
    album = tmp_path / "out"  # where `predict` writes to
    album.mkdir()
    for name in ("a.png", "a.jpg", "b-1.png"):
        images.write(album / name, moving(1)[0])
    encoded(album / "clip.mp4", moving(2))
    formats = ("--format", "json", "--format", "csv", "--format", "coco")
    (album / "notes.txt").write_text("mine")
    assert predict("out", *formats)[0] == 0
    assert not [message for message in caplog.messages if "earlier predictions" in message]
    once = sorted(os.listdir(album))
    for number in (1, 2):
        # The second time as a shell's out/* names them.
        names = ["out"] if number == 1 else [path for path in album.iterdir() if path.name != "notes.txt"]
        caplog.clear()
        status, out, lines = predict(*names, *formats)
        assert (status, lines) == (0, []) and out.count("->") == 4
        assert sorted(os.listdir(album)) == once
        (said,) = [
            message for message in caplog.messages if "earlier predictions wrote them: a-2." in message
        ]
        assert said.endswith("and 1 more" if number == 1 else "and 13 more")
        assert not [
            message for message in caplog.messages if ".json" in message and "by their names" in message
        ]
    assert predict("out/a.overlay.jpg")[0] == 0, "what is named alone is read"
    assert record("a.overlay")["file"] == "out/a.overlay.jpg"


def test_anothers_file_is_not_replaced(predict, tmp_path):
    """labelme keeps its labels as NAME.json beside the photograph."""
    album = tmp_path / "out"
    album.mkdir()
    theirs = {"a.json": '{"version": "5.4.1", "shapes": []}', "b.csv": "x,y\n1,2\n", "c.coco.json": "{}"}
    theirs |= {"e.coco.json": '[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}]'}
    theirs |= {"f.csv": "file,frame,label\n"}
    for name, text in theirs.items():
        images.write(album / f"{name[0]}.png", moving(1)[0])
        (album / name).write_text(text)
    images.write(album / "d.png", moving(1)[0])
    for _ in range(2):
        status, out, lines = predict("out", "--format", "json", "--format", "csv", "--format", "coco")
        assert status == 1 and out.count("->") == 1 and len(lines) == len(theirs)
        assert all(f"out/{name} is in the way" in line for name, line in zip(theirs, lines, strict=True))
        assert {name: (album / name).read_text() for name in theirs} == theirs
        assert not (album / "a.overlay.jpg").exists() and (album / "d.coco.json").exists()


@pytest.mark.parametrize("suffix", predictions.WRITTEN)
def test_a_folder_in_the_way_is_seen_before_anything_is_written(predict, monkeypatch, tmp_path, suffix):
    (tmp_path / "out" / f"a{suffix}").mkdir(parents=True)
    spec = dataclasses.replace(SPEC, task="parts", scheme="parts7", landmarks=None)
    maps = np.zeros((1, 32, 32, spec.outputs), np.float32)
    engine = BLANK if suffix != ".mask.png" else Engine("blank", spec, lambda x: maps.repeat(len(x), 0))
    monkeypatch.setattr(localizer, "open_engine", lambda *arguments: engine)
    (tmp_path / "a.mjpeg").write_bytes(b"".join(jpeg(frame) for frame in moving(2)))
    images.write(tmp_path / "a.png", moving(1)[0])
    formats = ["--format", {".csv": "csv", ".coco.json": "coco"}.get(suffix, "json")]
    status, _, lines = predict("a.mjpeg" if "mp4" in suffix else "a.png", "--box", BOX, *formats)
    assert status == 1 and len(lines) == 1
    assert f"can't write out/a{suffix}: a folder of that name is in the way" in lines[0]
    assert os.listdir("out") == [f"a{suffix}"]


def test_names_that_are_not_utf8_and_folders_named_like_files(predict, tmp_path):
    album = tmp_path / "album"
    (album / "dir.mp4").mkdir(parents=True)
    data = cv2.imencode(".png", moving(1)[0])[1].tobytes()
    (album / "a\udcff.png").write_bytes(data)
    (album / "b\udcff.png").write_bytes(data[:50])
    status, out, lines = predict(album)
    assert status == 1 and len(lines) == 1 and ".png is not an image" in lines[0]
    assert len([line for line in out.splitlines() if ".png: " in line]) == 1
    assert predict("")[2] == ["bnn-landmarks: an empty name is no photograph and no video"]


def test_a_table_names_a_file_whose_name_is_not_utf8(predict, tmp_path):
    images.write(tmp_path / "a\udcff.png", moving(1)[0])
    assert predict("a\udcff.png", "--box", BOX, "--format", "json", "--format", "csv")[0] == 0
    table = pathlib.Path("out/a\udcff.csv")
    assert table.read_bytes().decode().splitlines()[1].startswith(r"a\xff.png,")
    assert record("a\udcff")["file"] == r"a\xff.png"
    assert predict("a\udcff.png", "--boxes", table)[0] == 0, "and finds it again"


def test_a_huge_box_is_one_line(predict, tmp_path):
    images.write(tmp_path / "a.png", moving(1)[0])
    status, _, lines = predict("a.png", "--box", "0,0,1e9,1e9")
    assert status == 1 and len(lines) == 1 and "larger than any image" in lines[0]


def test_an_overlay_is_made_small_enough_for_a_jpeg(predict, monkeypatch, tmp_path):
    monkeypatch.setattr(localizer, "open_engine", lambda *arguments: BLANK)
    images.write(tmp_path / "line.png", np.zeros((8, 70_000, 3), np.uint8))
    status, _, lines = predict("line.png", "--box", "0,0,100,8")
    assert (status, lines) == (0, []) and record("line")["width"] == 70_000
    assert images.read("out/line.overlay.jpg").shape == (7, 65_500, 3)


RUN = """
    import sys, time
    sys.path[:0] = {path}
    from sight import ENGINE
    from bnn_landmarks import cli
    from bnn_landmarks.inference import localizer
    localizer.open_engine = lambda *arguments: ENGINE
    localizer.detect.detect = lambda *arguments: time.sleep(0.05) or [[90, 60, 200, 180]]
    sys.argv = ["bnn-landmarks", "predict", "long.mjpeg", "--output", "out"]
    cli.main()
    """


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 1)]
)
def test_a_signal_leaves_no_hidden_files(tmp_path, number, status):
    (tmp_path / "long.mjpeg").write_bytes(b"".join(jpeg(frame) for frame in moving(30) * 40))
    code = textwrap.dedent(RUN.format(path=[str(pathlib.Path(__file__).parents[1])]))
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        # The tests themselves may have been started where it is ignored.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "out").is_dir() or not os.listdir(tmp_path / "out"):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == status and "Traceback" not in told
    assert list((tmp_path / "out").glob("*")) == []


def seeds(tmp_path):
    """Small whole files of every kind."""
    frame = discs(POINTS / 5, (60, 80), radius=4)
    frames = [discs(POINTS / 5 + i, (60, 80), radius=4) for i in range(4)]
    for suffix in (".jpg", ".png", ".webp", ".bmp", ".tif", ".ppm"):
        images.write(tmp_path / f"seed{suffix}", frame)
    for suffix in (".mp4", ".avi", ".mkv", ".mpg", ".flv", ".wmv", ".mjpeg"):
        encoded(tmp_path / f"seed{suffix}", frames)
    recorded(tmp_path / "seed.webm", frames, [0, 40, 70, 130])
    turned(tmp_path / "seed.mov", frames, (0, 1, -1, 0))
    (tmp_path / "seed.h264").write_bytes(H264)
    motion = (tmp_path / "seed.jpg").read_bytes() + (tmp_path / "seed.mp4").read_bytes()
    (tmp_path / "seed.jpeg").write_bytes(motion)
    return sorted(tmp_path.glob("seed.*"))


def mutated(data, rng):
    """Bytes cut off, changed, taken out, put in twice, or set to a run of one value."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at, length = rng.integers(0, max(1, len(data))), int(rng.integers(1, 40))
        match rng.integers(0, 6):
            case 0:
                del data[at:]
            case 1:
                data[at : at + length] = rng.bytes(length)
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length * 10]
            case 4:
                data[at : at + length] = bytes([rng.choice([0, 255])]) * length
            case 5 if data:
                data[at % len(data)] ^= 1 << int(rng.integers(0, 8))
    return bytes(data)


LIMIT = 20  # seconds for one small file.


@pytest.mark.parametrize("count", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_damaged_files_are_one_line_each(predict, monkeypatch, tmp_path, count):
    """Every file is read, or refused in one line; none hangs, none ends the command."""
    rng, whole = np.random.default_rng(14), seeds(tmp_path)
    album = tmp_path / "album"
    album.mkdir()
    for i in range(count):
        source = whole[i % len(whole)]
        (album / f"{i:04}{source.suffix}").write_bytes(mutated(source.read_bytes(), rng))
    monkeypatch.setattr(localizer, "open_engine", lambda *arguments: BLANK)

    def hangs(number, frame):
        raise RuntimeError("a file takes for ever")

    one = predictions.predict_file

    def timed(*arguments):
        signal.alarm(LIMIT)
        try:
            return one(*arguments)
        finally:
            signal.alarm(0)

    monkeypatch.setattr(predictions, "predict_file", timed)
    before = signal.signal(signal.SIGALRM, hangs)
    try:
        status, out, lines = predict("album")
    finally:
        signal.signal(signal.SIGALRM, before)
    read = [line for line in out.splitlines() if "->" in line]
    assert len(read) + len(lines) == count and count / 10 < len(read) < count
    assert status == 1 and [line for line in lines if "album/" not in line] == []
    assert not [name for name in os.listdir("out") if name.startswith(".")]
    assert sum(name.endswith(".json") for name in os.listdir("out")) == len(read)
