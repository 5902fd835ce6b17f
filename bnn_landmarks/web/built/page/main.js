import { engineUrl } from "../lib/engine.js";
import { Localizer, Refused } from "../lib/index.js";
import { Frames, cameraTrouble, closeCamera, listCameras, looksAway, openCamera } from "./camera.js";
import { BASE, Choice, WANTED, listEntries } from "./networks.js";
import { Meter, counted, element, isFace, showAbout, showLegend, showPoints, told } from "./readout.js";
import { Stage } from "./stage.js";
const SAMPLES = {
    person: { file: "samples/person.jpg", part: [0, 0, 512, 512], box: [0, 60, 335, 650] },
    face: { file: "samples/face.jpg", part: [70, 0, 300, 300], box: [106, 90, 98, 87] },
};
const KEPT = "bnn-landmarks";
const QUICK = 1000;
const WARM_UPS = 12;
const asked = new URLSearchParams(location.search);
const wanted = asked.has("threads") ? Number(asked.get("threads")) : undefined;
const AS_IT_IS = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
const video = element("video");
const meter = new Meter();
const stage = new Stage(element("stage"), element("picture"), element("chosen-box"), (box) => chooseBox(box));
const frames = new Frames(video);
let choice;
let loading;
let localizer;
let warm = null;
let source = null;
let turn = 0;
const say = (text) => (element("status").textContent = text);
const complain = (text) => (element("trouble").textContent = text);
const OVER = new Error("something else was begun");
async function during(mine, work) {
    try {
        const done = await work;
        if (mine === turn)
            return done;
    }
    catch (error) {
        if (mine === turn)
            throw error;
    }
    throw OVER;
}
async function attempt(work) {
    complain("");
    try {
        await work();
    }
    catch (error) {
        if (error === OVER)
            return;
        const { message } = error;
        complain(`${message[0].toUpperCase()}${message.slice(1)}.`);
    }
}
function load(name) {
    const bar = element("progress");
    bar.hidden = false;
    bar.value = 0;
    say(`Loading ${name} …`);
    const loading = Localizer.load(name, {
        base: BASE,
        kernels: asked.get("kernels") ?? undefined,
        threads: wanted,
        progress: (loaded, total) => (bar.value = loaded / total),
    });
    loading.catch(() => say("")).finally(() => (bar.hidden = true));
    return loading;
}
async function keep({ spec, kernels, threads }) {
    if (!("serviceWorker" in navigator) || !("caches" in window))
        return;
    const engine = engineUrl(kernels, threads).href;
    const names = [engine, ...[spec.name, "finder"].flatMap((name) => [`${name}.json`, `${name}.tflite`])];
    try {
        await navigator.serviceWorker.register(new URL("../sw.js", import.meta.url));
        await navigator.serviceWorker.ready;
        const cache = await caches.open(KEPT);
        await cache.addAll(names.map((name) => new URL(name, BASE).href));
        element("offline").textContent = `It has kept ${spec.name} for that.`;
    }
    catch {
        element("offline").textContent = "";
    }
}
async function chooseNetwork(entry) {
    if (entry.name !== loading) {
        turn++;
        localizer.then((old) => old.close(), () => { });
        loading = entry.name;
        localizer = load(loading);
    }
    await attempt(async () => {
        const described = describe(entry);
        if (source?.kind === "video")
            await Promise.all([described, watch(source.mirrored)]);
        else if (!source || source.sample)
            await Promise.all([described, openSample(kindOf(entry))]);
        else
            await Promise.all([described, look()]);
    });
}
async function describe(entry) {
    const { spec, scheme, kernels } = await localizer;
    if (spec.name !== choice.current.name)
        return;
    showLegend(scheme);
    showAbout(spec, entry.bytes, kernels);
}
const kindOf = (entry) => (isFace(entry.scheme) ? "face" : "person");
async function openSample(kind) {
    const { file, part, box } = SAMPLES[kind];
    const response = await fetch(file);
    if (!response.ok)
        throw new Error(`there is no ${response.url}`);
    await showPhotograph(await createImageBitmap(await response.blob(), ...part, AS_IT_IS), true, box);
}
async function openPhotograph(file) {
    const picture = await createImageBitmap(file, AS_IT_IS).catch(() => {
        throw new Refused(`${file.name} is not an image that this browser reads`);
    });
    await showPhotograph(picture, false, null);
}
async function showPhotograph(picture, sample, box) {
    stopVideo();
    source = { kind: "photograph", picture, sample, box };
    stage.canDraw = true;
    stage.setBox(null);
    stage.show({ picture, subjects: [], scheme: null, mirrored: false });
    await look();
}
async function look() {
    if (source?.kind !== "photograph")
        return;
    const mine = ++turn;
    const { picture, box } = source;
    const network = await during(mine, localizer);
    const subjects = await during(mine, network(picture, box));
    show(picture, subjects, network, false);
    meter.still(network.times);
    say(told(subjects, network.scheme));
    showPoints(subjects);
    performance.mark("result");
    if (warm === network)
        return;
    warm = network;
    void keep(network);
    let best = network.times;
    for (let i = 0; i < WARM_UPS && network.times.whole < QUICK; i++) {
        await during(mine, network(picture, box));
        const times = network.times;
        if (times.whole < best.whole || times.threads > best.threads)
            meter.still((best = times));
    }
    performance.mark("warm");
}
function show(picture, subjects, { scheme }, mirrored) {
    stage.show({ picture, subjects, scheme, mirrored });
    element("picture").setAttribute("aria-label", `Picture with ${counted(subjects, scheme)} marked`);
}
function chooseBox(box) {
    if (source?.kind !== "photograph")
        return;
    source.box = box;
    source.sample = false;
    stage.setBox(box);
    const fields = element("box").elements;
    ["x", "y", "width", "height"].forEach((name, i) => {
        fields.namedItem(name).value = box ? box[i].toFixed(0) : "";
    });
    void attempt(look);
}
async function watch(mirrored) {
    const mine = ++turn;
    source = { kind: "video", mirrored };
    stage.canDraw = false;
    stage.setBox(null);
    document.body.classList.add("live");
    const network = await during(mine, localizer);
    const track = await during(mine, network.tracker());
    let [before, count, saidAt] = [performance.now(), -1, 0];
    for (;;) {
        await during(mine, frames.next());
        const picture = await during(mine, createImageBitmap(video));
        const now = performance.now();
        const subjects = await during(mine, track(picture, Math.max(0.001, (now - before) / 1000)));
        before = now;
        show(picture, subjects, network, mirrored);
        meter.frame(network.times);
        if (subjects.length !== count && now - saidAt > 1000) {
            say(subjects.length ? told(subjects, network.scheme) : "Nobody in view.");
            [count, saidAt] = [subjects.length, now];
        }
        if (element("points-details").open)
            showPoints(subjects);
    }
}
function stopVideo() {
    turn++;
    closeCamera(video);
    video.pause();
    if (video.src)
        URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
    document.body.classList.remove("live");
    showFilming(false);
    element("turn").hidden = true;
}
async function startCamera(next = false) {
    const mine = ++turn;
    const opening = openCamera(video, next).catch((error) => {
        closeCamera(video);
        throw new Refused(cameraTrouble(error).replace(/\.$/, ""));
    });
    opening.then(() => mine !== turn && closeCamera(video), () => { });
    await during(mine, opening);
    showFilming(true);
    element("turn").hidden = (await listCameras()).length < 2;
    say("Looking for somebody …");
    await watch(!looksAway(video));
}
const isFilming = () => "on" in element("camera").dataset;
function showFilming(on) {
    const button = element("camera");
    button.toggleAttribute("data-on", on);
    button.lastElementChild.textContent = on ? "Stop" : "Camera";
}
function stopCamera() {
    stopVideo();
    source = null;
    say("The camera is off.");
}
async function openVideo(file) {
    stopVideo();
    video.src = URL.createObjectURL(file);
    video.loop = true;
    const playing = video.play().catch(() => {
        throw new Refused(`${file.name} is not a video that this browser plays`);
    });
    await during(turn, playing);
    await watch(false);
}
function openFile(file) {
    if (file)
        void attempt(() => (file.type.startsWith("video/") ? openVideo(file) : openPhotograph(file)));
}
function listen() {
    const input = element("file");
    input.addEventListener("change", () => {
        openFile(input.files?.[0]);
        input.value = "";
    });
    element("camera").addEventListener("click", () => {
        if (isFilming())
            stopCamera();
        else
            void attempt(() => startCamera());
    });
    element("turn").addEventListener("click", () => void attempt(() => startCamera(true)));
    element("sample").addEventListener("click", () => void attempt(() => openSample(kindOf(choice.current))));
    element("box").addEventListener("submit", (event) => {
        event.preventDefault();
        const values = new FormData(event.target);
        chooseBox(["x", "y", "width", "height"].map((name) => Number(values.get(name))));
    });
    element("no-box").addEventListener("click", () => chooseBox(null));
    addEventListener("paste", (event) => openFile(event.clipboardData?.files[0]));
    addEventListener("dragover", (event) => {
        event.preventDefault();
        document.body.classList.add("dragged");
    });
    addEventListener("dragleave", (event) => {
        if (!event.relatedTarget)
            document.body.classList.remove("dragged");
    });
    addEventListener("drop", (event) => {
        event.preventDefault();
        document.body.classList.remove("dragged");
        openFile(event.dataTransfer?.files[0]);
    });
}
async function begin() {
    loading = WANTED;
    localizer = load(loading);
    const entries = await listEntries();
    choice = new Choice(entries, element("tasks"), element("sizes"), (entry) => void chooseNetwork(entry));
    listen();
    await chooseNetwork(choice.current);
}
void attempt(begin);
