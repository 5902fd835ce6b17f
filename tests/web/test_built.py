"""What is kept built is what the sources build to; the npm package holds it all, with types."""

import gzip
import importlib.util
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from bnn_landmarks.geometry import boxes, heatmaps
from bnn_landmarks.inference import detect, detectors, localizer, tracking
from bnn_landmarks.runtime import build_web
from bnn_landmarks.web import site

ROOT = pathlib.Path(__file__).parents[2]
WEB = ROOT / "deploy" / "web"
BUILT = site.HERE / "built"
COMPILER = WEB / "node_modules" / ".bin" / "tsc"


@pytest.fixture
def compile_sources():
    if not COMPILER.exists():
        pytest.skip("TypeScript is not installed (npm install in deploy/web)")

    def run(*arguments, **options):
        return subprocess.run([COMPILER, *map(str, arguments)], capture_output=True, text=True, **options)

    return run


def scripts(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.js")}


@pytest.mark.parametrize("name", ["ENOUGH", "PRESENCE", "LOOKS"])
def test_the_page_knows_the_packages_presences(name):
    text = (BUILT / "lib" / "looking.js").read_text()
    pairs = re.findall(r"(\w+): ([\d.]+)", re.search(rf"const {name} = {{(.+?)}};", text, re.S)[1])
    assert {key: float(value) for key, value in pairs} == getattr(localizer, name)


@pytest.mark.parametrize(
    ("script", "names", "modules"),
    [
        ("looking.js", "AGAIN SAME_PERSON SAME_FACE OWN_PRESENCE SURE GUESS GUESSES", (localizer, detectors)),
        (
            "tracking.js",
            "MERGED SAME NEARBY NEAR REACH SPEED_SHARE SURE BEHIND LONGEST_CROSSING",
            (tracking,),
        ),
        ("heatmaps.js", "WINDOW", (heatmaps,)),
        ("boxes.js", "CHANNELS UNIT SAME LARGEST_LOG", (boxes,)),
    ],
)
def test_the_page_knows_the_packages_numbers(script, names, modules):
    text = (BUILT / "lib" / script).read_text()
    told = {name: float(value) for name, value in re.findall(r"const ([A-Z_]+) = ([\d.]+);", text)}
    assert set(names.split()) <= set(told)
    for name, value in told.items():
        assert [value] == [getattr(module, name) for module in modules if hasattr(module, name)], name


def test_the_page_knows_the_modules_memory():
    text = (BUILT / "lib" / "engine.js").read_text()
    assert f"initial: {build_web.FIRST_PAGES}, maximum: {build_web.MOST_PAGES}, shared: true" in text


def test_the_page_knows_the_packages_schemes():
    text = (BUILT / "lib" / "looking.js").read_text()
    for name in ("PEOPLE_SCHEMES", "FACE_SCHEMES"):
        known = re.findall(r'"(\w+)"', re.search(rf"const {name} = \[(.+?)\]", text)[1])
        assert known == list(getattr(detect, name))


def test_scripts_are_what_the_sources_build_to(compile_sources, tmp_path):
    done = compile_sources("-p", WEB, "--outDir", tmp_path)
    assert done.returncode == 0, done.stdout
    assert scripts(tmp_path) == scripts(BUILT)


@pytest.mark.slow
@pytest.mark.parametrize("name", build_web.MODULES)
def test_modules_are_what_the_engine_builds_to(name, tmp_path):
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed (the extra `web`)")
    assert build_web.build_module(name, tmp_path).read_bytes() == (BUILT / "lib" / name).read_bytes()


@pytest.mark.parametrize("name", build_web.MODULES)
def test_a_module_is_small(name):
    assert len(gzip.compress((BUILT / "lib" / name).read_bytes())) <= 60_000


def test_the_npm_package(compile_sources, tmp_path):
    """Whole, with types that a strict program compiles against."""
    package = tmp_path / "node_modules" / "bnn-landmarks"
    package.parent.mkdir()
    done = subprocess.run([sys.executable, WEB / "pack.py", package], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    held = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    lib = {"dist/" + name.removeprefix("lib/") for name in site.files() if name.startswith("lib/")}
    types = {f"dist/{path.stem}.d.ts" for path in (WEB / "src" / "lib").glob("*.ts")}
    assert held == lib | types | {"package.json", "README.md", "LICENSE"}
    described = json.loads((package / "package.json").read_text())
    for path in (described["main"], described["types"]):
        assert (package / path).is_file()
    (tmp_path / "use.ts").write_text(
        """
import { Localizer, NotFound, draw, type Subject } from "bnn-landmarks";
export async function find(image: HTMLImageElement, context: CanvasRenderingContext2D): Promise<Subject[]> {
  const pose = await Localizer.load("pose", { progress: (n: number, of: number) => console.log(n / of) });
  const people = await pose(image, [[1, 2, 3, 4]]);
  const follow = await pose.tracker({ most: 2 });
  await follow(image, 1 / 30);
  draw(context, people, pose.scheme, { scale: 2 });
  const [x, y]: [number, number] = people[0].points[0];
  if (x + y > people[0].scores[0]) throw new NotFound("somewhere");
  return people;
}
"""
    )
    options = "--strict --noEmit --target es2022 --module es2022 --moduleResolution bundler --lib es2023,dom".split()
    done = compile_sources(*options, tmp_path / "use.ts", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    if shutil.which("npm"):
        told = subprocess.run(
            ["npm", "pack", "--dry-run", "--json"], cwd=package, capture_output=True, text=True
        )
        names = {each["path"] for each in json.loads(told.stdout)[0]["files"]}
        assert names == held
    done = subprocess.run([sys.executable, WEB / "pack.py", package], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("pack.py: ") and "exists" in done.stderr
