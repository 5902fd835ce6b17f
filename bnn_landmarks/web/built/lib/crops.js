import { Refused } from "./errors.js";
const SMALLEST = 1e-6;
const LARGEST = 2 ** 18;
export const BOX_LEAST = SMALLEST;
export function checkBox(given) {
    const list = isList(given) ? Array.from(given) : null;
    const told = JSON.stringify(list ?? given);
    if (!list || list.some((value) => typeof value !== "number")) {
        throw new Refused(`a box is four numbers x, y, width, height, not ${told}`);
    }
    const box = list;
    if (box.length !== 4 || !box.every(Number.isFinite)) {
        throw new Refused(`a box is four finite numbers x, y, width, height, not ${told}`);
    }
    if (Math.min(box[2], box[3]) < SMALLEST) {
        throw new Refused(`the box ${told} is empty: its width and height must be positive`);
    }
    if (Math.max(box[2], box[3]) > LARGEST) {
        throw new Refused(`the box ${told} is larger than any image: ${LARGEST} pixels at most`);
    }
    return box;
}
export function isList(value) {
    return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}
export function square(box, boxSide, padding) {
    const [x, y, width, height] = checkBox(box);
    const side = boxSide === "max" ? Math.max(width, height) : (width + height) / 2;
    return { x: x + width / 2, y: y + height / 2, side: padding * side };
}
export function affine({ x, y, side }, size) {
    const scale = size / side;
    return { scale, shiftX: (size - 1) / 2 - scale * x, shiftY: (size - 1) / 2 - scale * y };
}
export function restore(points, { scale, shiftX, shiftY }) {
    return Float64Array.from(points, (value, i) => (value - (i % 2 ? shiftY : shiftX)) / scale);
}
export function crop(given, matrix, size) {
    const factor = Math.max(1, Math.trunc(0.5 / matrix.scale));
    const [picture, fitted] = factor > 1 ? shrink(given, matrix, size, factor) : [given, matrix];
    const { width, height, data } = picture;
    const patch = new Uint8Array(size * size * 3);
    const sources = Int32Array.from({ length: size }, (_, u) => sourceX(u, fitted));
    let out = 0;
    for (let v = 0; v < size; v++) {
        const y32 = sourceY(v, fitted);
        const y = y32 >> 5;
        const partY = y32 & 31;
        if (y < -1 || y >= height) {
            out += size * 3;
            continue;
        }
        for (let u = 0; u < size; u++, out += 3) {
            const x = sources[u] >> 5;
            const partX = sources[u] & 31;
            if (x < -1 || x >= width)
                continue;
            const left = x >= 0;
            const right = x + 1 < width;
            const above = y >= 0;
            const below = y + 1 < height;
            const at = (y * width + x) * 4;
            const under = at + width * 4;
            for (let channel = 0; channel < 3; channel++) {
                const a = above && left ? data[at + channel] : 0;
                const b = above && right ? data[at + 4 + channel] : 0;
                const c = below && left ? data[under + channel] : 0;
                const d = below && right ? data[under + 4 + channel] : 0;
                const upper = a * (32 - partX) + b * partX;
                const lower = c * (32 - partX) + d * partX;
                patch[out + channel] = (upper * (32 - partY) + lower * partY + 512) >> 10;
            }
        }
    }
    return patch;
}
function shrink(picture, fine, size, factor) {
    const { width, height, data } = picture;
    const first = (pixel, length) => Math.floor(clamp(Math.floor(pixel) - factor, 0, length - 1) / factor);
    const last = (pixel, length) => Math.floor(clamp(Math.ceil(pixel) + factor, 0, length - 1) / factor);
    const left = first((-1 - fine.shiftX) / fine.scale, width);
    const top = first((-1 - fine.shiftY) / fine.scale, height);
    const columns = last((size - fine.shiftX) / fine.scale, width) - left + 1;
    const rows = last((size - fine.shiftY) / fine.scale, height) - top + 1;
    const cells = new Uint8Array(columns * rows * 4);
    const sums = new Uint32Array(columns * 3);
    const share = Math.fround(1 / (factor * factor));
    for (let row = 0; row < rows; row++) {
        sums.fill(0);
        for (let dy = 0; dy < factor; dy++) {
            const line = Math.min((top + row) * factor + dy, height - 1) * width;
            for (let column = 0, sum = 0; column < columns; column++, sum += 3) {
                for (let dx = 0; dx < factor; dx++) {
                    const at = (line + Math.min((left + column) * factor + dx, width - 1)) * 4;
                    sums[sum] += data[at];
                    sums[sum + 1] += data[at + 1];
                    sums[sum + 2] += data[at + 2];
                }
            }
        }
        for (let column = 0; column < columns; column++) {
            for (let channel = 0; channel < 3; channel++) {
                const sum = sums[column * 3 + channel];
                const mean = factor === 2 ? (sum + 2) >> 2 : nearest(Math.fround(sum * share));
                cells[(row * columns + column) * 4 + channel] = mean;
            }
        }
    }
    const middle = (factor - 1) / 2;
    return [
        { width: columns, height: rows, data: cells },
        {
            scale: fine.scale * factor,
            shiftX: fine.scale * (left * factor + middle) + fine.shiftX,
            shiftY: fine.scale * (top * factor + middle) + fine.shiftY,
        },
    ];
}
export function clamp(value, low, high) {
    return Math.min(Math.max(value, low), high);
}
export function nearest(value) {
    const below = Math.floor(value);
    const part = value - below;
    if (part !== 0.5)
        return part < 0.5 ? below : below + 1;
    return below % 2 ? below + 1 : below;
}
const fixed = (pixels) => nearest(pixels * 1024) | 0;
const inverse = ({ scale }) => scale * (1 / (scale * scale));
const sourceX = (u, matrix) => (fixed(-inverse(matrix) * matrix.shiftX) + 16 + fixed(inverse(matrix) * u)) >> 5;
const sourceY = (v, matrix) => (fixed(inverse(matrix) * v - inverse(matrix) * matrix.shiftY) + 16) >> 5;
