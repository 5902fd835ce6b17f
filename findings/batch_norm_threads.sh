#!/bin/sh
# TensorFlow's fused batch normalisation, on a CPU, rounds its statistics as the number of threads has it.
#
# tensorflow 2.21.0, x86-64: mean and variance of the same 2 x 32 x 32 x 128 numbers differ in the last bits of more than
# nine channels of ten between one thread and two, and so does what is normalised, in four of five numbers. The mean by
# reduce_mean is the same with any number, and so is a normalisation that is not fused (Keras 2: layer.fused = False).
# In a float network nobody sees it. A binary network takes the sign of such values: one that lay at zero turns, and the
# turned signs run through all that follows. A comparison of gradients that holds to 0.001 on two cores came out a third
# apart on one core, with the same seed, weights and images.
# Exits 0 as long as that is so. Needs python3 with venv.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check tensorflow==2.21.0 numpy==1.26.4
cat > norm.py <<'EOP'
import sys

import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
x = np.random.default_rng(0).normal(size=(2, 32, 32, 128)).astype(np.float32)
ones = np.ones(128, np.float32)
fused = tf.raw_ops.FusedBatchNormV3(x=x, scale=ones, offset=0 * ones, mean=[], variance=[], epsilon=1e-5, is_training=True)
np.savez(sys.argv[2], fused_mean=fused[1], fused_variance=fused[2], fused=fused[0], mean=tf.reduce_mean(x, (0, 1, 2)))
EOP
cat > compare.py <<'EOP'
import numpy as np

one, two = (np.load(f"{threads}.npz") for threads in (1, 2))
apart = {name: float((one[name] != two[name]).mean()) for name in one.files}
print({name: round(share, 3) for name, share in apart.items()})
assert apart["fused_mean"] > 0.5 and apart["fused_variance"] > 0.5 and apart["fused"] > 0.5 and apart["mean"] == 0
print("as described")
EOP
for threads in 1 2; do
  TF_CPP_MIN_LOG_LEVEL=3 env/bin/python norm.py "$threads" "$threads.npz" 2> errors || { cat errors; exit 1; }
done
env/bin/python compare.py
