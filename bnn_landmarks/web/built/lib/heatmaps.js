const WINDOW = 3;
const { fround } = Math;
export function decode(maps, stride, score) {
    const points = new Float32Array(2 * maps.count);
    const values = new Float32Array(maps.count);
    for (let k = 0; k < maps.count; k++) {
        let best = 0;
        for (let i = 1; i < maps.height * maps.width; i++) {
            if (maps.values[i * maps.count + k] > maps.values[best * maps.count + k])
                best = i;
        }
        values[k] = maps.values[best * maps.count + k];
        const [x, y] = score === "softmax" ? windowMean(maps, k, values[k]) : quarterPeak(maps, k, best);
        points[2 * k] = stride * (x + 0.5) - 0.5;
        points[2 * k + 1] = stride * (y + 0.5) - 0.5;
    }
    return { points, values };
}
function windowMean({ height, width, count, values }, k, peak) {
    const shares = new Float64Array(height * width);
    for (let i = 0; i < shares.length; i++)
        shares[i] = Math.exp(fround(values[i * count + k] - peak));
    const rows = new Float64Array(height * width);
    for (let y = 0; y < height; y++) {
        for (let j = Math.max(0, y - WINDOW); j <= Math.min(height - 1, y + WINDOW); j++) {
            for (let x = 0; x < width; x++)
                rows[y * width + x] += shares[j * width + x];
        }
    }
    let best = 0;
    let most = -1;
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
            let sum = 0;
            for (let i = Math.max(0, x - WINDOW); i <= Math.min(width - 1, x + WINDOW); i++)
                sum += rows[y * width + i];
            if (sum > most) {
                most = sum;
                best = y * width + x;
            }
        }
    }
    const x = best % width;
    const y = (best - x) / width;
    let [total, dx, dy] = [0, 0, 0];
    for (let j = Math.max(0, y - WINDOW); j <= Math.min(height - 1, y + WINDOW); j++) {
        for (let i = Math.max(0, x - WINDOW); i <= Math.min(width - 1, x + WINDOW); i++) {
            const share = shares[j * width + i];
            total += share;
            dx += share * (i - x);
            dy += share * (j - y);
        }
    }
    return [x + dx / total, y + dy / total];
}
function quarterPeak({ height, width, count, values }, k, best) {
    const x = best % width;
    const y = (best - x) / width;
    if (x === 0 || x === width - 1 || y === 0 || y === height - 1)
        return [x, y];
    const at = (i) => values[i * count + k];
    return [
        x + Math.sign(at(best + 1) - at(best - 1)) * 0.25,
        y + Math.sign(at(best + width) - at(best - width)) * 0.25,
    ];
}
export function scores(maps, peaks, score, sigma) {
    return Float32Array.from(peaks.values, (peak, k) => {
        if (score === "sigmoid")
            return 1 / (1 + Math.exp(-peak));
        let sum = 0;
        for (let i = k; i < maps.values.length; i += maps.count)
            sum += Math.exp(fround(maps.values[i] - peak));
        return Math.min(1, (2 * Math.PI * sigma * sigma) / sum);
    });
}
