/**
 * Following subjects from frame to frame: what bnn_landmarks/inference/tracking.py computes.
 *
 * A subject's next box is the box around its last landmarks (`Follower`). Every `lookEvery` seconds, and whenever a subject
 * is weak or hidden, the finder looks at the whole frame: what it finds away from all subjects is a new one, what it finds
 * near one confirms it.
 */

import { overlap } from "./boxes.js";
import type { Box, Picture } from "./crops.js";
import { Refused } from "./errors.js";
import { type Looker, type Seen, type Sighting, given, givenBoxes, inImage, lookAndAgain, resultBox } from "./looking.js";
import { OneEuro } from "./smooth.js";

// Intersection over union of two subjects' boxes above which they have come to follow one body, and of a found box with
// somebody's for it to be nobody new.
const MERGED = 0.6;
const SAME = 0.3;
// Factor of the sides of two subjects' boxes at which these touch when one may begin to cover the other.
const NEARBY = 1.2;
// How far from where a subject is expected it may be found, in longer sides of its box: in view, and come back into it.
const NEAR = 0.5;
const REACH = 0.75;
// Share of the new speed that is taken from one frame, at 30 a second.
const SPEED_SHARE = 0.3;
// How many times the least presence makes a subject sure enough to go on where no detector confirms it.
const SURE = 2.5;
// How much longer than elsewhere who went behind somebody is waited for.
const BEHIND = 2.5;
// Seconds for which who touches another is expected to go on as before.
const LONGEST_CROSSING = 2;

type Pair = [number, number];

/**
 * threshold: score a landmark must have to be followed. smooth: filter the landmarks. lookEvery: seconds between looks at
 * the whole frame. patience: seconds after which a subject that was not seen leaves, and one that is weak and that no
 * detector confirms. most: subjects at most.
 */
export interface TrackerOptions {
  threshold?: number;
  smooth?: boolean;
  lookEvery?: number;
  patience?: number;
  most?: number;
}

/** One subject: its landmarks smoothed, and the box to look into next; null where it is lost or out of the frame. */
export class Follower {
  box: Box | null = null;
  readonly filter = new OneEuro();

  constructor(
    private readonly threshold = 0.1,
    private readonly smooth = true,
  ) {}

  /** A frame's result, smoothed. seconds: since the frame before. */
  follow(result: Seen, seconds: number, width: number, height: number): Seen {
    if (this.smooth && !result.mask) {
      const size = Math.max(result.box[2], result.box[3]);
      result = { ...result, points: this.filter.filter(result.points, seconds, size) };
    }
    const box = resultBox(result, this.threshold);
    this.box = box && inImage(box, width, height) ? box : null;
    return result;
  }
}

/**
 * A subject that is followed. number: counts from 1 and is not given again. sighting: where it was found. box: of its last
 * landmarks. expected, sides: where its centre should be now, and how large its box, were it in full view. speed: pixels
 * per second, of the centre. unseen: seconds without landmarks of its own. unconfirmed: seconds since it was given or a
 * detector found it. crossing: seconds since its box came to touch another's, and still does.
 */
class Track {
  speed: Pair = [0, 0];
  unseen = 0;
  unconfirmed = 0;
  crossing = 0;
  presence = 0;
  expected: Pair;
  sides: Pair;

  constructor(
    readonly number: number,
    readonly follower: Follower,
    public sighting: Sighting,
    public box: Box,
  ) {
    this.expected = centre(box);
    this.sides = [box[2], box[3]];
  }

  /** Take the box of a frame `seconds` later. */
  move(box: Box, seconds: number): void {
    const [now, before] = [centre(box), centre(this.box)];
    if (!(this.crossing > 0 && this.crossing < LONGEST_CROSSING)) {
      const share = 1 - (1 - SPEED_SHARE) ** (30 * seconds);
      const step = (i: 0 | 1) => this.speed[i] + share * ((now[i] - before[i]) / seconds - this.speed[i]);
      this.speed = [step(0), step(1)];
      this.expected = now;
      const side = (i: 0 | 1) => this.sides[i] + share * (box[i + 2] - this.sides[i]);
      this.sides = [side(0), side(1)];
    }
    this.box = box;
    this.unseen = 0;
  }

  /** Take a box that has nothing to do with the last one. */
  begin(box: Box): void {
    this.box = box;
    this.unseen = 0;
    if (!this.crossing) {
      this.expected = centre(box);
      this.sides = [box[2], box[3]];
    }
    this.follower.filter.reset();
  }
}

/** Frame after frame -> what is seen in it, smoothed, each with its subject's number, `track`. */
export class Tracker {
  private tracks: Track[] = [];
  private count = 0;
  private given = false;
  private sinceLook = Infinity;
  private readonly threshold: number;
  private readonly smooth: boolean;
  private readonly lookEvery: number;
  private readonly patience: number;
  private readonly most: number;
  private readonly leastPresence: number;

  constructor(
    private readonly localizer: Looker,
    { threshold = 0.1, smooth = true, lookEvery = 0.3, patience = 0.8, most = Infinity }: TrackerOptions = {},
  ) {
    if (!(most >= 1)) throw new Refused(`subjects at most must be 1 or more, not ${most}`);
    this.threshold = threshold;
    this.smooth = smooth;
    this.lookEvery = lookEvery;
    this.patience = patience;
    this.most = most;
    this.leastPresence = localizer.leastPresence / 2;
  }

  /**
   * One result per subject that is seen in this frame, in the order of their numbers. seconds: since the frame before.
   * boxes: where the subjects are, to begin anew: only these are followed, until all are lost. Throws `Refused`.
   */
  track(frame: Picture, seconds: number, boxes?: unknown): Seen[] {
    if (!(seconds > 0)) throw new Refused(`seconds since the last frame must be positive, not ${seconds}`);
    const begun = boxes !== null && boxes !== undefined;
    if (begun) {
      this.tracks = givenBoxes(frame, boxes).slice(0, this.most).map((box) => this.begun(given(box), box));
    }
    this.given = begun || (this.given && this.tracks.length > 0);
    const found = this.follow(frame, seconds);
    this.letGo();
    this.sinceLook += seconds;
    if (this.isToLook()) {
      for (const [number, result] of this.look(frame, seconds)) found.set(number, result);
    }
    return this.tracks.filter(({ number }) => found.has(number)).map(({ number }) => found.get(number)!);
  }

  private begun(sighting: Sighting, box: Box): Track {
    this.count++;
    const follower = new Follower(this.threshold, this.smooth);
    return new Track(this.count, follower, { ...sighting, track: this.count }, box);
  }

  /** Of the subjects in view, each looked for in the box of its last landmarks. */
  private follow(frame: Picture, seconds: number): Map<number, Seen> {
    const inside = this.tracks.filter((track) => !track.unseen && inImage(track.box, frame.width, frame.height));
    const results = this.localizer.look(frame, inside.map(next));
    const boxes = new Map<Track, Box>();
    for (const track of this.tracks) {
      track.expected = [track.expected[0] + track.speed[0] * seconds, track.expected[1] + track.speed[1] * seconds];
      track.unconfirmed += seconds;
    }
    inside.forEach((track, i) => {
      const box = resultBox(results[i], this.threshold);
      track.presence = results[i].presence;
      if (box && track.presence >= this.leastPresence) boxes.set(track, box);
    });
    const hidden = this.part(inside.filter((track) => boxes.has(track)), boxes, seconds);
    for (const track of this.tracks) {
      if (!boxes.has(track) || hidden.has(track)) track.unseen += seconds;
    }
    const found = new Map<number, Seen>();
    inside.forEach((track, i) => {
      if (!track.unseen) this.see(track, results[i], seconds, frame, found);
    });
    return found;
  }

  /** Puts what is seen of a subject in view into `found`; nothing of one that has left it. */
  private see(track: Track, result: Seen, seconds: number, frame: Picture, found: Map<number, Seen>): void {
    const smoothed = track.follower.follow(result, seconds, frame.width, frame.height);
    if (!track.follower.box) {
      track.unseen += seconds;
      return;
    }
    track.move(track.follower.box, seconds);
    found.set(track.number, { ...smoothed, track: track.number });
  }

  /**
   * Of subjects whose landmarks have come to lie on one body, those that are hidden: further from where they should be.
   * Who touches another is expected to go on as before until their ways part.
   */
  private part(tracks: Track[], boxes: Map<Track, Box>, seconds: number): Set<Track> {
    const bodies = this.tracks.map((track) => around(track.expected, NEARBY * track.sides[0], NEARBY * track.sides[1]));
    this.tracks.forEach((track, i) => {
      const close = bodies.some((other, j) => j !== i && overlap(bodies[i], other) > 0);
      track.crossing = close ? track.crossing + seconds : 0;
    });
    const hidden = new Set<Track>();
    tracks.forEach((one, i) => {
      for (const other of tracks.slice(i + 1)) {
        const merged = overlap(boxes.get(one)!, boxes.get(other)!) > MERGED;
        if (!merged || hidden.has(one) || hidden.has(other)) continue;
        const away = (track: Track) => distance(centre(boxes.get(track)!), track.expected);
        hidden.add(away(other) > away(one) ? other : one);
      }
    });
    return hidden;
  }

  private isToLook(): boolean {
    if (this.given) return false;
    return !this.tracks.length || this.sinceLook >= this.lookEvery || this.tracks.some((track) => track.unseen > 0);
  }

  /** Look at the whole frame: confirm, find again, begin; those found again and new. */
  private look(frame: Picture, seconds: number): Map<number, Seen> {
    this.sinceLook = 0;
    let { sightings, sure } = this.localizer.detect(frame);
    let least = this.leastPresence;
    // Nobody is taken for a newcomer, or for somebody who is back, on a guess.
    if (!sure && this.tracks.length) sightings = [];
    else if (!sure) least = this.localizer.leastPresence;
    const boxes = sightings.map(({ box }) => box);
    const pairs = this.match(boxes);
    const wanted: [Track | null, Sighting][] = [];
    for (const [track, i] of pairs) {
      track.unconfirmed = 0;
      track.sighting = { ...sightings[i], track: track.number };
      if (track.unseen || overlap(track.box, boxes[i]) < SAME / 2) wanted.push([track, track.sighting]);
    }
    const taken = new Set(pairs.map(([, i]) => i));
    const inView = this.tracks.filter((track) => !track.unseen).map((track) => track.box);
    const free = sightings
      .filter((_, i) => !taken.has(i) && !inView.some((other) => overlap(boxes[i], other) > SAME))
      .slice(0, Math.max(0, this.most - this.tracks.length));
    for (const sighting of free) wanted.push([null, sighting]);
    return this.takeUp(frame, seconds, wanted, least);
  }

  /** Look for subjects that are new (null) or found again, in pairs with their sightings. */
  private takeUp(frame: Picture, seconds: number, wanted: [Track | null, Sighting][], least: number): Map<number, Seen> {
    const results = lookAndAgain(this.localizer, frame, wanted.map(([, sighting]) => sighting));
    const moved = new Set(wanted.map(([track]) => track));
    const found = new Map<number, Seen>();
    wanted.forEach(([known, sighting], i) => {
      const box = resultBox(results[i], this.threshold);
      if (!box || results[i].presence < least || !inImage(box, frame.width, frame.height)) return;
      // These may be the landmarks of somebody who is followed.
      const others = this.tracks.filter((track) => !moved.has(track) && !track.unseen);
      if (others.some((other) => overlap(box, other.box) > MERGED)) return;
      const track = known ?? this.begun(sighting, box);
      if (!known) this.tracks.push(track);
      track.begin(box);
      track.presence = results[i].presence;
      this.see(track, results[i], seconds, frame, found);
    });
    return found;
  }

  /** Pairs of a track and the index of its box: the nearest to where each subject is expected, together. */
  private match(boxes: Box[]): [Track, number][] {
    const far = this.tracks.map((track) =>
      boxes.map((box) => distance(centre(box), track.expected) / Math.max(...track.sides)),
    );
    const ways = far.flatMap((row, k) => row.map((way, i) => ({ k, i, way }))).sort((a, b) => a.way - b.way);
    const pairs = new Map<number, number>();
    for (const { k, i, way } of ways) {
      const reach = this.tracks[k].unseen || this.tracks[k].crossing ? REACH : NEAR;
      if (way <= reach && !pairs.has(k) && ![...pairs.values()].includes(i)) pairs.set(k, i);
    }
    // Two who came from one body: each goes where both have the shorter way.
    for (const a of pairs.keys()) {
      for (const b of pairs.keys()) {
        const [boxA, boxB] = [pairs.get(a)!, pairs.get(b)!];
        if (far[a][boxB] + far[b][boxA] < far[a][boxA] + far[b][boxB] - 1e-9) {
          pairs.set(a, boxB);
          pairs.set(b, boxA);
        }
      }
    }
    return [...pairs].map(([k, i]) => [this.tracks[k], i]);
  }

  /** Who has not been seen for too long, or is seen weakly where no detector finds anybody, leaves. */
  private letGo(): void {
    this.tracks = this.tracks.filter((track) => {
      if (track.unseen) return track.unseen <= this.patience * (track.crossing ? BEHIND : 1);
      const weak = track.presence < SURE * this.leastPresence && !this.given;
      return !(weak && this.localizer.hasDetector && track.unconfirmed > this.patience);
    });
  }
}

function next({ box, sighting, number }: Track): Sighting {
  return { ...sighting, box, found: sighting.found === "given" ? "given" : "track", track: number };
}

function centre([x, y, width, height]: Box): Pair {
  return [x + width / 2, y + height / 2];
}

function around([x, y]: Pair, width: number, height: number): Box {
  return [x - width / 2, y - height / 2, width, height];
}

function distance(a: Pair, b: Pair): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
