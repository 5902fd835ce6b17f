/** The page: a picture, a video or the camera, through the network that is chosen, onto the stage. */

import { engineUrl } from "../lib/engine.js";
import { type Box, type Kernels, Localizer, Refused, type Subject, type Tracker } from "../lib/index.js";
import { Frames, cameraTrouble, closeCamera, listCameras, looksAway, openCamera } from "./camera.js";
import { BASE, Choice, type Entry, WANTED, listEntries } from "./networks.js";
import { Meter, counted, element, isFace, showAbout, showLegend, showPoints, told } from "./readout.js";
import { Stage } from "./stage.js";

/**
 * part: what is shown of the photograph: x, y, width, height. box: in that part, of the subject; it comes with the sample so
 * that the first result waits for one network and not for the finder too.
 */
interface Sample {
  file: string;
  part: Box;
  box: Box;
}

const SAMPLES: Record<string, Sample> = {
  person: { file: "samples/person.jpg", part: [0, 0, 512, 512], box: [0, 60, 335, 650] },
  face: { file: "samples/face.jpg", part: [70, 0, 300, 300], box: [106, 90, 98, 87] },
};
const KEPT = "bnn-landmarks";
// Browsers compile an engine twice: at once, and, when it has run a little, for speed. Milliseconds, and how often.
const QUICK = 1000;
const WARM_UPS = 12;

// ?kernels=plain&threads=1
const asked = new URLSearchParams(location.search);
const wanted = asked.has("threads") ? Number(asked.get("threads")) : undefined;

const AS_IT_IS: ImageBitmapOptions = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

type Source =
  | { kind: "photograph"; picture: ImageBitmap; sample: boolean; box: Box | null }
  | { kind: "video"; mirrored: boolean };

const video = element<HTMLVideoElement>("video");
const meter = new Meter();
const stage = new Stage(element("stage"), element("picture"), element("chosen-box"), (box) => chooseBox(box));
const frames = new Frames(video);

let choice: Choice;
let loading: string;
let localizer: Promise<Localizer>;
let warm: Localizer | null = null; // that has run often enough to be timed
let source: Source | null = null;
let turn = 0; // counts what was begun; whoever finds another number stops

const say = (text: string) => (element("status").textContent = text);
const complain = (text: string) => (element("trouble").textContent = text);

/** What ends whatever is no longer wanted, because something else was begun. */
const OVER = new Error("something else was begun");

/** Waits for what is wanted as long as `turn` is what it was. */
async function during<T>(mine: number, work: Promise<T>): Promise<T> {
  try {
    const done = await work;
    if (mine === turn) return done;
  } catch (error) {
    if (mine === turn) throw error;
  }
  throw OVER;
}

/** Runs what a user began, and says what went wrong. */
async function attempt(work: () => Promise<void>): Promise<void> {
  complain("");
  try {
    await work();
  } catch (error) {
    if (error === OVER) return;
    const { message } = error as Error;
    complain(`${message[0].toUpperCase()}${message.slice(1)}.`);
  }
}

function load(name: string): Promise<Localizer> {
  const bar = element<HTMLProgressElement>("progress");
  bar.hidden = false;
  bar.value = 0;
  say(`Loading ${name} …`);
  const loading = Localizer.load(name, {
    base: BASE,
    kernels: (asked.get("kernels") as Kernels | null) ?? undefined,
    threads: wanted,
    progress: (loaded, total) => (bar.value = loaded / total),
  });
  loading.catch(() => say("")).finally(() => (bar.hidden = true)); // why is said where it is awaited
  return loading;
}

/** Puts what the worker fetched where the service worker finds it when there is no connection. */
async function keep({ spec, kernels, threads }: Localizer): Promise<void> {
  if (!("serviceWorker" in navigator) || !("caches" in window)) return;
  const engine = engineUrl(kernels, threads).href;
  const names = [engine, ...[spec.name, "finder"].flatMap((name) => [`${name}.json`, `${name}.tflite`])];
  try {
    await navigator.serviceWorker.register(new URL("../sw.js", import.meta.url));
    await navigator.serviceWorker.ready;
    const cache = await caches.open(KEPT);
    await cache.addAll(names.map((name) => new URL(name, BASE).href));
    element("offline").textContent = `It has kept ${spec.name} for that.`;
  } catch {
    element("offline").textContent = "";
  }
}

async function chooseNetwork(entry: Entry): Promise<void> {
  if (entry.name !== loading) {
    turn++;
    localizer.then((old) => old.close(), () => {});
    loading = entry.name;
    localizer = load(loading);
  }
  await attempt(async () => {
    const described = describe(entry);
    if (source?.kind === "video") await Promise.all([described, watch(source.mirrored)]);
    else if (!source || source.sample) await Promise.all([described, openSample(kindOf(entry))]);
    else await Promise.all([described, look()]);
  });
}

/** Says what was loaded, where it is still what is wanted. */
async function describe(entry: Entry): Promise<void> {
  const { spec, scheme, kernels } = await localizer;
  if (spec.name !== choice.current.name) return;
  showLegend(scheme);
  showAbout(spec, entry.bytes, kernels);
}

const kindOf = (entry: Entry) => (isFace(entry.scheme) ? "face" : "person");

async function openSample(kind: string): Promise<void> {
  const { file, part, box } = SAMPLES[kind];
  const response = await fetch(file);
  if (!response.ok) throw new Error(`there is no ${response.url}`);
  await showPhotograph(await createImageBitmap(await response.blob(), ...part, AS_IT_IS), true, box);
}

async function openPhotograph(file: File): Promise<void> {
  const picture = await createImageBitmap(file, AS_IT_IS).catch(() => {
    throw new Refused(`${file.name} is not an image that this browser reads`);
  });
  await showPhotograph(picture, false, null);
}

async function showPhotograph(picture: ImageBitmap, sample: boolean, box: Box | null): Promise<void> {
  stopVideo();
  source = { kind: "photograph", picture, sample, box };
  stage.canDraw = true;
  stage.setBox(null);
  stage.show({ picture, subjects: [], scheme: null, mirrored: false });
  await look();
}

/** Looks at the photograph. */
async function look(): Promise<void> {
  if (source?.kind !== "photograph") return;
  const mine = ++turn;
  const { picture, box } = source;
  const network = await during(mine, localizer);
  const subjects = await during(mine, network(picture, box));
  show(picture, subjects, network, false);
  meter.still(network.times!);
  say(told(subjects, network.scheme));
  showPoints(subjects);
  performance.mark("result");
  if (warm === network) return;
  warm = network;
  void keep(network);
  let best = network.times!;
  for (let i = 0; i < WARM_UPS && network.times!.whole < QUICK; i++) {
    await during(mine, network(picture, box));
    const times = network.times!;
    if (times.whole < best.whole || times.threads > best.threads) meter.still((best = times));
  }
  performance.mark("warm");
}

function show(picture: ImageBitmap, subjects: Subject[], { scheme }: Localizer, mirrored: boolean): void {
  stage.show({ picture, subjects, scheme, mirrored });
  element("picture").setAttribute("aria-label", `Picture with ${counted(subjects, scheme)} marked`);
}

function chooseBox(box: Box | null): void {
  if (source?.kind !== "photograph") return;
  source.box = box;
  source.sample = false;
  stage.setBox(box);
  const fields = element<HTMLFormElement>("box").elements;
  ["x", "y", "width", "height"].forEach((name, i) => {
    (fields.namedItem(name) as HTMLInputElement).value = box ? box[i].toFixed(0) : "";
  });
  void attempt(look);
}

/** Follows who is seen in the video until something else is begun. */
async function watch(mirrored: boolean): Promise<void> {
  const mine = ++turn;
  source = { kind: "video", mirrored };
  stage.canDraw = false;
  stage.setBox(null);
  document.body.classList.add("live");
  const network = await during(mine, localizer);
  const track: Tracker = await during(mine, network.tracker());
  let [before, count, saidAt] = [performance.now(), -1, 0];
  for (;;) {
    await during(mine, frames.next());
    const picture = await during(mine, createImageBitmap(video));
    const now = performance.now();
    const subjects = await during(mine, track(picture, Math.max(0.001, (now - before) / 1000)));
    before = now;
    show(picture, subjects, network, mirrored);
    meter.frame(network.times!);
    if (subjects.length !== count && now - saidAt > 1000) {
      say(subjects.length ? told(subjects, network.scheme) : "Nobody in view.");
      [count, saidAt] = [subjects.length, now];
    }
    if (element<HTMLDetailsElement>("points-details").open) showPoints(subjects);
  }
}

function stopVideo(): void {
  turn++;
  closeCamera(video);
  video.pause();
  if (video.src) URL.revokeObjectURL(video.src);
  video.removeAttribute("src");
  document.body.classList.remove("live");
  showFilming(false);
  element("turn").hidden = true;
}

async function startCamera(next = false): Promise<void> {
  const mine = ++turn;
  const opening = openCamera(video, next).catch((error) => {
    closeCamera(video);
    throw new Refused(cameraTrouble(error).replace(/\.$/, ""));
  });
  opening.then(() => mine !== turn && closeCamera(video), () => {});
  await during(mine, opening);
  showFilming(true);
  element("turn").hidden = (await listCameras()).length < 2;
  say("Looking for somebody …");
  await watch(!looksAway(video));
}

const isFilming = () => "on" in element("camera").dataset;

/** What the button does next: it starts the camera, or stops it. */
function showFilming(on: boolean): void {
  const button = element("camera");
  button.toggleAttribute("data-on", on);
  button.lastElementChild!.textContent = on ? "Stop" : "Camera";
}

/** Stops the camera on its last frame. */
function stopCamera(): void {
  stopVideo();
  source = null;
  say("The camera is off.");
}

async function openVideo(file: File): Promise<void> {
  stopVideo();
  video.src = URL.createObjectURL(file);
  video.loop = true;
  const playing = video.play().catch(() => {
    throw new Refused(`${file.name} is not a video that this browser plays`);
  });
  await during(turn, playing);
  await watch(false);
}

function openFile(file: File | null | undefined): void {
  if (file) void attempt(() => (file.type.startsWith("video/") ? openVideo(file) : openPhotograph(file)));
}

function listen(): void {
  const input = element<HTMLInputElement>("file");
  input.addEventListener("change", () => {
    openFile(input.files?.[0]);
    input.value = "";
  });
  element("camera").addEventListener("click", () => {
    if (isFilming()) stopCamera();
    else void attempt(() => startCamera());
  });
  element("turn").addEventListener("click", () => void attempt(() => startCamera(true)));
  element("sample").addEventListener("click", () => void attempt(() => openSample(kindOf(choice.current))));
  element("box").addEventListener("submit", (event) => {
    event.preventDefault();
    const values = new FormData(event.target as HTMLFormElement);
    chooseBox(["x", "y", "width", "height"].map((name) => Number(values.get(name))) as Box);
  });
  element("no-box").addEventListener("click", () => chooseBox(null));
  addEventListener("paste", (event) => openFile(event.clipboardData?.files[0]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragged");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragged");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragged");
    openFile(event.dataTransfer?.files[0]);
  });
}

async function begin(): Promise<void> {
  // It need not wait for the list of networks.
  loading = WANTED;
  localizer = load(loading);
  const entries = await listEntries();
  choice = new Choice(entries, element("tasks"), element("sizes"), (entry) => void chooseNetwork(entry));
  listen();
  await chooseNetwork(choice.current);
}

void attempt(begin);
