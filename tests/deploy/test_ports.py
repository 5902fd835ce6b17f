"""The C++, Kotlin and TypeScript ports in deploy/ compute what Python does: held against golden vectors, the first two
compiled here."""

import os
import pathlib
import shutil
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest

HERE = pathlib.Path(__file__).parent
DEPLOY = HERE.parents[1] / "deploy"
CPP = DEPLOY / "raspberry_pi" / "cpp"
APP = DEPLOY / "android" / "app" / "src"
KOTLIN = "kotlin/bnn/landmarks"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def succeed(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tool(*names):
    """The first of these programs that is here; skips the test where none is."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or pytest.skip(f"there is no {' or '.join(names)} here")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("deploy")


@pytest.fixture(scope="module")
def ports(directory):
    """The golden vectors of the ports, by the documented command."""
    succeed(sys.executable, DEPLOY / "golden.py", directory / "ports.golden.npz")
    return directory / "ports.golden.npz"


@pytest.fixture(scope="module")
def model(directory, tiny_spec):
    """Golden vectors of a network as the exporter writes them; the maps are random."""
    from export import record

    rng = np.random.default_rng(1)
    inputs = rng.random((1, 64, 64, 3), np.float32)
    maps = rng.normal(0, 3, (1, 16, 16, tiny_spec.outputs)).astype(np.float32)
    np.savez_compressed(directory / "tiny.golden.npz", **record.golden(tiny_spec, inputs, maps))
    return directory / "tiny.golden.npz", tiny_spec.score, tiny_spec.sigma


def unzipped(npz):
    target = npz.with_suffix("")
    with zipfile.ZipFile(npz) as file:
        file.extractall(target)
    return target


def compiled(program, compiler, *flags, runner=()):
    """The C++ checks: files of golden vectors -> the finished process."""
    warnings = ["-Wall", "-Wextra", "-Werror"]
    succeed(compiler, "-std=c++17", *warnings, *flags, "-I", CPP, HERE / "check_ports.cc", "-o", program)
    return lambda npz, *rest: run(
        *runner, program, *(unzipped(a) if isinstance(a, pathlib.Path) else a for a in (npz, *rest))
    )


@pytest.fixture(scope="module")
def cpp(directory):
    return compiled(directory / "check_ports", tool("c++", "g++", "clang++"))


@pytest.fixture(scope="module")
def arm(directory):
    """The same as a Raspberry Pi runs it, emulated."""
    emulator = tool("qemu-aarch64-static", "qemu-aarch64")
    return compiled(
        directory / "check_ports_arm", tool("aarch64-linux-gnu-g++"), "-O2", "-static", runner=[emulator]
    )


@pytest.fixture(scope="module")
def classes(directory):
    """The parts of the app that need no Android, and their checks, compiled for the JVM."""
    sources = [APP / "main" / KOTLIN / f"{name}.kt" for name in ("Crop", "Heatmaps", "Tracking")]
    tool("java")
    jar = directory / "app.jar"
    golden = APP / "androidTest" / KOTLIN / "Golden.kt"
    succeed(tool("kotlinc"), "-nowarn", *sources, golden, "-include-runtime", "-d", jar)
    return jar


@pytest.fixture(scope="module")
def kotlin(classes):
    """The Kotlin checks: files of golden vectors -> the finished process."""
    return lambda *arguments: run("java", "-cp", classes, "bnn.landmarks.GoldenKt", *arguments)


@pytest.fixture(scope="module")
def typescript():
    """The TypeScript checks, by node's own test runner: a file of golden vectors -> the finished process."""
    node = tool("node")
    # The model's are held in Chromium, with the maps: tests/web.
    return lambda npz, *rest: run(
        node, "--test", DEPLOY / "web" / "test" / "golden.test.mjs", env={**os.environ, "GOLDEN": str(npz)}
    )


@pytest.mark.parametrize("language", ["cpp", "arm", "kotlin", "typescript"])
def test_a_port_computes_what_python_does(language, ports, model, request):
    done = request.getfixturevalue(language)(ports, *model)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("language", ["cpp", "kotlin", "typescript"])
@pytest.mark.parametrize(
    ("array", "named"),
    [
        ("crop/averaged_by_three/patch", "grey levels"),
        ("decode/softmax/restored", "restored"),
        ("decode/sigmoid", "sigmoid"),
    ],
)
def test_a_difference_is_found(language, array, named, ports, request):
    vectors = dict(np.load(ports))
    vectors[array].flat[5] += 2 if vectors[array].dtype == np.uint8 else 0.01
    wrong = ports.with_name(f"{language}.{array.replace('/', '.')}.npz")
    np.savez(wrong, **vectors)
    done = request.getfixturevalue(language)(wrong)
    assert done.returncode == 1
    complaints = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if "FAILED" in line or "Error" in line or "error:" in line
    ]
    assert named in complaints[0]


@pytest.mark.parametrize("language", ["kotlin", "typescript"])
def test_tracking_that_differs_is_found(language, ports, request):
    vectors = dict(np.load(ports))
    vectors["track/smooth"][-1, -1, -1] += 0.01
    wrong = ports.with_name(f"{language}.smooth.npz")
    np.savez(wrong, **vectors)
    done = request.getfixturevalue(language)(wrong)
    assert "smoothed points" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("array", "change"),
    [
        ("boxes/0/boxes", 0.01),
        ("boxes/1/scores", 0.01),
        ("parts/presence", 0.01),
        ("tracker/crossing/smooth", 0.01),
        ("tracker/crossing/numbers", 1),
        ("tracker/given/asked", 0.01),
    ],
)
def test_boxes_parts_and_several_subjects_that_differ_are_found(array, change, ports, typescript):
    vectors = dict(np.load(ports))
    vectors[array].flat[0] += change
    wrong = ports.with_name(f"typescript.{array.replace('/', '.')}.npz")
    np.savez(wrong, **vectors)
    assert typescript(wrong).returncode == 1


def test_the_exporter_writes_what_the_apps_read(tiny_spec, monkeypatch):
    """Network.kt and main.cc read these keys of the `.json` beside a file."""
    from export import record, verify

    monkeypatch.setattr(verify, "input_shape", lambda data: [1, 64, 64, 3])
    written = record.describe(b"", tiny_spec, "uint8", types.SimpleNamespace(to_dict=dict), "tiny.golden.npz")
    assert written["name"] == "tiny" and written["input"] == "uint8"
    assert written["input_shape"] == [1, 64, 64, 3] and written["output_shape"] == [1, 16, 16, 16]
    assert written["crop"].keys() >= {"box_side", "padding"}
    assert written["decode"].keys() >= {"stride", "score", "sigma"}
    assert written["landmarks"][0] == "r_ankle" and written["edges"][0] == [0, 1]


@pytest.mark.slow
def test_the_apps_library_runs_a_network(directory):
    """The app's own CMake build, by this machine's compiler, called from Java as Engine.kt calls it."""
    from bnn_landmarks import zoo
    from bnn_landmarks.runtime.engine import Network

    java = pathlib.Path(tool("javac")).resolve().parents[1] / "include"
    build, classes = directory / "cmake", directory / "java"
    flags = f"-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror -I{java} -I{java / 'linux'}"
    succeed(tool("cmake"), "-S", APP / "main" / "cpp", "-B", build, flags)
    succeed("cmake", "--build", build, env={**os.environ, "CMAKE_BUILD_PARALLEL_LEVEL": "2"})
    succeed("javac", "-d", classes, HERE / "EngineCheck.java")
    model, pixels = zoo.WEIGHTS / "pose_128.tflite", directory / "pixels"
    image = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), dtype=np.uint8)
    pixels.write_bytes(image.tobytes())
    program = (
        "java",
        "-Xcheck:jni",
        "-cp",
        classes,
        f"-Djava.library.path={build}",
        "bnn.landmarks.EngineCheck",
    )
    said = succeed(*program, model, pixels, directory / "maps").splitlines()
    (wanted,) = Network(model).run([image / np.float32(255)])
    for maps in np.fromfile(directory / "maps", np.float32).reshape(2, *wanted.shape):
        np.testing.assert_array_equal(maps, wanted)
    size = "an array has not the network's size"
    threads = "threads must be from 1 to 64, not 0"
    assert [said[0], said[1], said[3], said[4]] == [size, size, threads, "the engine is closed"]
    assert "not a TFLite" in said[2] or "file" in said[2]


@pytest.mark.parametrize("name", ["open", "close", "outputSize", "runBytes", "runFloats"])
def test_the_apps_kotlin_and_its_library_agree(name):
    assert f"external fun {name}(" in (APP / "main" / KOTLIN / "Engine.kt").read_text()
    assert f"Java_bnn_landmarks_Engine_{name}(" in (APP / "main" / "cpp" / "engine_jni.cc").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["this one", "aarch64"])
def test_the_pi_program_proves_the_golden_vectors(machine, directory):
    """Built by its CMakeLists.txt: the file's own maps and points come out, and a wrong one is found."""
    from bnn_landmarks import zoo

    headers = directory / "headers"
    for name, places in {
        "stb_image.h": ("stb/stb_image.h", "stb_image.h"),
        "nlohmann": ("nlohmann",),
    }.items():
        found = next((p for place in places if (p := pathlib.Path("/usr/include") / place).exists()), None)
        if not found:
            pytest.skip(f"{name} is not installed (apt-get install libstb-dev nlohmann-json3-dev)")
        headers.mkdir(exist_ok=True)
        if not (headers / name).exists():
            (headers / name).symlink_to(found)
    flags, runner = [f"-DSTB_HEADERS={headers}", f"-DJSON_HEADERS={headers}"], []
    if machine == "aarch64":
        runner = [tool("qemu-aarch64-static", "qemu-aarch64"), "-L", "/usr/aarch64-linux-gnu"]
        compiler = tool("aarch64-linux-gnu-g++")
        flags += [
            f"-DCMAKE_CXX_COMPILER={compiler}",
            "-DCMAKE_SYSTEM_NAME=Linux",
            "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        ]
    build = directory / f"pi {machine}"
    succeed(tool("cmake"), "-S", CPP, "-B", build, *flags)
    succeed("cmake", "--build", build)
    model = zoo.WEIGHTS / "pose_128.tflite"
    golden = directory / f"golden {machine}"
    with zipfile.ZipFile(zoo.WEIGHTS / "pose_128.golden.npz") as file:
        file.extractall(golden)
    succeed(*runner, build / "landmarks", model, "--golden", golden)
    points = np.load(golden / "points.npy")
    points.flat[3] += 0.02
    np.save(golden / "points.npy", points)
    done = run(*runner, build / "landmarks", model, "--golden", golden)
    assert done.returncode == 1 and done.stdout.count("WRONG") == 1
