"""What `bnn-landmarks predict` does with each file: localize, draw, write."""

import collections
import dataclasses
import logging
import os
import pathlib
import re
import sys
import time
import urllib.parse

import cv2
import numpy as np
from tqdm import tqdm

from bnn_landmarks import records
from bnn_landmarks.files import check_place, name_as_text
from bnn_landmarks.geometry import crops, draw, image_bytes, images
from bnn_landmarks.inference import box_files, detect, results, video
from bnn_landmarks.inference.localizer import Sighting, given_boxes
from bnn_landmarks.terminal import quiet_libraries

WINDOW = "bnn-landmarks (q ends)"
START = 4096  # bytes of a file that tell what it is.
EARLY = 0.1  # of the interval between two frames, at --fps.
LEGIBLE, LARGEST = 256, 65_500  # pixels of an overlay's longer side, at least and, in a JPEG, at most.
# How the names end of what is written of a source.
WRITTEN = (".overlay.jpg", ".overlay.mp4", ".mask.png", ".coco.json", ".json", ".csv")

logger = logging.getLogger(__name__)


def sources(names):
    """What to look at: `pathlib.Path`s of files, those of directories among them, in order; addresses as they are. What
    was written of one of them in its own folder is left out, which is said.

    Raises:
        ValueError: a directory holds no image and no video; a name is empty.
    """
    found = []
    for name in names:
        if not str(name):
            raise ValueError("an empty name is no photograph and no video")
        if video.is_address(name):
            found.append(str(name))
            continue
        path = pathlib.Path(name)
        found += _inside(path) if path.is_dir() else [path]
    written = _written_of(found)
    if written:
        logger.info("left out, because earlier predictions wrote them: %s", _listed(written))
    return [source for source in found if source not in written]


def _written_of(paths):
    """Those of some paths that are, by their names, what is written of others of them in the same folder, in order."""
    paths = [path for path in paths if isinstance(path, pathlib.Path)]
    stems = {path.with_suffix("") for path in paths if path.suffix not in (".json", ".csv")}

    def is_written(path):
        cut = [path.name.removesuffix(end) for end in WRITTEN if path.name.endswith(end)]
        # A second source of the same stem has a number (`distinct_names`).
        names = {name for each in cut for name in (each, re.sub(r"-\d+$", "", each))}
        return any(path.parent / name in stems for name in names)

    return [path for path in paths if is_written(path)]


def _listed(paths):
    names = [path.name for path in paths[:3]]
    return ", ".join(names) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _inside(directory):
    """The images and videos of a directory; what else it holds is said."""
    every = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    read = (*images.SUFFIXES, *video.SUFFIXES)
    taken = [path for path in every if path.suffix.lower() in read and not path.is_dir()]
    if not taken:
        raise ValueError(f"there is no image and no video in {directory}")
    known = {*taken, *_written_of(every)}
    left = collections.Counter(
        "a directory" if path.is_dir() else path.suffix for path in every if path not in known
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
        raise FileNotFoundError(f"no file or folder at {source}")
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


@dataclasses.dataclass(frozen=True)
class How:
    """What is to be written of each source, and how it is looked at.

    boxes: given boxes [N, 4], or None. box_giver: where they come from, in words.
    box_file: `box_files.BoxFile` whose boxes are taken instead, or None.
    threshold: score a landmark needs to be drawn. formats: of `results.FORMATS`.
    stamp: write the frames per second into the picture. rate: frames of a video to look at per second at most, None for
    all. every: look at every so manieth frame. most: subjects at most, None for any number.
    """

    boxes: list | None = None
    box_giver: str = "given by you"
    box_file: box_files.BoxFile | None = None
    threshold: float = draw.THRESHOLD
    formats: tuple = ("json",)
    stamp: bool = False
    rate: float | None = None
    every: int = 1
    most: int | None = None

    def __post_init__(self):
        if self.rate is not None and not (records.is_number(self.rate) and self.rate > 0):
            raise ValueError(f"frames per second must be positive, not {self.rate!r}")
        for what, number in (("every", self.every), ("people at most", self.most)):
            if number is not None and not records.is_whole(number, 1):
                raise ValueError(f"{what} must be 1 or more, not {number!r}")


def predict_file(localizer, source, target, how=None):
    """Localize in one image or video and write what was found.

    Args:
        localizer: `Localizer`. source: one of `sources`. how: `How`.
        target: path without suffix: TARGET.overlay.jpg or .mp4, TARGET.json (.csv, .coco.json) and for parts of a
            photograph TARGET.mask.png.

    Returns:
        a line that says what was found and written.

    Raises:
        FileNotFoundError, ValueError: the file can't be read, a box is none, another's file is in the way.
        OSError: a folder is in the way, the disk is full.
    """
    how = how or How()
    results.check_formats(how.formats, localizer.spec.task)
    results.check_free(target, how.formats)
    moving = is_video(source)
    overlay = target.with_name(f"{target.name}.overlay.{'mp4' if moving else 'jpg'}")
    mask = target.with_name(f"{target.name}.mask.png")
    for place in (overlay, mask) if localizer.spec.task == "parts" and not moving else (overlay,):
        check_place(place)
    if moving:
        return _predict_video(localizer, source, target, overlay, how)
    image = images.read(source)
    found = _found(localizer, image, source, how)
    record = results.header(localizer, video.shown(source), image)
    record |= {"subjects": [results.subject(each) for each in found]}
    if localizer.spec.task == "parts":
        record["mask"] = name_as_text(mask.name)
        images.write(mask, _together(found, image.shape[:2]))
    images.write(overlay, overlaid(image, found, how.threshold))
    results.write(record, target, how.formats)
    return f"{source}: {_told(found, localizer, image.shape, how.box_giver)} -> {overlay}"


def _found(localizer, image, source, how):
    """The results of a photograph, in the boxes that were given, of the file, or that a detector finds."""
    if how.box_file:
        boxes, scores = how.box_file.of(source)
        boxes = given_boxes(image, boxes)
        scores = [None] * len(boxes) if scores is None else [float(score) for score in scores]
        sightings = [
            Sighting(box, "given", how.box_file.name, score) for box, score in zip(boxes, scores, strict=True)
        ]
        return localizer.look(image, sightings[: how.most])
    boxes = how.boxes if how.boxes is None else how.boxes[: how.most]
    return localizer(image, boxes, most=how.most)


def overlaid(image, found, threshold=draw.THRESHOLD):
    """A copy of the image with every result drawn on it, one under LEGIBLE pixels enlarged by a whole factor, one over
    LARGEST made as small."""
    factor = -(-LEGIBLE // max(image.shape[:2]))
    if factor > 1:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        found = [result.enlarged(factor) for result in found]
    for result in found:
        image = result.draw(image, threshold)
    longer = max(image.shape[:2])
    if longer > LARGEST:
        size = [max(1, side * LARGEST // longer) for side in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return image


def show_camera(localizer, camera, how=None):
    """A window with the camera's picture and landmarks, until q or Escape.

    Args:
        camera: its number, device or address, or an iterable of frames uint8 [H, W, 3] RGB. how: `How`.

    Raises:
        ValueError: no such camera, or it gives no frame. OSError: OpenCV can't open a window here.
    """
    how = how or How()
    frames = camera
    if isinstance(camera, int | str | pathlib.Path):
        with quiet_libraries():  # OpenCV warns of every way that it tries.
            frames = video.Video(camera)
    no_window = OSError("this OpenCV can't open a window here (no display, or a headless build)")
    # OpenCV's Qt ends the process where there is no display.
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise no_window
    track, boxes = video.Tracker(localizer, most=how.most), how.boxes
    before = time.perf_counter()
    for frame in frames:
        now = time.perf_counter()
        seconds, before = max(now - before, 1e-3), now
        picture = overlaid(frame, track(frame, seconds, boxes), how.threshold)
        boxes = None
        if how.stamp:
            picture = draw.label(picture, f"{1 / seconds:.1f} frames/s")
        try:
            cv2.imshow(WINDOW, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            if cv2.waitKey(1) & 0xFF in (ord("q"), 27):
                break
        except cv2.error:
            raise no_window from None
    cv2.destroyAllWindows()


def taken(frames, how):
    """The frames of a video that are looked at, (number, time, seconds since the one before, frame): at a rate the
    first of each interval, which begins a little early because times are rounded."""
    last = interval = None
    for number, frame in enumerate(frames):
        if number % how.every:
            continue
        if how.rate:
            before, interval = interval, int(frames.time * how.rate + EARLY)
            if interval == before:
                continue
        yield number, frames.time, frames.seconds if last is None else frames.time - last, frame
        last = frames.time


def _predict_video(localizer, source, target, overlay, how):
    frames, track, boxes = video.Video(source), video.Tracker(localizer, most=how.most), how.boxes
    if how.box_file:
        boxes, _ = how.box_file.of(source)
    found, record, promised, started, wide = [], None, frames.count, time.perf_counter(), 0
    rate = min(frames.rate / how.every, how.rate or frames.rate)
    with video.writer(overlay, rate) as add:
        bar = tqdm(total=frames.count, desc=target.name, unit="frame", leave=False)
        try:
            for number, now, seconds, frame in taken(frames, how):
                subjects = track(frame, seconds, boxes)
                boxes = None
                record = record or results.header(localizer, video.shown(source), frame)
                speed = (len(found) + 1) / (time.perf_counter() - started)
                picture = overlaid(frame, subjects, how.threshold)
                add(draw.label(picture, f"{speed:.1f} frames/s") if how.stamp else picture, now)
                shown = [results.subject(each) for each in subjects]
                wide += any(
                    each.found == "image" and not localizer.knows_whole(each, frame.shape)
                    for each in subjects
                )
                found.append({"frame": number, "time": round(now, 4), "subjects": shown})
                bar.update(number + 1 - bar.n)
        except KeyboardInterrupt:
            # A stream has no other end.
            if not (frames.live and found):
                raise
        finally:
            bar.close()
    last = found[-1]["time"]
    mean = (len(found) - 1) / last if last else frames.rate
    record |= {"frames_per_second": round(mean, 3), "frames": found}
    results.write(record, target, how.formats)
    told = f"{frames.name}: {_counted(len(found), 'frame')}"
    if promised and frames.count < 0.8 * promised:
        told += f" (its header tells {promised}, and {frames.count} could be read)"
    people = {each["track"] for frame in found for each in frame["subjects"]}
    told += f", {_counted(len(people))}"
    if wide:
        told += f", the whole image as the box in {wide} of them (give --box to do better)"
    return f"{told}, {speed:.1f} a second -> {overlay} (MPEG-4 part 2: players show it, browsers do not)"


def _together(found, shape):
    """One mask uint8 of several faces; where two overlap the later one counts."""
    mask = np.zeros(shape, np.uint8)
    for result in found:
        mask[result.mask > 0] = result.mask[result.mask > 0]
    return mask


def _counted(count, what="subject"):
    return f"{count} {what}" + ("" if count == 1 else "s")


def _told(found, localizer, shape, giver):
    if not found:
        return "nobody found (give --box to look all the same)"
    first = found[0]
    if first.found == "image":
        if localizer.knows_whole(first, shape):
            return f"{_counted(len(found))}, looked for in the whole image"
        return detect.nothing_found(localizer.scheme).replace("give boxes", "give --box")
    if first.found == "detector":
        how = f"detected by {first.detector}"
    else:
        how = f"given by {first.detector}" if first.detector else giver
    return f"{_counted(len(found))}, box {how}"
