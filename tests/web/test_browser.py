"""The page and the npm package in Chromium: they find what Python finds, and say what went wrong."""

import base64
import contextlib
import functools
import http.server
import json
import threading

import cv2
import numpy as np
import pytest
from browsing import FOUND, running, start
from chromium import CAMERA, Failed

import bnn_landmarks
from bnn_landmarks import zoo
from bnn_landmarks.geometry import images
from bnn_landmarks.inference.localizer import Parts
from bnn_landmarks.web import server, site

TRAINED = [name for name in zoo.names() if zoo.entry(name).weights]
NETWORKS = [name for name in TRAINED if zoo.entry(name).spec.task != "boxes"]
BOXES = {**images.SAMPLE_BOXES, "face": (176, 90, 98, 87)}
# The names of the instructions' module in `chooseKernels` of engine.ts that is not valid where they are missing.
NO_RELAXED = (
    "const valid = WebAssembly.validate; WebAssembly.validate = (code) => code.length < 35 && valid(code);"
)
# A browser whose relaxed dot product is wrong.
WRONG_RELAXED = (
    "const { Instance } = WebAssembly; WebAssembly.Instance = function (...given) {"
    " const made = new Instance(...given); return made.exports.f ? { exports: { f: () => 8 } } : made; };"
)
NO_SIMD = "WebAssembly.validate = () => false;"


def kind_of(name):
    return "person" if zoo.entry(name).spec.scheme == "mpii16" else "face"


def png(image):
    """JavaScript for a Blob of an image: without loss, so that the browser has the pixels that Python has."""
    data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    text = base64.b64encode(data).decode()
    return f"new Blob([Uint8Array.from(atob('{text}'), (c) => c.charCodeAt(0))], {{type: 'image/png'}})"


def localize(page, name, image, boxes=None, options="{}"):
    """What the npm package finds in an image [H, W, 3]."""
    given = "null" if boxes is None else json.dumps(np.asarray(boxes).tolist())
    return page.evaluate(
        f"""(async () => {{
          const {{ Localizer }} = await import("/lib/index.js");
          const localizer = await Localizer.load({json.dumps(name)}, {options});
          try {{
            const found = await localizer({png(image)}, {given});
            return found.map((each) => ({{
              ...each, mask: each.mask && Array.from(each.mask.classes), kernels: localizer.kernels
            }}));
          }} finally {{ localizer.close(); }}
        }})()"""
    )


@pytest.fixture(scope="module")
def photographs():
    return {kind: images.read(images.sample(kind)) for kind in ("person", "face")}


@pytest.fixture(scope="module")
def two_faces(photographs):
    """One above the other; the upper one's box."""
    face = photographs["face"][40:240, 125:325]
    x, y, width, height = BOXES["face"]
    return np.vstack([face, face]), (x - 125, y - 40, width, height)


@pytest.fixture
def lab(page):
    """A page that does nothing by itself, to import the package into."""
    return page("lib/networks/index.json")


def compare(found, expected, crop_pixel):
    assert len(found) == len(expected) >= 1
    for one, other in zip(found, expected, strict=True):
        assert one["found"] == other.found and one["detector"] == other.detector
        assert one["names"] == list(other.scheme.names)
        assert np.allclose(one["box"], other.box, atol=0.01 * crop_pixel)
        assert one["presence"] == pytest.approx(other.presence, abs=1e-4)
        if isinstance(other, Parts):
            same = np.array(one["mask"]).reshape(other.mask.shape) == other.mask
            assert same.mean() > 0.9999
        else:
            assert np.abs(np.array(one["points"]) - other.points).max() < 0.01 * crop_pixel
            assert np.allclose(one["scores"], other.scores, atol=1e-4)


@pytest.mark.parametrize("kernels", ["plain", "relaxed"])
@pytest.mark.parametrize("name", NETWORKS)
def test_points_are_the_native_engines(lab, photographs, name, kernels):
    kind = kind_of(name)
    box = BOXES[kind]
    expected = bnn_landmarks.Localizer(name, engine="runtime")(photographs[kind], box)
    found = localize(lab, name, photographs[kind], box, f"{{kernels: '{kernels}'}}")
    assert {each["kernels"] for each in found} == {kernels}
    compare(found, expected, max(box[2:]) / zoo.entry(name).spec.input_size)


@pytest.mark.parametrize("name", ["pose_128", "face_300wlp_128", "face_parts_128"])
def test_without_boxes_the_finder_and_a_second_look_as_in_python(lab, photographs, name):
    image = photographs[kind_of(name)]
    expected = bnn_landmarks.Localizer(name, engine="runtime")(image)
    compare(localize(lab, name, image), expected, max(image.shape) / 128)


def test_a_large_photograph_shrinks_as_in_python(lab, photographs):
    image = cv2.resize(photographs["face"], None, fx=5.3, fy=5.3, interpolation=cv2.INTER_CUBIC)
    box = 5.3 * np.array(BOXES["face"])
    expected = bnn_landmarks.Localizer("face_300wlp_128", engine="runtime")(image, box)
    compare(localize(lab, "face_300wlp_128", image, box), expected, max(box[2:]) / 128)


# A worker that says how far its maps are off.
MAPS = """
  import { WasmNetwork, loadEngine } from "/lib/engine.js";
  import { readSpec } from "/lib/spec.js";
  const get = async (path) => (await fetch("/" + path)).arrayBuffer();
  try {
    const engine = await loadEngine("%(kernels)s", %(threads)d);
    const record = await (await fetch("/lib/networks/%(name)s.json")).json();
    const file = new Uint8Array(await get("lib/networks/%(name)s.tflite"));
    const network = new WasmNetwork(engine, file, readSpec(record, "%(name)s"), "%(name)s", %(threads)d);
    while (network.threads < %(threads)d) await new Promise((done) => setTimeout(done, 5));
    const { values } = network.run(new Uint8Array(await get("test/crop.tflite")));
    const expected = new Float32Array(await get("test/maps.tflite"));
    if (values.length !== expected.length) throw new Error(`${values.length} values`);
    postMessage(values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0));
  } catch (error) {
    postMessage(error.message);
  }
"""


ON_THREADS = [(name, 1) for name in TRAINED] + [
    (name, 3) for name in ("pose_128", "face_parts_128", "finder")
]


@pytest.mark.parametrize("kernels", ["plain", "relaxed"])
@pytest.mark.parametrize(("name", "threads"), ON_THREADS)
def test_maps_are_the_native_engines(chromium, name, kernels, threads):
    """Of the crops that the golden vectors hold: up to the head the same bits, in it the order of a sum may differ."""
    from bnn_landmarks.runtime.engine import Network

    with np.load(zoo.WEIGHTS / f"{name}.golden.npz") as golden:
        inputs = golden["input"]
    (expected,) = Network(zoo.WEIGHTS / f"{name}.tflite").run([inputs[:1]])
    with running() as served:
        served.site["test/crop.tflite"] = np.rint(inputs[0] * 255).astype(np.uint8).tobytes()
        served.site["test/maps.tflite"] = expected.tobytes()
        served.site["test/maps.js"] = (MAPS % {"name": name, "kernels": kernels, "threads": threads}).encode()
        page = chromium.open(served.url + "lib/networks/index.json")
        off = page.evaluate(
            """new Promise((resolve, reject) => {
              const worker = new Worker("/test/maps.js", { type: "module" });
              worker.onmessage = ({ data }) => (typeof data === "number" ? resolve(data) : reject(new Error(data)));
              worker.onerror = () => reject(new Error("the worker does not run"));
            })"""
        )
        page.close()
    assert off <= 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["pose_128", "face_300wlp_128", "face_parts_128"])
def test_it_draws_as_python_does(lab, photographs, name):
    """But for the edges of lines, which no two programs smooth alike."""
    image = photographs[kind_of(name)]
    expected = bnn_landmarks.Localizer(name, engine="runtime")(image, BOXES[kind_of(name)])[0].draw(image)
    drawn = lab.evaluate(
        f"""(async () => {{
          const {{ Localizer, draw }} = await import("/lib/index.js");
          const localizer = await Localizer.load("{name}");
          const picture = await createImageBitmap({png(image)});
          const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
          context.drawImage(picture, 0, 0);
          draw(context, await localizer(picture, {list(BOXES[kind_of(name)])}), localizer.scheme);
          localizer.close();
          const pixels = context.getImageData(0, 0, picture.width, picture.height).data;
          let text = "";
          for (let i = 0; i < pixels.length; i += 4096) text += String.fromCharCode(...pixels.subarray(i, i + 4096));
          return btoa(text);
        }})()"""
    )
    drawn = np.frombuffer(base64.b64decode(drawn), np.uint8).reshape(*image.shape[:2], 4)[..., :3].astype(int)
    marked = (expected != image).any(axis=2)
    untouched = cv2.dilate(marked.astype(np.uint8), np.ones((5, 5))) == 0
    assert (drawn[untouched] == image[untouched]).all()
    off = np.abs(drawn - expected).max(axis=2)
    assert off[marked].mean() < 20
    inside = cv2.erode(marked.astype(np.uint8), np.ones((5, 5))) == 1
    if name != "face_300wlp_128":  # its lines have no inside
        assert inside.sum() > 300 and (off[inside] <= 8).mean() > 0.85


def test_the_first_thing_seen_is_a_result(page):
    shown = page()
    shown.wait(FOUND)
    assert shown.text("#status").startswith("1 person, ")
    assert shown.text("#trouble") == "" and shown.errors == []
    assert (
        shown.evaluate("document.querySelector('#picture').getAttribute('aria-label')")
        == "Picture with 1 person marked"
    )
    assert shown.text("#network-time").endswith(" ms") and shown.text("#whole-time").endswith(" ms")
    rows = shown.evaluate(
        "[...document.querySelector('#points tbody').rows].map(({cells}) => [...cells].map((cell) => cell.textContent))"
    )
    assert [row[1] for row in rows] == list(zoo.entry("pose").spec.landmark_scheme().names)
    expected = bnn_landmarks.Localizer("pose", engine="runtime")(images.sample("person"), BOXES["person"])[0]
    # A browser's JPEG decoder and OpenCV's need not agree to the last grey level.
    assert np.median(np.abs(np.array([row[2:4] for row in rows], float) - expected.points)) < 1


def test_a_network_is_chosen_by_the_keyboard(page):
    shown = page("?network=pose_128")
    shown.wait(FOUND)
    shown.evaluate("document.querySelector('#tasks :checked').focus()")
    shown.press("ArrowDown", 40)
    shown.wait("document.querySelector('#about').textContent.startsWith('face_300wlp_128')")
    shown.wait("document.querySelector('#status').textContent.startsWith('1 face')")
    assert shown.evaluate("document.activeElement.value") == "face_300wlp"
    assert shown.evaluate("document.querySelectorAll('#points tbody tr').length") == 68
    shown.evaluate("document.querySelector('#sizes :checked').focus()")
    shown.press("ArrowUp", 38)
    shown.wait("document.querySelector('#about').textContent.startsWith('face_300wlp,')")
    assert shown.errors == []


def test_parts_are_shown_with_their_colours(page):
    shown = page("?network=face_parts_128")
    shown.wait(FOUND)
    assert shown.text("#status") == "1 face, in 6 parts."
    assert shown.text("#legend") == "skinlower lipupper lipinner moutheyesnose"


@pytest.mark.parametrize("how", ["choose", "paste", "drop"])
def test_an_own_photograph_is_found_by_the_finder(page, two_faces, tmp_path, how):
    shown = page("?network=face_aflw_128")
    shown.wait(FOUND)
    two, _ = two_faces
    images.write(tmp_path / "two.png", two)
    if how == "choose":
        shown.give_file("#file", tmp_path / "two.png")
    else:
        kind, field = {"paste": ("ClipboardEvent", "clipboardData"), "drop": ("DragEvent", "dataTransfer")}[
            how
        ]
        shown.evaluate(
            f"""(() => {{
              const transfer = new DataTransfer();
              transfer.items.add(new File([{png(two)}], "two.png", {{type: "image/png"}}));
              dispatchEvent(new {kind}("{how}", {{{field}: transfer}}));
            }})()"""
        )
    shown.wait("document.querySelector('#status').textContent.startsWith('2 faces')")
    assert shown.errors == []


def test_a_box_is_drawn_typed_and_taken_away(page, two_faces, tmp_path):
    shown = page("?network=face_aflw_128")
    shown.wait(FOUND)
    two, box = two_faces
    images.write(tmp_path / "two.png", two)
    shown.give_file("#file", tmp_path / "two.png")
    shown.wait("document.querySelector('#status').textContent.startsWith('2 faces')")
    left, top, width = shown.evaluate(
        "(({left, top, width}) => [left, top, width])(document.querySelector('#picture').getBoundingClientRect())"
    )
    scale = width / two.shape[1]
    x, y, wide, high = box
    shown.drag((left + x * scale, top + y * scale), (left + (x + wide) * scale, top + (y + high) * scale))
    shown.wait("document.querySelector('#status').textContent.startsWith('1 face,')")
    typed = "[...document.querySelectorAll('#box input')].map((field) => Number(field.value))"
    assert np.abs(np.array(shown.evaluate(typed)) - box).max() < 3
    assert not shown.evaluate("document.querySelector('#chosen-box').hidden")
    shown.press("Escape", 27)
    shown.wait("document.querySelector('#status').textContent.startsWith('2 faces')")
    shown.evaluate(
        "[...document.querySelectorAll('#box input')].forEach((field, i) => field.value = [9000, 0, 5, 5][i])"
    )
    shown.click("#box button[type=submit]")
    shown.wait("document.querySelector('#trouble').textContent")
    assert shown.text("#trouble").startswith("The box [9000,0,5,5] lies outside the image, which is ")
    shown.click("#no-box")
    shown.wait("document.querySelector('#trouble').textContent === ''")
    shown.wait("document.querySelector('#status').textContent.startsWith('2 faces')")


def test_what_is_no_image_is_said_and_the_page_goes_on(page, tmp_path):
    shown = page("?network=pose_128")
    shown.wait(FOUND)
    (tmp_path / "text.jpg").write_text("no photograph")
    shown.give_file("#file", tmp_path / "text.jpg")
    shown.wait("document.querySelector('#trouble').textContent")
    assert shown.text("#trouble") == "Text.jpg is not an image that this browser reads."
    shown.click("#sample")
    shown.wait(f"document.querySelector('#trouble').textContent === '' && {FOUND}")


def test_the_build_is_chosen_by_what_the_browser_has(page):
    newest = page("?network=pose_128")
    newest.wait(FOUND)
    assert "relaxed SIMD" in newest.text("#engine")
    for script in (NO_RELAXED, WRONG_RELAXED):
        older = page("?network=pose_128", workers=script)
        older.wait(FOUND)
        assert "with SIMD," in older.text("#engine")
    oldest = page("?network=pose_128", workers=NO_SIMD)
    oldest.wait("document.querySelector('#trouble').textContent")
    assert oldest.text("#trouble").startswith("This browser has no WebAssembly SIMD, which Chrome")


THREADS = """(async () => {
  const { Localizer } = await import("%slib/index.js");
  const pose = await Localizer.load("pose_128", %s);
  const seen = [];
  do {
    const [person] = await pose(%s, %s);
    seen.push([pose.times.threads, person.points]);
  } while (pose.times.threads < %d && seen.length < 100);
  pose.close();
  return seen;
})()"""


def test_more_threads_find_the_same(lab, photographs):
    """From the first call on, before the others have come and after."""
    task = (png(photographs["person"]), list(BOXES["person"]))
    ((one, alone),) = lab.evaluate(THREADS % ("/", "{threads: 1}", *task, 1))
    together = lab.evaluate(THREADS % ("/", "{threads: 4}", *task, 4))
    assert one == 1 and together[-1][0] == 4
    assert all(points == alone for _, points in together)


def test_threads_that_do_not_come_are_not_missed(chromium, photographs):
    task = (png(photographs["person"]), list(BOXES["person"]))
    with running() as served:
        del served.site["lib/helper.js"]
        own = chromium.open(served.url + "lib/networks/index.json")
        seen = own.evaluate(THREADS % ("/", "{threads: 2}", *task, 2))  # a hundred times, in vain
        assert {threads for threads, _ in seen} == {1}
        own.close()


def test_memory_that_workers_can_not_be_handed_is_not_missed(page):
    """As in WebKitGTK."""
    nothing = (
        "Worker.prototype.postMessage = () => { throw new DOMException('no clone', 'DataCloneError'); };"
    )
    shown = page("?network=pose_128&threads=2", workers=nothing)
    shown.wait(FOUND)
    shown.wait("performance.getEntriesByName('warm').length")
    assert shown.text("#threads") == "" and shown.text("#trouble") == ""


def test_the_page_takes_as_many_threads_as_there_are(page):
    shown = page("?network=pose_128")
    shown.wait(FOUND)
    wanted = shown.evaluate("Math.min(4, navigator.hardwareConcurrency)")
    if wanted > 1:
        shown.wait(f"document.querySelector('#threads').textContent === ', {wanted} threads'")
    one = page("?network=pose_128&threads=1")
    one.wait(FOUND)
    assert one.text("#threads") == ""
    none = page("?network=pose_128&threads=none")
    none.wait("document.querySelector('#trouble').textContent")
    assert none.text("#trouble") == "Threads is a whole number from 1 to 64, not null."


def test_a_worker_that_can_not_start_is_said(page):
    shown = page("?network=pose_128", script="window.Worker = undefined;")
    shown.wait("document.querySelector('#trouble').textContent")
    assert shown.text("#trouble") == "There are no web workers here."
    with running() as served:
        del served.site["lib/tracking.js"]
        other = shown.chromium.open(served.url + "?network=pose_128")
        other.wait("document.querySelector('#trouble').textContent")
        assert other.text("#trouble").startswith("The worker does not run: ")
        other.close()


def test_a_missing_engine_is_said(chromium):
    with running() as served:
        del served.site["lib/engine_relaxed.wasm"]
        shown = chromium.open(served.url + "?network=pose_128&threads=1")
        shown.wait("document.querySelector('#trouble').textContent")
        assert "engine_relaxed.wasm can't be loaded: 404" in shown.text("#trouble")
        shown.close()


ERRORS = [
    ("Localizer.load('poze')", "Refused: no entry 'poze' in the zoo; the entries are pose, "),
    ("Localizer.load('none.tflite')", "NotFound: there is no "),
    ("Localizer.load('finder')", "Refused: finder finds boxes, no landmarks"),
    ("Localizer.load({})", "Refused: a network is an entry's name, "),
    (
        "Localizer.load('pose_128', {refine: -1})",
        "Refused: refine is how often to look again, 0, 1, 2 ..., not -1",
    ),
    (
        "Localizer.load('pose_128', {threads: 65})",
        "Refused: threads is a whole number from 1 to 64, not 65",
    ),
    (
        "Localizer.load({file, record: {}})",
        "Refused: the network is not the record of an exported file (it has no spec)",
    ),
    (
        "Localizer.load({file: new ArrayBuffer(9), record})",
        "Refused: the network is not the file that its .json describes: ",
    ),
    ("pose(grey, null, 0)", "Refused: subjects at most must be 1 or more, not 0"),
    ("pose(document)", "Refused: an image is an <img>, a <video>, a canvas, "),
    ("pose(new Blob(['text']))", "Refused: the image can't be read: "),
    ("pose(document.createElement('video'))", "Refused: the video shows no frame yet"),
    ("pose(new Image())", "Refused: the image is not an image that can be read"),
    ("pose(grey, [1, 2, 3])", "Refused: a box is four finite numbers x, y, width, height, not [1,2,3]"),
    ("pose(grey, 'box')", 'Refused: a box is four numbers x, y, width, height, not ["box"]'),
    (
        "pose(grey, [0, 0, 5, 0])",
        "Refused: the box [0,0,5,0] is empty: its width and height must be positive",
    ),
    (
        "pose(grey, [0, 0, 1e9, 5])",
        "Refused: the box [0,0,1000000000,5] is larger than any image: 262144 pixels at most",
    ),
    (
        "pose(grey, [[50, 0, 5, 5]])",
        "Refused: the box [50,0,5,5] lies outside the image, which is 30 x 20 pixels",
    ),
    ("pose.tracker({most: 0})", "Refused: subjects at most must be 1 or more, not 0"),
    ("track(grey, 0)", "Refused: seconds since the last frame must be positive, not 0"),
    ("(pose.close(), pose(grey))", "Unavailable: pose_128 was closed"),
]


def test_errors_are_pythons(lab):
    """Each of one line, and after each the worker goes on."""
    told = lab.evaluate(
        f"""(async () => {{
          const {{ Localizer }} = await import("/lib/index.js");
          const file = await (await fetch("/lib/networks/pose_128.tflite")).arrayBuffer();
          const record = await (await fetch("/lib/networks/pose_128.json")).json();
          const pose = await Localizer.load("pose_128");
          const track = await pose.tracker();
          const grey = new ImageData(30, 20);
          const told = [];
          for (const work of [{",".join(f"() => {call}" for call, _ in ERRORS)}]) {{
            const say = (error) => `${{error.name}}: ${{error.message}}`;
            told.push(await Promise.resolve().then(work).then(() => "nothing", say));
          }}
          return told;
        }})()"""
    )
    for (call, expected), said in zip(ERRORS, told, strict=True):
        assert said.startswith(expected) and "\n" not in said, f"{call}: {said}"


def damage(count, seed):
    """JavaScript: opens `count` damaged files of a network one after the other, and runs those that open."""
    return f"""(async () => {{
      const {{ Localizer }} = await import("/lib/index.js");
      const whole = new Uint8Array(await (await fetch("/lib/networks/pose_128.tflite")).arrayBuffer());
      const record = await (await fetch("/lib/networks/pose_128.json")).json();
      let seed = {seed};
      const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
      const counts = {{}};
      for (let i = 0; i < {count}; i++) {{
        let file = whole.slice();
        // The tables of a file lie at its beginning and its end.
        const place = () => random(3) ? random(6000) : file.length - 1 - random(60000);
        if (random(4) === 0) file = file.slice(0, random(file.length));
        else for (let n = 1 + random(8); n > 0; n--) file[place()] = random(256);
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
        const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
        const kind = await Localizer.load({{ file: file.buffer, record: {{ ...record, sha256 }} }}).then(
          async (pose) => {{
            const found = await pose(new ImageData(64, 64), [0, 0, 64, 64]);
            pose.close();
            return found.length === 1 ? "ran" : "nothing";
          }},
          ({{ name, message }}) => (/^[^\\n]+$/.test(message) ? name : `more than a line: ${{message}}`),
        );
        counts[kind] = (counts[kind] ?? 0) + 1;
      }}
      return counts;
    }})()"""


@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_damaged_networks_are_refused_and_the_page_goes_on(page, count):
    shown = page("?network=pose_128")
    shown.wait(FOUND)
    counts = {}
    for first in range(0, count, 20):
        for kind, times in shown.evaluate(damage(20, seed=first + 1)).items():
            counts[kind] = counts.get(kind, 0) + times
    assert set(counts) <= {"Refused", "ran"}, counts
    assert sum(counts.values()) == count and counts["Refused"] > count / 2
    shown.click("#sample")
    shown.wait(FOUND)
    assert shown.errors == []


class Asked(dict):
    """A site that notes what it is asked for."""

    def __init__(self, site):
        super().__init__(site)
        self.names = []

    def get(self, name):
        self.names.append(name)
        return super().get(name)


def test_nothing_leaves_the_machine(page):
    shown = page("?network=pose_128")
    shown.wait(FOUND)
    with running() as other:
        elsewhere, other.site = other.url, Asked(other.site)
        picture = f"{{onload: done, onerror: failed, src: '{elsewhere}samples/face.jpg'}}"
        load = f"new Promise((done, failed) => Object.assign(new Image(), {picture}))"
        for code in (f"fetch('{elsewhere}')", load):
            with pytest.raises(Failed):
                shown.evaluate(code)
        shown.evaluate(f"navigator.sendBeacon('{elsewhere}', 'a')")
        # The worker's own rules come with its script.
        told = shown.evaluate(
            f"""new Promise((done) => {{
              const worker = new Worker("/lib/worker.js", {{type: "module"}});
              worker.onmessage = ({{data}}) => done(data.error.message);
              worker.postMessage({{id: 0, op: "load", kernels: "plain", base: "{elsewhere}lib/networks/",
                source: {{name: "pose_128"}}, refine: 1, leastPresence: null}});
            }})"""
        )
        assert "can't be fetched" in told
    assert other.site.names == []


def test_it_works_without_a_connection(chromium, tmp_path, photographs):
    with running() as served:
        shown = chromium.open(served.url + "?network=pose_128")
        shown.wait(FOUND)
        shown.wait("document.querySelector('#offline').textContent === 'It has kept pose_128 for that.'")
        url = served.url
    with pytest.raises(OSError):
        import urllib.request

        urllib.request.urlopen(url, timeout=5)
    shown.go(url + "?network=pose_128")
    shown.wait(FOUND)
    images.write(tmp_path / "own.png", photographs["person"])
    shown.give_file("#file", tmp_path / "own.png")
    shown.wait("document.querySelectorAll('#points tbody tr').length === 16")
    shown.wait("document.querySelector('#trouble').textContent === ''")
    shown.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Python's own server of files, which sends none of our headers."""

    def log_message(self, *told):
        pass


@contextlib.contextmanager
def hosted(handler):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://localhost:{host.server_address[1]}/"
        host.shutdown()


def test_the_folder_works_on_any_host_in_any_place(chromium, tmp_path):
    site.write(tmp_path / "anywhere")
    with hosted(functools.partial(Quiet, directory=tmp_path)) as url:
        shown = chromium.open(url + "anywhere/?network=pose_128")
        shown.wait(FOUND)
        shown.wait("document.querySelector('#offline').textContent")
        assert shown.errors == [] and shown.text("#trouble") == ""
        shown.close()


class Lender(server.Handler):
    """Lets other sites use what it serves, as content delivery networks do."""

    def _head(self, status, kind, length, more=()):
        lent = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
        super()._head(status, kind, length, {**dict(more), **lent})


class Isolated(Quiet):
    """What a page needs that may share memory."""

    def end_headers(self):
        for name in ("Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy"):
            self.send_header(name, server.HEADERS[name])
        super().end_headers()


def test_another_sites_package_has_threads_where_the_page_is_isolated(chromium, tmp_path, photographs):
    (tmp_path / "index.html").write_text("<!doctype html><title>own</title>")
    task = (png(photographs["person"]), list(BOXES["person"]))
    with running() as lender:
        lender.RequestHandlerClass = Lender
        with hosted(functools.partial(Isolated, directory=tmp_path)) as url:
            own = chromium.open(url)
            assert own.evaluate(THREADS % (lender.url, "{threads: 2}", *task, 2))[-1][0] == 2
            own.close()
        with hosted(functools.partial(Quiet, directory=tmp_path)) as url:
            own = chromium.open(url)
            assert [threads for threads, _ in own.evaluate(THREADS % (lender.url, "{}", *task, 1))] == [1]
            with pytest.raises(Failed, match="2 threads share memory, which browsers allow to pages that"):
                own.evaluate(THREADS % (lender.url, "{threads: 2}", *task, 2))
            own.close()


def test_the_package_may_come_from_another_site(chromium, tmp_path, photographs):
    (tmp_path / "index.html").write_text("<!doctype html><title>own</title>")
    with running() as lender, hosted(functools.partial(Quiet, directory=tmp_path)) as url:
        lender.RequestHandlerClass = Lender
        own = chromium.open(url)
        names = own.evaluate(
            f"""(async () => {{
              const {{ Localizer }} = await import("{lender.url}lib/index.js");
              const pose = await Localizer.load("pose_128");
              const [person] = await pose({png(photographs["person"])}, {list(BOXES["person"])});
              return person.names;
            }})()"""
        )
        assert names[0] == "r_ankle"
        # A picture of a site that does not lend its pixels.
        (tmp_path / "face.png").write_bytes(cv2.imencode(".png", photographs["face"])[1].tobytes())
        other = url.replace("localhost", "127.0.0.1")
        with pytest.raises(Failed, match="the image comes from another site"):
            own.evaluate(
                f"""(async () => {{
                  const {{ Localizer }} = await import("{lender.url}lib/index.js");
                  const pose = await Localizer.load("pose_128");
                  const image = Object.assign(new Image(), {{ src: "{other}face.png" }});
                  return await pose(image, [0, 0, 50, 50]);
                }})()"""
            )
        own.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_it_fits_every_width(page, width):
    shown = page("?network=pose_128", size=(width, 800))
    shown.wait(FOUND)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    picture = shown.evaluate("document.querySelector('#picture').getBoundingClientRect().width")
    assert picture >= min(300, width * 0.7)


def test_everything_has_a_name_and_is_reached_by_the_keyboard(page):
    shown = page("?network=pose_128")
    shown.wait(FOUND)
    shown.send("Accessibility.enable")
    nodes = shown.send("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "radio", "textbox", "spinbutton", "img", "DisclosureTriangle", "progressbar", "table")
    for node in nodes:
        if not node["ignored"] and node["role"]["value"] in roles:
            assert node.get("name", {}).get("value"), node
    reached = []
    for _ in range(20):
        shown.press("Tab", 9)
        reached.append(shown.evaluate("document.activeElement.id || document.activeElement.name"))
    assert {"file", "camera", "sample", "task", "size"} <= set(reached)
    for selector in ("#status", "#trouble"):
        assert shown.evaluate(f"document.querySelector('{selector}').getAttribute('role')") in (
            "status",
            "alert",
        )


def film(path, image, frames=40):
    """A Motion JPEG of a photograph that sways, which Chromium takes for a camera."""
    height, width = image.shape[:2]
    with path.open("wb") as file:
        for i in range(frames):
            shift = 25 * np.sin(2 * np.pi * i / frames)
            moved = cv2.warpAffine(
                image, np.array([[1, 0, shift], [0, 1, 0]]), (width, height), borderMode=cv2.BORDER_REPLICATE
            )
            file.write(cv2.imencode(".jpg", cv2.cvtColor(moved, cv2.COLOR_RGB2BGR))[1].tobytes())
    return path


def test_the_camera_is_followed(served, photographs, tmp_path):
    image = cv2.resize(photographs["face"], (640, 480), interpolation=cv2.INTER_AREA)
    seen = film(tmp_path / "face.mjpeg", image)
    with start(*CAMERA, f"--use-file-for-fake-video-capture={seen}") as chromium:
        shown = chromium.open(served.url + "?network=face_aflw_128")
        shown.wait(FOUND)
        shown.evaluate("document.querySelector('#points-details').open = true")
        shown.click("#camera")
        shown.wait("!document.querySelector('#rate-cell').hidden")
        shown.wait("document.querySelector('#status').textContent.startsWith('1 face')")
        assert shown.text("#camera span") == "Stop"
        assert float(shown.text("#rate")) > 0
        rows = "[...document.querySelectorAll('#points tbody tr')].map((row) => row.firstChild.textContent)"
        shown.wait(f"{rows}.length === 21")
        assert len(set(shown.evaluate(rows))) == 1, "one subject, by its number"
        # Another network goes on with the camera.
        shown.evaluate("document.querySelector('#tasks input').click()")
        shown.wait("document.querySelector('#about').textContent.startsWith('pose_128')")
        assert shown.evaluate("document.querySelector('#video').srcObject.active")
        assert shown.text("#trouble") == ""
        shown.click("#camera")
        shown.wait("document.querySelector('#status').textContent === 'The camera is off.'")
        assert shown.evaluate("document.querySelector('#video').srcObject") is None
        shown.click("#sample")
        shown.wait(FOUND)
        assert shown.errors == []


def test_a_tracker_follows_in_a_page_of_ones_own(lab, photographs):
    told = lab.evaluate(
        f"""(async () => {{
          const {{ Localizer }} = await import("/lib/index.js");
          const face = await Localizer.load("face_aflw_128");
          const track = await face.tracker();
          const told = [];
          for (let i = 0; i < 3; i++) {{
            const [first] = await track({png(photographs["face"])}, 0.04);
            told.push([first.track, first.found, first.detector]);
          }}
          const [given] = await track({png(photographs["face"])}, 0.04, {list(BOXES["face"])});
          told.push([given.track, given.found, given.detector]);
          return told;
        }})()"""
    )
    assert told == [
        [1, "detector", "finder"],
        [1, "track", "finder"],
        [1, "track", "finder"],
        [2, "given", None],
    ]


def test_a_video_is_followed(page, tmp_path, photographs):
    path = tmp_path / "face.webm"
    image = cv2.resize(photographs["face"], (320, 320), interpolation=cv2.INTER_AREA)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"VP80"), 10, (320, 320))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no VP8")
    for _ in range(20):
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    shown = page("?network=face_aflw_128")
    shown.wait(FOUND)
    shown.give_file("#file", path)
    shown.wait("!document.querySelector('#rate-cell').hidden")
    shown.wait("document.querySelector('#status').textContent.startsWith('1 face')")
    # What is begun instead ends it, without a word.
    shown.click("#sample")
    shown.wait("document.querySelector('#rate-cell').hidden")
    (tmp_path / "text.mp4").write_text("no video")
    shown.give_file("#file", tmp_path / "text.mp4")
    shown.wait("document.querySelector('#trouble').textContent")
    assert shown.text("#trouble") == "Text.mp4 is not a video that this browser plays."
    assert shown.errors == []


def test_no_camera(page):
    shown = page("?network=pose_128")
    shown.wait(FOUND)
    shown.click("#camera")
    shown.wait("document.querySelector('#trouble').textContent")
    assert shown.text("#trouble") == "There is no camera here. Choose a picture instead."
    assert shown.text("#camera span") == "Camera"
    shown.click("#sample")
    shown.wait(FOUND)
    assert shown.text("#trouble") == ""


def test_a_camera_that_is_refused(served):
    with start("--use-fake-device-for-media-stream", "--deny-permission-prompts") as chromium:
        shown = chromium.open(served.url + "?network=pose_128")
        shown.wait(FOUND)
        shown.click("#camera")
        shown.wait("document.querySelector('#trouble').textContent")
        assert shown.text("#trouble").startswith("The camera was refused. Allow it ")
