const NAMES = {
    mpii16: ["Body", "16 joints"],
    ibug68: ["Face", "68 points"],
    aflw21: ["Face", "21 points"],
    parts7: ["Face parts", "as areas"],
};
export const BASE = new URL("../lib/networks/", import.meta.url);
export const WANTED = new URLSearchParams(location.search).get("network") ?? "pose";
export async function listEntries() {
    const response = await fetch(new URL("index.json", BASE));
    if (!response.ok)
        throw new Error(`there is no ${response.url}`);
    const entries = await response.json();
    const order = Object.keys(NAMES);
    return entries
        .filter((entry) => entry.task !== "boxes")
        .sort((a, b) => order.indexOf(a.scheme) - order.indexOf(b.scheme));
}
const family = (entry) => entry.name.replace(/_(\d+|small)$/, "");
const size = (entry) => entry.name.slice(family(entry).length);
export class Choice {
    entries;
    tasks;
    sizes;
    chosen;
    entry;
    constructor(entries, tasks, sizes, chosen) {
        this.entries = entries;
        this.tasks = tasks;
        this.sizes = sizes;
        this.chosen = chosen;
        this.entry = entries.find(({ name }) => name === WANTED) ?? entries[0];
        const families = [...new Set(entries.map(family))];
        const first = (name) => entries.find((entry) => family(entry) === name);
        this.fill(this.tasks, "task", families.map((name) => ({ value: name, texts: NAMES[first(name).scheme] ?? [first(name).title, ""] })), family(this.entry), (name) => {
            const related = this.related(name);
            const alike = related.find((each) => size(each) === size(this.entry));
            this.take(alike ?? related.find((each) => each.input_size === this.entry.input_size) ?? first(name));
        });
        this.fillSizes();
    }
    get current() {
        return this.entry;
    }
    related(name) {
        return this.entries.filter((entry) => family(entry) === name);
    }
    take(entry) {
        this.entry = entry;
        this.fillSizes();
        this.chosen(entry);
    }
    fillSizes() {
        const related = this.related(family(this.entry));
        const largest = Math.max(...related.map((entry) => entry.input_size));
        const detail = ({ name, input_size: side }) => side === largest ? "finer" : name.endsWith("_small") ? "fastest" : "faster";
        this.fill(this.sizes, "size", related.map((entry) => ({
            value: entry.name,
            texts: [`${entry.input_size} × ${entry.input_size}`, detail(entry)],
        })), this.entry.name, (name) => this.take(related.find((entry) => entry.name === name)));
    }
    fill(place, group, options, current, take) {
        const hadFocus = place.contains(document.activeElement);
        const labels = options.map(({ value, texts: [name, detail] }) => {
            const input = Object.assign(document.createElement("input"), { type: "radio", name: group, value });
            input.checked = value === current;
            input.addEventListener("change", () => take(value));
            const label = document.createElement("label");
            const strong = Object.assign(document.createElement("b"), { textContent: name });
            const small = Object.assign(document.createElement("small"), { textContent: detail });
            label.append(input, strong, small);
            return label;
        });
        place.replaceChildren(...labels);
        if (hadFocus)
            place.querySelector(":checked")?.focus();
    }
}
