"""Following subjects from frame to frame: each keeps its number, newcomers are found, and who is gone leaves.

    track = Tracker(Localizer("pose"))
    for frame in video:
        for person in track(frame, video.seconds):
            print(person.track, person.points)

A subject's next box is the box around its last landmarks (`Follower`). Every `look_every` seconds, and whenever a
subject is weak or hidden, the localizer's detector looks at the whole frame: what it finds away from all subjects is a
new one, what it finds near one confirms it.
"""

import dataclasses
import itertools

import numpy as np

from bnn_landmarks import records
from bnn_landmarks.geometry.boxes import overlaps
from bnn_landmarks.geometry.smooth import OneEuro
from bnn_landmarks.inference.localizer import (
    Parts,
    Sighting,
    check_most,
    check_presence,
    given_boxes,
    in_image,
    look_and_again,
    result_box,
)

# Intersection over union of two subjects' boxes above which they have come to follow one body, and of a found box with
# somebody's for it to be nobody new.
MERGED, SAME = 0.6, 0.3
# Factor of the sides of two subjects' boxes at which these touch when one may begin to cover the other.
NEARBY = 1.2
# How far from where a subject is expected it may be found, in longer sides of its box: in view, and come back into it.
NEAR, REACH = 0.5, 0.75
# Share of the new speed that is taken from one frame, at 30 a second.
SPEED_SHARE = 0.3
# How many times the least presence makes a subject sure enough to go on where no detector confirms it.
SURE = 2.5
# How much longer than elsewhere who went behind somebody is waited for.
BEHIND = 2.5
# Seconds for which who touches another is expected to go on as before.
LONGEST_CROSSING = 2.0


class Follower:
    """One subject: its landmarks smoothed, and the box to look into next.

    threshold: score a landmark must have to be followed. smooth: filter the landmarks. box: float64 [4], None where the
    subject is lost or out of the frame: three landmarks of that score are too few.
    """

    def __init__(self, threshold=0.1, smooth=True):
        self.threshold, self.smooth = threshold, smooth
        self.filter, self.box = OneEuro(), None

    def __call__(self, result, seconds, shape):
        """A frame's result, smoothed. seconds: since the frame before. shape: the frame's, (H, W, ...)."""
        if self.smooth and not isinstance(result, Parts):
            points = self.filter(result.points, seconds, max(result.box[2:]))
            result = dataclasses.replace(result, points=points)
        box = result_box(result, self.threshold)
        self.box = box if box is not None and in_image(box, shape) else None
        return result


@dataclasses.dataclass(eq=False)
class Track:
    """A subject that is followed.

    number: counts from 1 and is not given again. sighting: where it was found. box: float64 [4], of its last landmarks.
    expected, sides: where its centre should be now, and how large its box, were it in full view. speed: pixels per
    second, of the centre.
    unseen: seconds without landmarks of its own: weak, behind somebody, or gone. unconfirmed: seconds since it was
    given or a detector found it. crossing: seconds since its box came to touch another's, and still does.
    """

    number: int
    follow: Follower
    sighting: Sighting
    box: np.ndarray
    expected: np.ndarray
    sides: np.ndarray
    speed: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(2))
    unseen: float = 0.0
    unconfirmed: float = 0.0
    crossing: float = 0.0
    presence: float = 0.0

    def move(self, box, seconds):
        """Take the box of a frame `seconds` later."""
        step = _centre(box) - _centre(self.box)
        if not 0 < self.crossing < LONGEST_CROSSING:
            share = 1 - (1 - SPEED_SHARE) ** (30 * seconds)
            self.speed = self.speed + share * (step / seconds - self.speed)
            self.expected, self.sides = _centre(box), self.sides + share * (box[2:] - self.sides)
        self.box, self.unseen = box, 0.0

    def begin(self, box):
        """Take a box that has nothing to do with the last one."""
        self.box, self.unseen = box, 0.0
        if not self.crossing:
            self.expected, self.sides = _centre(box), box[2:]
        self.follow.filter.reset()


class Tracker:
    """Frame after frame -> its `Landmarks` or `Parts`, smoothed, each with its subject's number, `track`.

    Args:
        localizer: `Localizer`. threshold: score a landmark must have to be followed. smooth: filter the landmarks.
        look_every: seconds between looks at the whole frame. patience: seconds after which a subject that was not seen
            leaves, and one that is weak and that no detector confirms.
        least_presence: the `presence` a subject must have to be seen; None: half of the localizer's.
        most: subjects at most, None for any number.

    Attributes:
        tracks: of the subjects that are followed, `Track`s.

    Raises:
        ValueError: most is no whole number from 1, or least_presence none from 0 to 1.
    """

    def __init__(
        self,
        localizer,
        threshold=0.1,
        smooth=True,
        look_every=0.3,
        patience=0.8,
        least_presence=None,
        most=None,
    ):
        check_most(most)
        check_presence(least_presence)
        self.localizer, self.threshold, self.smooth = localizer, threshold, smooth
        self.look_every, self.patience, self.most = look_every, patience, most
        self.least_presence = localizer.least_presence / 2 if least_presence is None else least_presence
        self.tracks, self.count, self.given = [], 0, False
        self.since_look = np.inf

    def __call__(self, frame, seconds, boxes=None):
        """One result per subject that is seen in this frame, in the order of their numbers.

        Args:
            frame: uint8 [H, W, 3] RGB. seconds: since the frame before, positive.
            boxes: where the subjects are, to begin anew: only these are followed, until all are lost.

        Raises:
            ValueError: seconds is not positive; a box is none, or outside the frame.
        """
        if not (records.is_number(seconds) and seconds > 0):
            raise ValueError(f"seconds since the last frame must be positive, not {seconds!r}")
        if boxes is not None:
            sightings = [Sighting(box, "given") for box in given_boxes(frame, boxes)[: self.most]]
            self.tracks = [self._begun(sighting, sighting.box) for sighting in sightings]
        self.given = boxes is not None or (self.given and bool(self.tracks))
        found = self._follow(frame, seconds)
        self._let_go()
        self.since_look += seconds
        if self._is_to_look():
            found |= self._look(frame, seconds)
        return [found[track.number] for track in self.tracks if track.number in found]

    def _begun(self, sighting, box):
        self.count += 1
        sighting = dataclasses.replace(sighting, track=self.count)
        return Track(self.count, Follower(self.threshold, self.smooth), sighting, box, _centre(box), box[2:])

    def _follow(self, frame, seconds):
        """{number: result} of the subjects in view, each looked for in the box of its last landmarks."""
        inside = [track for track in self.tracks if not track.unseen and in_image(track.box, frame.shape)]
        results = self.localizer.look(frame, [self._next(track) for track in inside])
        boxes = {}
        for track in self.tracks:
            track.expected = track.expected + track.speed * seconds
            track.unconfirmed += seconds
        for track, result in zip(inside, results, strict=True):
            box = result_box(result, self.threshold)
            track.presence = result.presence
            if box is not None and result.presence >= self.least_presence:
                boxes[track.number] = box
        hidden = self._part([track for track in inside if track.number in boxes], boxes, seconds)
        found = {}
        for track in self.tracks:
            if track.number not in boxes or track in hidden:
                track.unseen += seconds
        for track, result in zip(inside, results, strict=True):
            if not track.unseen:
                found |= self._see(track, result, seconds, frame.shape)
        return found

    def _next(self, track):
        where = track.sighting
        found = "given" if where.found == "given" else "track"
        return Sighting(track.box, found, where.detector, where.box_score, track.number)

    def _see(self, track, result, seconds, shape):
        """{number: result} of a subject in view; nothing of one that has left it."""
        result = track.follow(result, seconds, shape)
        if track.follow.box is None:
            track.unseen += seconds
            return {}
        track.move(track.follow.box, seconds)
        return {track.number: dataclasses.replace(result, track=track.number)}

    def _part(self, tracks, boxes, seconds):
        """Of subjects whose landmarks have come to lie on one body, those that are hidden: further from where they
        should be. Who touches another is expected to go on as before until their ways part."""
        bodies = {track: _at(track.expected, NEARBY * track.sides) for track in self.tracks}
        for track in self.tracks:
            close = any(_overlap(bodies[track], bodies[other]) for other in self.tracks if other is not track)
            track.crossing = track.crossing + seconds if close else 0.0
        hidden = []
        for one, other in itertools.combinations(tracks, 2):
            if _overlap(boxes[one.number], boxes[other.number]) > MERGED and not {one, other} & {*hidden}:
                hidden.append(
                    max(one, other, key=lambda t: np.linalg.norm(_centre(boxes[t.number]) - t.expected))
                )
        return hidden

    def _is_to_look(self):
        if self.given:
            return False
        return (
            not self.tracks
            or self.since_look >= self.look_every
            or any(track.unseen for track in self.tracks)
        )

    def _look(self, frame, seconds):
        """Look at the whole frame: confirm, find again, begin -> {number: result} of those found again and new."""
        self.since_look = 0.0
        sightings, sure = self.localizer.detect(frame)
        least = self.least_presence
        if not sure:
            # Nobody is taken for a newcomer, or for somebody who is back, on a guess.
            sightings, least = ([], least) if self.tracks else (sightings, self.localizer.least_presence)
        boxes = [sighting.box for sighting in sightings]
        pairs = self._match(boxes)
        again = []
        for track, i in pairs:
            track.unconfirmed = 0.0
            track.sighting = dataclasses.replace(sightings[i], track=track.number)
            if track.unseen or _overlap(track.box, boxes[i]) < SAME / 2:
                again.append((track, track.sighting))
        taken = {i for _, i in pairs}
        in_view = [track.box for track in self.tracks if not track.unseen]
        free = [
            (None, sightings[i])
            for i, box in enumerate(boxes)
            if i not in taken and not any(_overlap(box, other) > SAME for other in in_view)
        ]
        if self.most is not None:
            free = free[: max(0, self.most - len(self.tracks))]
        return self._take_up(frame, seconds, [*again, *free], least)

    def _take_up(self, frame, seconds, wanted, least):
        """Look for subjects that are new (None) or found again, in pairs with their sightings."""
        results = look_and_again(self.localizer, frame, [sighting for _, sighting in wanted])
        moved, found = [track for track, _ in wanted], {}
        for (track, sighting), result in zip(wanted, results, strict=True):
            box = result_box(result, self.threshold)
            if box is None or result.presence < least or not in_image(box, frame.shape):
                continue
            others = [t for t in self.tracks if t not in moved and not t.unseen]
            if any(_overlap(box, other.box) > MERGED for other in others):
                continue  # these are the landmarks of somebody who is followed
            if track is None:
                track = self._begun(sighting, box)
                self.tracks.append(track)
            track.begin(box)
            track.presence = result.presence
            found |= self._see(track, result, seconds, frame.shape)
        return found

    def _match(self, boxes):
        """Pairs (track, index of its box): the nearest to where each subject is expected, together."""
        far = np.array(
            [[np.linalg.norm(_centre(box) - t.expected) / max(t.sides) for box in boxes] for t in self.tracks]
        ).reshape(len(self.tracks), len(boxes))
        reach = np.array([REACH if t.unseen or t.crossing else NEAR for t in self.tracks])
        pairs = {}
        for k, i in sorted(np.ndindex(far.shape), key=lambda pair: far[pair]):
            if far[k, i] <= reach[k] and k not in pairs and i not in pairs.values():
                pairs[k] = i
        # Two who came from one body: each goes where both have the shorter way.
        for a in pairs:
            for b in pairs:
                swapped = far[a, pairs[b]] + far[b, pairs[a]]
                if swapped < far[a, pairs[a]] + far[b, pairs[b]] - 1e-9:
                    pairs[a], pairs[b] = pairs[b], pairs[a]
        return [(self.tracks[k], i) for k, i in pairs.items()]

    def _let_go(self):
        """Who has not been seen for too long, or is seen weakly where no detector finds anybody, leaves."""

        def stays(track):
            if track.unseen:
                return track.unseen <= self.patience * (BEHIND if track.crossing else 1)
            weak = track.presence < SURE * self.least_presence and not self.given
            return not (weak and self.localizer.detector and track.unconfirmed > self.patience)

        self.tracks = [track for track in self.tracks if stays(track)]


def _centre(box):
    return box[:2] + box[2:] / 2


def _at(centre, sides):
    return np.concatenate([centre - sides / 2, sides])


def _overlap(a, b):
    return float(overlaps(a, b).max())
