#!/usr/bin/env bash
# TensorFlow 2.21.0 on a CPU (pip, Linux x86-64): tf.function does not compute the division that is written in it.
#
# One would guess that x / 255 and a / sqrt(b), operations that IEEE 754 rounds correctly, are the same bits eagerly and in a
# graph. Grappler makes x * (1 / 255) of the one and a * rsqrt(b) of the other, so results differ in the last bit: enough
# to flip a sign behind a comparison with zero, and a binary network's output with it. Dividing by a number that is no
# constant, or sqrt(a * a / b), is left alone. With tf_keras 2.21.0, Layer(autocast=False) under a mixed policy leaves the
# layer's inputs alone but not its variables: they still read as bfloat16.
#
# Seen: tens of thousands of 100,000 quotients by 255, and thousands of the a / sqrt(b), differ; the other forms none.
# Exits 0 as long as that is so. Needs python3 (3.10 to 3.12) with venv, and 2 GB of temporary space.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 tf-keras==2.21.0
cat > "$work/divide.py" <<'PY'
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
a, b = (tf.constant(rng.uniform(0.1, 255, 100_000), tf.float32) for _ in range(2))
forms = {
    "x / 255": (lambda a, b: a / 255.0, True),
    "a / sqrt(b)": (lambda a, b: a / tf.sqrt(b), True),
    "a / b": (lambda a, b: a / b, False),
    "sqrt(a * a / b)": (lambda a, b: tf.sqrt(a * a / b), False),
}
for name, (form, changed) in forms.items():
    differ = int((form(a, b).numpy() != tf.function(form)(a, b).numpy()).sum())
    print(f"{name:16} {differ:6} of {len(a)} differ between eager and tf.function")
    assert (differ > 0) == changed, f"{name} is no longer as described"

tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")


class Look(tf.keras.layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(1,))

    def call(self, x):
        self.seen = x.dtype, tf.convert_to_tensor(self.w).dtype
        return x


look = Look(autocast=False)
look(tf.ones((1, 1)))
print("autocast=False: the input is", look.seen[0].name, "and the variable", look.seen[1].name)
assert look.seen == (tf.float32, tf.bfloat16), "autocast=False is no longer as described"
PY
"$work/venv/bin/python" "$work/divide.py" 2> "$work/errors" || { cat "$work/errors" >&2; exit 1; }
