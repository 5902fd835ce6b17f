const MIN_CUTOFF = 1;
const BETA = 8;
const SPEED_CUTOFF = 1;
export class OneEuro {
    points = null;
    speed = new Float64Array();
    reset() {
        this.points = null;
    }
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
