import { palette } from "../lib/index.js";
const FACE = ["ibug68", "aflw21", "aflw19", "pifa34", "parts7"];
const SHOWN = 0.2;
const FRAMES = 30;
export function element(id) {
    return document.getElementById(id);
}
export function isFace(scheme) {
    return FACE.includes(scheme);
}
const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
export function counted({ length }, scheme) {
    const [one, many] = isFace(scheme.name) ? ["face", "faces"] : ["person", "people"];
    return `${length} ${length === 1 ? one : many}`;
}
export function told(subjects, scheme) {
    if (!subjects.length)
        return "Nobody found. Draw a box around somebody to look all the same.";
    const count = counted(subjects, scheme);
    const whole = subjects[0].found === "image" ? " Nothing detected, so the whole picture was the box." : "";
    if (subjects[0].mask)
        return `${count}, in ${scheme.names.length - 1} parts.${whole}`;
    const seen = subjects.flatMap(({ scores }) => scores.filter((score) => score >= SHOWN)).length;
    return `${count}, ${seen} of ${subjects.length * scheme.names.length} points sure enough to draw.${whole}`;
}
export class Meter {
    stamps = [];
    still({ network, networkRuns, whole, threads }) {
        this.stamps.length = 0;
        this.write(network / Math.max(1, networkRuns), whole, threads);
        element("rate-cell").hidden = true;
    }
    frame({ network, networkRuns, whole, threads }) {
        const now = performance.now();
        this.stamps.push(now);
        if (this.stamps.length > FRAMES)
            this.stamps.shift();
        const span = now - this.stamps[0];
        if (this.stamps.length < 3 || this.stamps.length % 5)
            return;
        this.stamps.splice(0, Math.max(0, this.stamps.length - FRAMES + 5));
        if (networkRuns)
            this.write(network / networkRuns, whole, threads);
        element("rate-cell").hidden = false;
        const rate = (1000 * (this.stamps.length - 1)) / span;
        element("rate").textContent = rate.toFixed(rate < 10 ? 1 : 0);
    }
    write(network, whole, threads) {
        element("network-time").textContent = milliseconds(network);
        element("threads").textContent = threads > 1 ? `, ${threads} threads` : "";
        element("whole-time").textContent = milliseconds(whole);
    }
}
export function showLegend(scheme) {
    const css = (colour) => `rgb(${colour.join(" ")})`;
    const hasSides = scheme.sides.some(Boolean);
    const colours = scheme.edges.length
        ? hasSides
            ? [["left", "var(--left)"], ["right", "var(--right)"], ["middle", "var(--middle)"]]
            : []
        : palette(scheme.names.length)
            .map((colour, i) => [scheme.names[i].replace(/_/g, " "), css(colour)])
            .slice(1);
    element("legend").replaceChildren(...colours.map(([name, colour]) => {
        const dot = document.createElement("i");
        dot.style.background = colour;
        const item = document.createElement("span");
        item.append(dot, name);
        return item;
    }));
    element("legend").hidden = !colours.length;
}
export function showAbout(spec, bytes, kernels) {
    const megabytes = (bytes / 1e6).toFixed(2);
    element("about").textContent = `${spec.name}, ${megabytes} MB`;
    element("code-name").textContent = spec.name;
    const simd = kernels === "relaxed" ? "relaxed SIMD" : "SIMD";
    element("engine").textContent = `Here it runs on WebAssembly with ${simd}, in a worker.`;
}
export function showPoints(subjects) {
    const rows = subjects.flatMap(({ points, scores, names, mask, track }, i) => {
        const who = String(track ?? i + 1);
        if (mask) {
            const counts = names.map((_, k) => mask.classes.reduce((sum, each) => sum + Number(each === k), 0));
            return names.map((name, k) => [who, name.replace(/_/g, " "), "", "", `${counts[k]} pixels`]).slice(1);
        }
        return points.map(([x, y], k) => [who, names[k], x.toFixed(1), y.toFixed(1), scores[k].toFixed(2)]);
    });
    const lines = rows.map((cells) => {
        const line = document.createElement("tr");
        line.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
        return line;
    });
    document.querySelector("#points tbody").replaceChildren(...lines);
}
