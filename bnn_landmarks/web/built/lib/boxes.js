import { affine, clamp, restore as restorePoints } from "./crops.js";
export const CHANNELS = 5;
const UNIT = 8;
const SAME = 0.55;
const LARGEST_LOG = 4;
export function letterbox(width, height, size) {
    return affine({ x: (width - 1) / 2, y: (height - 1) / 2, side: Math.max(width, height) }, size);
}
export function restore([x, y, boxWidth, boxHeight], matrix, width, height) {
    const corners = restorePoints([x, y, x + boxWidth, y + boxHeight], matrix);
    const [left, top, right, bottom] = corners.map((v, i) => clamp(v, -0.5, (i % 2 ? height : width) - 0.5));
    return [left, top, right - left, bottom - top];
}
export function decode(maps, kind, stride, threshold) {
    const { height, width, count, values } = maps;
    const at = (y, x, channel) => values[(y * width + x) * count + kind * CHANNELS + channel];
    const found = [];
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
            const logit = at(y, x, 0);
            const score = Math.fround(1 / (1 + Math.exp(-logit)));
            if (!(score >= threshold) || !isPeak(logit))
                continue;
            const [boxWidth, boxHeight] = [3, 4].map((c) => stride * UNIT * Math.exp(Math.min(at(y, x, c), LARGEST_LOG)));
            const centreX = stride * (x + at(y, x, 1) + 0.5) - 0.5;
            const centreY = stride * (y + at(y, x, 2) + 0.5) - 0.5;
            found.push({ box: [centreX - boxWidth / 2, centreY - boxHeight / 2, boxWidth, boxHeight], score });
            function isPeak(logit) {
                for (let j = Math.max(0, y - 1); j <= Math.min(height - 1, y + 1); j++) {
                    for (let i = Math.max(0, x - 1); i <= Math.min(width - 1, x + 1); i++) {
                        if (at(j, i, 0) > logit)
                            return false;
                    }
                }
                return true;
            }
        }
    }
    found.sort((a, b) => b.score - a.score);
    return distinct(found, SAME, overlap);
}
export function distinct(found, same, common) {
    const kept = [];
    for (const each of found) {
        if (kept.every((better) => common(each.box, better.box) <= same))
            kept.push(each);
    }
    return kept;
}
export function overlap(a, b) {
    const both = common(a, b);
    return both / Math.max(a[2] * a[3] + b[2] * b[3] - both, 1e-12);
}
export function cover(a, b) {
    return common(a, b) / Math.max(Math.min(a[2] * a[3], b[2] * b[3]), 1e-12);
}
function common(a, b) {
    const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
    const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
    return Math.max(width, 0) * Math.max(height, 0);
}
