"""What `bnn-landmarks predict` does with each file: localize, draw, write."""

import collections
import json
import logging
import os
import pathlib
import re
import sys
import time
import urllib.parse

import cv2
from tqdm import tqdm

from bnn_landmarks.files import atomic_write
from bnn_landmarks.geometry import crops, draw, image_bytes, images
from bnn_landmarks.inference import detect, video
from bnn_landmarks.inference.localizer import Parts

WINDOW = "bnn-landmarks (q ends)"
START = 4096  # bytes of a file that tell what it is.

logger = logging.getLogger(__name__)


def sources(names):
    """What to look at: `pathlib.Path`s of files, those of directories among them, in order; addresses as they are.

    Raises:
        ValueError: a directory holds no image and no video.
    """
    found = []
    for name in names:
        if video.is_address(name):
            found.append(str(name))
            continue
        path = pathlib.Path(name)
        found += _inside(path) if path.is_dir() else [path]
    return found


def _inside(directory):
    """The images and videos of a directory; what else it holds is said."""
    every = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    taken = [path for path in every if path.suffix.lower() in (*images.SUFFIXES, *video.SUFFIXES)]
    if not taken:
        raise ValueError(f"there is no image and no video in {directory}")
    left = collections.Counter(
        "a directory" if path.is_dir() else path.suffix for path in every if path not in taken
    )
    if left:
        kinds = ", ".join(f"{kind or 'no suffix'} ({count})" for kind, count in left.most_common())
        logger.info("%s: left out, because no images or videos by their names: %s", directory, kinds)
    return taken


def distinct_names(found):
    """What the outputs of each source are called: its stem, numbered where another had it before."""
    names = []
    for source in found:
        stem = source.stem if isinstance(source, pathlib.Path) else _stem_of_address(source)
        name, number = stem, 2
        while name in names:
            name, number = f"{stem}-{number}", number + 1
        names.append(name)
    return names


def _stem_of_address(address):
    """The last part of an address's path, or its host."""
    parts = urllib.parse.urlsplit(address)
    last = pathlib.PurePosixPath(parts.path).stem or parts.hostname or "stream"
    return re.sub(r"[^\w.-]+", "_", last)


def is_video(source):
    """Whether a source is a video and no photograph: by its suffix, or else by its first bytes.

    Raises:
        FileNotFoundError: no such file. ValueError: it is neither.
    """
    if not isinstance(source, pathlib.Path) or source.suffix.lower() in video.SUFFIXES:
        return True
    if source.suffix.lower() in images.SUFFIXES:
        return False
    if not source.exists():
        raise FileNotFoundError(f"no image at {source}")
    if not source.is_file():
        return True
    with open(source, "rb") as file:
        start = file.read(START)
    # FFmpeg would show a text as a video of its letters.
    if image_bytes.is_image(start) or not start:
        return False
    if b"\0" not in start:
        raise ValueError(f"{source} is not an image and not a video that can be read")
    return True


def parse_box(text):
    """ "x,y,width,height" -> float64 [4]. Raises ValueError as `crops.check_box`."""
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        raise ValueError(f"a box is four numbers x,y,width,height, not {text!r}") from None
    return crops.check_box(numbers)


def predict_file(localizer, source, target, boxes=None, threshold=draw.THRESHOLD):
    """Localize in one image or video and write what was found.

    Args:
        localizer: `Localizer`. source: one of `sources`. boxes: [N, 4] or None.
        threshold: score a landmark needs to be drawn.
        target: path without suffix: TARGET.overlay.jpg or .mp4, TARGET.json and for parts TARGET.mask.png.

    Returns:
        a line that says what was found and written.

    Raises:
        FileNotFoundError, ValueError: the file can't be read, a box is none. OSError: the disk is full.
    """
    if is_video(source):
        return _predict_video(localizer, source, target, boxes, threshold)
    image = images.read(source)
    results = localizer(image, boxes)
    overlay = target.with_name(f"{target.name}.overlay.jpg")
    mask = target.with_name(f"{target.name}.mask.png") if localizer.spec.task == "parts" else None
    record = _header(localizer, source, image) | {"subjects": [_record(r) for r in results]}
    if mask:
        record["mask"] = mask.name
        images.write(mask, _together(results))
    images.write(overlay, overlaid(image, results, threshold))
    _write_json(target, record)
    return f"{source}: {_told(results)} -> {overlay}"


def overlaid(image, results, threshold=draw.THRESHOLD):
    """A copy of the image with every result drawn on it."""
    for result in results:
        image = result.draw(image, threshold)
    return image


def show_camera(localizer, camera, boxes, threshold):
    """A window with the camera's picture, landmarks and frames per second, until q or Escape.

    Args:
        camera: its number, device or address, or an iterable of frames uint8 [H, W, 3] RGB.

    Raises:
        ValueError: no such camera, or it gives no frame. OSError: OpenCV can't open a window here.
    """
    frames = video.Video(camera) if isinstance(camera, int | str | pathlib.Path) else camera
    no_window = OSError("this OpenCV can't open a window here (no display, or a headless build)")
    # OpenCV's Qt ends the process where there is no display.
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise no_window
    track = video.Tracker(localizer)
    before = time.perf_counter()
    for frame in frames:
        now = time.perf_counter()
        seconds, before = max(now - before, 1e-3), now
        results = track(frame, seconds, boxes)
        boxes = None
        picture = draw.label(overlaid(frame, results, threshold), f"{1 / seconds:.1f} frames/s")
        try:
            cv2.imshow(WINDOW, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            if cv2.waitKey(1) & 0xFF in (ord("q"), 27):
                break
        except cv2.error:
            raise no_window from None
    cv2.destroyAllWindows()


def _predict_video(localizer, source, target, boxes, threshold):
    frames, track = video.Video(source), video.Tracker(localizer)
    overlay = target.with_name(f"{target.name}.overlay.mp4")
    found, times, record, promised, started = [], [], None, frames.count, time.perf_counter()
    with video.writer(overlay, frames.rate) as add:
        bar = tqdm(frames, target.name, frames.count, unit="frame", leave=False)
        try:
            for frame in bar:
                results = track(frame, frames.seconds, boxes)
                boxes = None
                record = record or _header(localizer, source, frame)
                rate = (len(found) + 1) / (time.perf_counter() - started)
                add(draw.label(overlaid(frame, results, threshold), f"{rate:.1f} frames/s"), frames.time)
                found.append([_record(result) for result in results])
                times.append(round(frames.time, 4))
        except KeyboardInterrupt:
            # A stream has no other end.
            if not (frames.live and found):
                raise
        finally:
            bar.close()
    mean = (len(times) - 1) / times[-1] if times[-1] else frames.rate
    record |= {"frames_per_second": round(mean, 3), "times": times, "frames": found}
    _write_json(target, record)
    told = f"{frames.name}: {len(found)} frames"
    if promised and len(found) < 0.8 * promised:
        told += f" (its header tells {promised})"
    whole = sum(any(result["found"] == "image" for result in results) for results in found)
    if whole:
        told += f", the whole image as the box in {whole} of them (give --box to do better)"
    return f"{told}, {rate:.1f} a second -> {overlay}"


def _header(localizer, source, image):
    return {
        "file": video.shown(source),
        "width": image.shape[1],
        "height": image.shape[0],
        "model": localizer.spec.name,
        "engine": localizer.engine.name,
        "flip": localizer.flip,
        "scheme": localizer.scheme.name,
        "names": list(localizer.scheme.names),
    }


def _record(result):
    record = {"box": [round(float(v), 2) for v in result.box], "found": result.found}
    if isinstance(result, Parts):
        return record
    return record | {
        "points": [[round(float(v), 2) for v in point] for point in result.points],
        "scores": [round(float(v), 4) for v in result.scores],
    }


def _together(results):
    """One mask of several faces; where two overlap the later one counts."""
    mask = results[0].mask.copy()
    for result in results[1:]:
        mask[result.mask > 0] = result.mask[result.mask > 0]
    return mask


def _told(results):
    subjects = f"{len(results)} subject" + ("s" if len(results) > 1 else "")
    if results and results[0].found == "image":
        return detect.nothing_found(results[0].scheme).replace("give boxes", "give --box")
    return f"{subjects}, box {'detected' if results[0].found == 'detector' else 'given'}"


def _write_json(target, record):
    with atomic_write(target.with_name(f"{target.name}.json"), "w") as file:
        json.dump(record, file, indent=1)
