"""Written videos: whole or not there, every row and column, every frame at its time."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from clips import corners

from bnn_landmarks.inference import video, video_writer


def written(path, frames, times=None, rate=25):
    with video.writer(path, rate) as add:
        for i, frame in enumerate(frames):
            add(frame, None if times is None else times[i])
    clip = video.Video(path)
    return [(frame, clip.time) for frame in clip]


def test_frames_without_times_follow_the_rate(tmp_path):
    read = written(tmp_path / "a.mp4", [corners()] * 5)
    assert [time for _, time in read] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16], abs=1e-4)


def test_a_rate_too_slow_for_the_encoder_keeps_the_times(tmp_path):
    read = written(tmp_path / "a.mp4", [corners()] * 2, [0, 1000], rate=0.001)
    assert [time for _, time in read] == pytest.approx([0, 1000])


def test_a_long_pause_and_a_burst_are_kept(tmp_path):
    times = [0, 0.001, 0.002, 7.5, 7.6]
    read = written(tmp_path / "a.mp4", [corners()] * 5, times, rate=30)
    assert [time for _, time in read] == pytest.approx(times, abs=1e-4)


@pytest.mark.parametrize("shape", [(48, 64), (47, 64), (48, 63), (47, 63), (1, 1), (1, 50), (3, 3)])
def test_odd_sizes_lose_no_row_and_no_column(tmp_path, shape):
    frame = np.zeros((*shape, 3), np.uint8)
    frame[-1, :] = frame[:, -1] = 240
    ((read, _),) = written(tmp_path / "odd.mp4", [frame])
    assert read.shape == (shape[0] + shape[0] % 2, shape[1] + shape[1] % 2, 3)
    assert read[shape[0] - 1, : shape[1]].mean() > 150 and read[: shape[0], shape[1] - 1].mean() > 150
    assert np.abs(read[: shape[0], : shape[1]].astype(int) - frame).mean() < 40


def test_a_frame_of_another_size_is_fitted_in(tmp_path):
    """A stream may change its size, and a phone turned on the way its sides."""
    read = [
        frame
        for frame, _ in written(tmp_path / "a.mp4", [corners((48, 64)), corners((64, 48)), corners((24, 32))])
    ]
    assert [frame.shape for frame in read] == [(48, 64, 3)] * 3
    assert np.abs(read[1][:, :36].astype(int) - corners((48, 36))).mean() < 25 and read[1][:, 40:].mean() < 20
    assert np.abs(read[2][:24, :32].astype(int) - corners((24, 32))).mean() < 25 and read[2][26:].mean() < 20


def test_a_frame_too_large_to_encode_is_shrunk(tmp_path):
    long = np.zeros((16, 9000, 3), np.uint8)
    long[:, 4500:] = 240
    ((read, _),) = written(tmp_path / "a.mp4", [long])
    assert read.shape == (14, 8190, 3)
    assert read[:, 4200:].mean() > 200 and read[:, :4000].mean() < 20


def test_a_video_that_fails_half_way_is_not_left(tmp_path):
    with pytest.raises(RuntimeError, match="half way"), video.writer(tmp_path / "a.mp4", 25) as add:
        add(corners())
        raise RuntimeError("half way")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="no directory"), video.writer(tmp_path / "not" / "a.mp4", 25):
        pass


def test_a_full_disk_leaves_no_broken_video(tmp_path):
    """OpenCV writes on and says nothing. A limit on the size of files stands for the disk."""
    code = """
        import resource, sys
        import numpy as np
        from bnn_landmarks.inference.video_writer import writer

        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        noise = np.random.default_rng(0)
        try:
            with writer(sys.argv[1], 25) as add:
                for _ in range(30):
                    add(noise.integers(0, 256, (120, 160, 3), dtype=np.uint8))
        except OSError as error:
            print(error)
        """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "a.mp4")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0 and told.stdout.startswith(f"can't write {tmp_path / 'a.mp4'}: "), told.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_called_so(tmp_path, monkeypatch):
    def broken(*arguments):
        raise ValueError("its tables are missing")

    monkeypatch.setattr(video_writer.mp4, "set_times", broken)
    with pytest.raises(OSError, match="tables are missing"):
        written(tmp_path / "a.mp4", [corners()])
    monkeypatch.setattr(video_writer.shutil, "disk_usage", lambda path: type("usage", (), {"free": 0}))
    with pytest.raises(OSError, match="the disk is full"):
        written(tmp_path / "a.mp4", [corners()])
    assert list(tmp_path.iterdir()) == []
