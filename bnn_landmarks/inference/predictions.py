"""What `bnn-landmarks predict` does with each file: localize, draw, write."""

import json
import pathlib
import time

import cv2
from tqdm import tqdm

from bnn_landmarks.files import atomic_write
from bnn_landmarks.geometry import crops, draw, images
from bnn_landmarks.inference import detect, video
from bnn_landmarks.inference.localizer import Parts

WINDOW = "bnn-landmarks (q ends)"


def sources(paths):
    """Files, and the images and videos of directories, in order.

    Raises:
        ValueError: a directory holds none.
    """
    found = []
    for path in map(pathlib.Path, paths):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in (*images.SUFFIXES, *video.SUFFIXES))
        if not inside:
            raise ValueError(f"there is no image and no video in {path}")
        found += inside
    return found


def distinct_names(paths):
    """What the outputs of each file are called: its stem, numbered where another had it before."""
    names = []
    for path in paths:
        name, number = path.stem, 2
        while name in names:
            name, number = f"{path.stem}-{number}", number + 1
        names.append(name)
    return names


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
        localizer: `Localizer`. source: path. boxes: [N, 4] or None. threshold: score a landmark needs to be drawn.
        target: path without suffix: TARGET.overlay.jpg or .mp4, TARGET.json and for parts TARGET.mask.png.

    Returns:
        a line that says what was found and written.

    Raises:
        FileNotFoundError, ValueError: the file can't be read, a box is none. OSError: the disk is full.
    """
    if source.suffix.lower() in video.SUFFIXES:
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
        camera: its number, or an iterable of frames uint8 [H, W, 3] RGB.

    Raises:
        ValueError: no such camera. OSError: OpenCV can't open a window here.
    """
    frames, track = video.Video(camera) if isinstance(camera, int) else camera, video.Tracker(localizer)
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
            raise OSError("this OpenCV can't open a window here (no display, or a headless build)") from None
    cv2.destroyAllWindows()


def _predict_video(localizer, source, target, boxes, threshold):
    frames, track = video.Video(source), video.Tracker(localizer)
    overlay = target.with_name(f"{target.name}.overlay.mp4")
    found, times, record, started = [], [], None, time.perf_counter()
    with video.writer(overlay, frames.rate) as add:
        for frame in tqdm(frames, source.name, frames.count, unit="frame", leave=False):
            results = track(frame, frames.seconds, boxes)
            boxes = None
            record = record or _header(localizer, source, frame) | {"frames_per_second": frames.rate}
            found.append([_record(result) for result in results])
            times.append(round(frames.time, 4))
            rate = len(found) / (time.perf_counter() - started)
            add(draw.label(overlaid(frame, results, threshold), f"{rate:.1f} frames/s"), frames.time)
        if not found:
            raise ValueError(f"{source} holds no frame that can be read")
    _write_json(target, record | {"times": times, "frames": found})
    return f"{source}: {len(found)} frames, {rate:.1f} a second -> {overlay}"


def _header(localizer, source, image):
    return {
        "file": str(source),
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
