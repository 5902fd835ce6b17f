import { clamp, nearest } from "./crops.js";
export const LEFT = [66, 165, 245];
export const RIGHT = [255, 152, 0];
export const MIDDLE = [102, 219, 112];
const ALPHA = 0.5;
export function draw(context, subjects, scheme, options = {}) {
    const { scale = 1, threshold = 0.2 } = options;
    for (const subject of subjects) {
        if (subject.mask)
            drawParts(context, subject.mask, scheme.names.length, scale);
        else
            drawLandmarks(context, subject, scheme, scale, threshold);
    }
}
function drawLandmarks(context, subject, scheme, scale, threshold) {
    const { points, scores } = subject;
    const shown = points.map(([x, y], k) => Number.isFinite(x + y) && scores[k] >= threshold);
    const seen = points.filter((_, k) => shown[k]);
    if (!seen.length)
        return;
    const span = (axis) => Math.max(...seen.map((point) => point[axis])) - Math.min(...seen.map((point) => point[axis]));
    const line = thickness(context.canvas, scale * Math.max(span(0), span(1)), points.length);
    const at = (k) => points[k].map((v) => scale * (v + 0.5));
    const { sides } = scheme;
    context.save();
    context.lineCap = "round";
    context.lineWidth = covered(line);
    for (const [a, b] of scheme.edges) {
        if (!shown[a] || !shown[b])
            continue;
        context.strokeStyle = css(colour(sides[a], sides[b]));
        context.beginPath();
        context.moveTo(...at(a));
        context.lineTo(...at(b));
        context.stroke();
    }
    const radius = Math.max(1, 0.9 * line);
    context.lineWidth = covered(Math.max(1, Math.floor(line / 3)));
    context.strokeStyle = "#fff";
    points.forEach((_, k) => {
        if (!shown[k])
            return;
        context.fillStyle = css(colour(sides[k]));
        context.beginPath();
        context.arc(...at(k), radius, 0, 2 * Math.PI);
        context.fill();
        if (radius >= 2)
            context.stroke();
    });
    context.restore();
}
function drawParts(context, { width, height, classes }, count, scale) {
    const layer = new OffscreenCanvas(width, height);
    const inks = layer.getContext("2d");
    const pixels = inks.createImageData(width, height);
    const colours = palette(count);
    for (let i = 0; i < classes.length; i++) {
        if (classes[i])
            pixels.data.set([...colours[classes[i]], Math.round(255 * ALPHA)], 4 * i);
    }
    inks.putImageData(pixels, 0, 0);
    context.drawImage(layer, 0, 0, scale * width, scale * height);
}
export function palette(count) {
    const hue = (i) => (0.08 + i * 0.382) % 1;
    return [[0, 0, 0], ...Array.from({ length: count - 1 }, (_, i) => ofHue(hue(i)))];
}
function ofHue(hue) {
    const channel = (offset) => {
        const place = (offset + hue * 6) % 6;
        return nearest(255 * (1 - 0.75 * clamp(Math.min(place, 4 - place), 0, 1)));
    };
    return [channel(5), channel(3), channel(1)];
}
function thickness({ width, height }, extent, points) {
    const share = points < 20 ? 1 / 60 : 1 / 150;
    return clamp(nearest(Math.min(extent, Math.max(width, height)) * share), 1, 40);
}
function covered(thickness) {
    return thickness === 1 ? 1.4 : thickness + (thickness % 2 ? 2.4 : 1.4);
}
function colour(...sides) {
    const named = new Set(sides.filter(Boolean));
    if (named.size !== 1)
        return MIDDLE;
    return named.has("left") ? LEFT : RIGHT;
}
export function css([red, green, blue]) {
    return `rgb(${red} ${green} ${blue})`;
}
