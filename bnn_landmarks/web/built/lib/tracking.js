import { overlap } from "./boxes.js";
import { Refused } from "./errors.js";
import { given, givenBoxes, inImage, lookAndAgain, resultBox } from "./looking.js";
import { OneEuro } from "./smooth.js";
const MERGED = 0.6;
const SAME = 0.3;
const NEARBY = 1.2;
const NEAR = 0.5;
const REACH = 0.75;
const SPEED_SHARE = 0.3;
const SURE = 2.5;
const BEHIND = 2.5;
const LONGEST_CROSSING = 2;
export class Follower {
    threshold;
    smooth;
    box = null;
    filter = new OneEuro();
    constructor(threshold = 0.1, smooth = true) {
        this.threshold = threshold;
        this.smooth = smooth;
    }
    follow(result, seconds, width, height) {
        if (this.smooth && !result.mask) {
            const size = Math.max(result.box[2], result.box[3]);
            result = { ...result, points: this.filter.filter(result.points, seconds, size) };
        }
        const box = resultBox(result, this.threshold);
        this.box = box && inImage(box, width, height) ? box : null;
        return result;
    }
}
class Track {
    number;
    follower;
    sighting;
    box;
    speed = [0, 0];
    unseen = 0;
    unconfirmed = 0;
    crossing = 0;
    presence = 0;
    expected;
    sides;
    constructor(number, follower, sighting, box) {
        this.number = number;
        this.follower = follower;
        this.sighting = sighting;
        this.box = box;
        this.expected = centre(box);
        this.sides = [box[2], box[3]];
    }
    move(box, seconds) {
        const [now, before] = [centre(box), centre(this.box)];
        if (!(this.crossing > 0 && this.crossing < LONGEST_CROSSING)) {
            const share = 1 - (1 - SPEED_SHARE) ** (30 * seconds);
            const step = (i) => this.speed[i] + share * ((now[i] - before[i]) / seconds - this.speed[i]);
            this.speed = [step(0), step(1)];
            this.expected = now;
            const side = (i) => this.sides[i] + share * (box[i + 2] - this.sides[i]);
            this.sides = [side(0), side(1)];
        }
        this.box = box;
        this.unseen = 0;
    }
    begin(box) {
        this.box = box;
        this.unseen = 0;
        if (!this.crossing) {
            this.expected = centre(box);
            this.sides = [box[2], box[3]];
        }
        this.follower.filter.reset();
    }
}
export class Tracker {
    localizer;
    tracks = [];
    count = 0;
    given = false;
    sinceLook = Infinity;
    threshold;
    smooth;
    lookEvery;
    patience;
    most;
    leastPresence;
    constructor(localizer, { threshold = 0.1, smooth = true, lookEvery = 0.3, patience = 0.8, most = Infinity } = {}) {
        this.localizer = localizer;
        if (!(most >= 1))
            throw new Refused(`subjects at most must be 1 or more, not ${most}`);
        this.threshold = threshold;
        this.smooth = smooth;
        this.lookEvery = lookEvery;
        this.patience = patience;
        this.most = most;
        this.leastPresence = localizer.leastPresence / 2;
    }
    track(frame, seconds, boxes) {
        if (!(seconds > 0))
            throw new Refused(`seconds since the last frame must be positive, not ${seconds}`);
        const begun = boxes !== null && boxes !== undefined;
        if (begun) {
            this.tracks = givenBoxes(frame, boxes).slice(0, this.most).map((box) => this.begun(given(box), box));
        }
        this.given = begun || (this.given && this.tracks.length > 0);
        const found = this.follow(frame, seconds);
        this.letGo();
        this.sinceLook += seconds;
        if (this.isToLook()) {
            for (const [number, result] of this.look(frame, seconds))
                found.set(number, result);
        }
        return this.tracks.filter(({ number }) => found.has(number)).map(({ number }) => found.get(number));
    }
    begun(sighting, box) {
        this.count++;
        const follower = new Follower(this.threshold, this.smooth);
        return new Track(this.count, follower, { ...sighting, track: this.count }, box);
    }
    follow(frame, seconds) {
        const inside = this.tracks.filter((track) => !track.unseen && inImage(track.box, frame.width, frame.height));
        const results = this.localizer.look(frame, inside.map(next));
        const boxes = new Map();
        for (const track of this.tracks) {
            track.expected = [track.expected[0] + track.speed[0] * seconds, track.expected[1] + track.speed[1] * seconds];
            track.unconfirmed += seconds;
        }
        inside.forEach((track, i) => {
            const box = resultBox(results[i], this.threshold);
            track.presence = results[i].presence;
            if (box && track.presence >= this.leastPresence)
                boxes.set(track, box);
        });
        const hidden = this.part(inside.filter((track) => boxes.has(track)), boxes, seconds);
        for (const track of this.tracks) {
            if (!boxes.has(track) || hidden.has(track))
                track.unseen += seconds;
        }
        const found = new Map();
        inside.forEach((track, i) => {
            if (!track.unseen)
                this.see(track, results[i], seconds, frame, found);
        });
        return found;
    }
    see(track, result, seconds, frame, found) {
        const smoothed = track.follower.follow(result, seconds, frame.width, frame.height);
        if (!track.follower.box) {
            track.unseen += seconds;
            return;
        }
        track.move(track.follower.box, seconds);
        found.set(track.number, { ...smoothed, track: track.number });
    }
    part(tracks, boxes, seconds) {
        const bodies = this.tracks.map((track) => around(track.expected, NEARBY * track.sides[0], NEARBY * track.sides[1]));
        this.tracks.forEach((track, i) => {
            const close = bodies.some((other, j) => j !== i && overlap(bodies[i], other) > 0);
            track.crossing = close ? track.crossing + seconds : 0;
        });
        const hidden = new Set();
        tracks.forEach((one, i) => {
            for (const other of tracks.slice(i + 1)) {
                const merged = overlap(boxes.get(one), boxes.get(other)) > MERGED;
                if (!merged || hidden.has(one) || hidden.has(other))
                    continue;
                const away = (track) => distance(centre(boxes.get(track)), track.expected);
                hidden.add(away(other) > away(one) ? other : one);
            }
        });
        return hidden;
    }
    isToLook() {
        if (this.given)
            return false;
        return !this.tracks.length || this.sinceLook >= this.lookEvery || this.tracks.some((track) => track.unseen > 0);
    }
    look(frame, seconds) {
        this.sinceLook = 0;
        let { sightings, sure } = this.localizer.detect(frame);
        let least = this.leastPresence;
        if (!sure && this.tracks.length)
            sightings = [];
        else if (!sure)
            least = this.localizer.leastPresence;
        const boxes = sightings.map(({ box }) => box);
        const pairs = this.match(boxes);
        const wanted = [];
        for (const [track, i] of pairs) {
            track.unconfirmed = 0;
            track.sighting = { ...sightings[i], track: track.number };
            if (track.unseen || overlap(track.box, boxes[i]) < SAME / 2)
                wanted.push([track, track.sighting]);
        }
        const taken = new Set(pairs.map(([, i]) => i));
        const inView = this.tracks.filter((track) => !track.unseen).map((track) => track.box);
        const free = sightings
            .filter((_, i) => !taken.has(i) && !inView.some((other) => overlap(boxes[i], other) > SAME))
            .slice(0, Math.max(0, this.most - this.tracks.length));
        for (const sighting of free)
            wanted.push([null, sighting]);
        return this.takeUp(frame, seconds, wanted, least);
    }
    takeUp(frame, seconds, wanted, least) {
        const results = lookAndAgain(this.localizer, frame, wanted.map(([, sighting]) => sighting));
        const moved = new Set(wanted.map(([track]) => track));
        const found = new Map();
        wanted.forEach(([known, sighting], i) => {
            const box = resultBox(results[i], this.threshold);
            if (!box || results[i].presence < least || !inImage(box, frame.width, frame.height))
                return;
            const others = this.tracks.filter((track) => !moved.has(track) && !track.unseen);
            if (others.some((other) => overlap(box, other.box) > MERGED))
                return;
            const track = known ?? this.begun(sighting, box);
            if (!known)
                this.tracks.push(track);
            track.begin(box);
            track.presence = results[i].presence;
            this.see(track, results[i], seconds, frame, found);
        });
        return found;
    }
    match(boxes) {
        const far = this.tracks.map((track) => boxes.map((box) => distance(centre(box), track.expected) / Math.max(...track.sides)));
        const ways = far.flatMap((row, k) => row.map((way, i) => ({ k, i, way }))).sort((a, b) => a.way - b.way);
        const pairs = new Map();
        for (const { k, i, way } of ways) {
            const reach = this.tracks[k].unseen || this.tracks[k].crossing ? REACH : NEAR;
            if (way <= reach && !pairs.has(k) && ![...pairs.values()].includes(i))
                pairs.set(k, i);
        }
        for (const a of pairs.keys()) {
            for (const b of pairs.keys()) {
                const [boxA, boxB] = [pairs.get(a), pairs.get(b)];
                if (far[a][boxB] + far[b][boxA] < far[a][boxA] + far[b][boxB] - 1e-9) {
                    pairs.set(a, boxB);
                    pairs.set(b, boxA);
                }
            }
        }
        return [...pairs].map(([k, i]) => [this.tracks[k], i]);
    }
    letGo() {
        this.tracks = this.tracks.filter((track) => {
            if (track.unseen)
                return track.unseen <= this.patience * (track.crossing ? BEHIND : 1);
            const weak = track.presence < SURE * this.leastPresence && !this.given;
            return !(weak && this.localizer.hasDetector && track.unconfirmed > this.patience);
        });
    }
}
function next({ box, sighting, number }) {
    return { ...sighting, box, found: sighting.found === "given" ? "given" : "track", track: number };
}
function centre([x, y, width, height]) {
    return [x + width / 2, y + height / 2];
}
function around([x, y], width, height) {
    return [x - width / 2, y - height / 2, width, height];
}
function distance(a, b) {
    return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
