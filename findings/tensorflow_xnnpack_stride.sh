#!/usr/bin/env bash
# TensorFlow 2.21.0 on a CPU (pip, Linux x86-64): tf.lite.Interpreter computes some strided convolutions wrong, silently.
#
# One would guess that a converted model computes what the traced function does. Where a filter is narrower than its stride
# along one axis, wider along the other, the image's side is even and the padding SAME (7x1 with stride 1x2, 3x1 with 2x2),
# the XNNPACK delegate that the interpreter applies by default takes the wrong pixels. TFLite's own kernels, without the
# delegate, are right; so are odd sides, VALID padding, 1x1 filters of any stride, and ai-edge-litert 2.3.0, whose XNNPACK
# is newer, with and without it. Separable stems of small networks are built of such filters.
#
# Seen: sums of 8x8 pixels that are 138 to 364 off with the delegate, and 0 everywhere else.
# Exits 0 as long as that is so. Needs python3 (3.10 to 3.12) with venv, and 2 GB of temporary space.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 ai-edge-litert==2.3.0
cat > "$work/stride.py" <<'PY'
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
from ai_edge_litert import interpreter as litert

CASES = [  # side, padding, filter, stride, wrong with TensorFlow's delegate
    (8, "SAME", (7, 1), (1, 2), True),
    (8, "SAME", (3, 1), (2, 2), True),
    (8, "SAME", (1, 7), (2, 1), True),
    (8, "SAME", (1, 1), (2, 2), False),
    (8, "SAME", (3, 3), (1, 2), False),
    (7, "SAME", (7, 1), (1, 2), False),
    (8, "VALID", (7, 1), (1, 2), False),
]


def output(interpreter, resolvers, model, image, delegate):
    kind = resolvers.AUTO if delegate else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    lite = interpreter(model_content=model, experimental_op_resolver_type=kind)
    lite.allocate_tensors()
    lite.set_tensor(lite.get_input_details()[0]["index"], image)
    lite.invoke()
    return lite.get_tensor(lite.get_output_details()[0]["index"])


for side, padding, (height, width), (down, right), wrong in CASES:
    ones = np.ones((height, width, 1, 1), np.float32)
    convolve = tf.function(
        lambda x: tf.nn.conv2d(x, ones, [1, down, right, 1], padding),
        input_signature=[tf.TensorSpec([1, side, side, 1])],
    )
    model = tf.lite.TFLiteConverter.from_concrete_functions([convolve.get_concrete_function()], convolve).convert()
    image = np.arange(side * side, dtype=np.float32).reshape(1, side, side, 1)
    right_sums = convolve(tf.constant(image)).numpy()
    off = {
        f"{name}{', XNNPACK' if delegate else ''}": float(
            np.abs(output(interpreter, resolvers, model, image, delegate) - right_sums).max()
        )
        for name, interpreter, resolvers in (
            ("tf.lite", tf.lite.Interpreter, tf.lite.experimental.OpResolverType),
            ("litert", litert.Interpreter, litert.OpResolverType),
        )
        for delegate in (True, False)
    }
    print(f"{side}x{side} {padding:5} filter {height}x{width} stride {down}x{right}: off by", off)
    assert (off.pop("tf.lite, XNNPACK") > 0) == wrong, "tf.lite with XNNPACK is no longer as described"
    assert not any(off.values()), "another interpreter is no longer as described"
PY
"$work/venv/bin/python" "$work/stride.py" 2> "$work/errors" || { cat "$work/errors" >&2; exit 1; }
