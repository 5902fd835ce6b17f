/** The networks that there are, and the choice among them. */

/** A line of lib/networks/index.json. */
export interface Entry {
  name: string;
  task: "landmarks" | "parts" | "boxes";
  scheme: string;
  title: string;
  input_size: number;
  bytes: number;
}

const NAMES: Record<string, [string, string]> = {
  mpii16: ["Body", "16 joints"],
  ibug68: ["Face", "68 points"],
  aflw21: ["Face", "21 points"],
  parts7: ["Face parts", "as areas"],
};

export const BASE = new URL("../lib/networks/", import.meta.url);

/** The entry that the page's address names (?network=pose_128), or the first that there is. */
export const WANTED = new URLSearchParams(location.search).get("network") ?? "pose";

export async function listEntries(): Promise<Entry[]> {
  const response = await fetch(new URL("index.json", BASE));
  if (!response.ok) throw new Error(`there is no ${response.url}`);
  const entries: Entry[] = await response.json();
  const order = Object.keys(NAMES);
  return entries
    .filter((entry) => entry.task !== "boxes")
    .sort((a, b) => order.indexOf(a.scheme) - order.indexOf(b.scheme));
}

/** What an entry and its other sizes have in common. */
const family = (entry: Entry) => entry.name.replace(/_(\d+|small)$/, "");
const size = (entry: Entry) => entry.name.slice(family(entry).length);

/** Radio buttons for what to find and at which size; `chosen` is called with each new choice. */
export class Choice {
  private entry: Entry;

  constructor(
    private readonly entries: Entry[],
    private readonly tasks: HTMLElement,
    private readonly sizes: HTMLElement,
    private readonly chosen: (entry: Entry) => void,
  ) {
    this.entry = entries.find(({ name }) => name === WANTED) ?? entries[0];
    const families = [...new Set(entries.map(family))];
    const first = (name: string) => entries.find((entry) => family(entry) === name)!;
    this.fill(
      this.tasks,
      "task",
      families.map((name) => ({ value: name, texts: NAMES[first(name).scheme] ?? [first(name).title, ""] })),
      family(this.entry),
      (name) => {
        const related = this.related(name);
        const alike = related.find((each) => size(each) === size(this.entry));
        this.take(alike ?? related.find((each) => each.input_size === this.entry.input_size) ?? first(name));
      },
    );
    this.fillSizes();
  }

  get current(): Entry {
    return this.entry;
  }

  private related(name: string): Entry[] {
    return this.entries.filter((entry) => family(entry) === name);
  }

  private take(entry: Entry): void {
    this.entry = entry;
    this.fillSizes();
    this.chosen(entry);
  }

  private fillSizes(): void {
    const related = this.related(family(this.entry));
    const largest = Math.max(...related.map((entry) => entry.input_size));
    const detail = ({ name, input_size: side }: Entry) =>
      side === largest ? "finer" : name.endsWith("_small") ? "fastest" : "faster";
    this.fill(
      this.sizes,
      "size",
      related.map((entry) => ({
        value: entry.name,
        texts: [`${entry.input_size} × ${entry.input_size}`, detail(entry)],
      })),
      this.entry.name,
      (name) => this.take(related.find((entry) => entry.name === name)!),
    );
  }

  private fill(
    place: HTMLElement,
    group: string,
    options: { value: string; texts: [string, string] }[],
    current: string,
    take: (value: string) => void,
  ): void {
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
    if (hadFocus) place.querySelector<HTMLInputElement>(":checked")?.focus();
  }
}
