/** The One Euro filter (Casiez, Roussel & Vogel, CHI 2012): what bnn_landmarks/geometry/smooth.py computes. */
const MIN_CUTOFF = 1; // Hz, of a landmark at rest
const BETA = 8; // Hz by subject sizes a second: how fast the cut-off grows with speed
const SPEED_CUTOFF = 1; // Hz
export class OneEuro {
    points = null;
    speed = new Float64Array();
    /** Forget: the next points are taken as they are. */
    reset() {
        this.points = null;
    }
    /** Smoothed points x, y, x, y, ... seconds: since the last call, positive. size: of the subject, pixels. */
    filter(given, seconds, size) {
        const last = this.points;
        if (!last) {
            this.speed = new Float64Array(given.length);
            return (this.points = given);
        }
        const speed = this.speed;
        for (let i = 0; i < given.length; i++) {
            speed[i] += share(SPEED_CUTOFF, seconds) * ((given[i] - last[i]) / (seconds * size) - speed[i]);
        }
        this.points = given.map((value, i) => {
            const fast = Math.hypot(speed[i & ~1], speed[i | 1]);
            return last[i] + share(MIN_CUTOFF + BETA * fast, seconds) * (value - last[i]);
        });
        return this.points;
    }
}
function share(cutoff, seconds) {
    const rate = 2 * Math.PI * cutoff * seconds;
    return rate / (rate + 1);
}
