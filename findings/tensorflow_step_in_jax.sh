#!/usr/bin/env bash
# TensorFlow 2.21.0 and JAX 0.11.2 (pip, Linux x86-64): a compiled TensorFlow step goes on in JAX, but not as jaxlib converts it.
#
# A training step under tf.function(jit_compile=True) can be taken out as HLO, and jaxlib turns HLO into StableHLO: so a
# machine that has JAX and no TensorFlow can run it. One would guess that what it hands over is what JAX itself compiles. On a
# CPU it runs. But it still holds an operation of another dialect (mhlo.copy) and says in an attribute of the module which
# variable is updated in place: it cannot be written as a portable StableHLO file, the form in which a GPU's plugin gets its
# programs. Without the copy and the module's attributes it can, and then no variable is updated in place any more: each step
# keeps the old and the new ones. Marks of JAX's own kind on the arguments (tf.aliasing_output) give that back.
#
# Seen: as converted, not portable, in place; with the copy and the attributes taken away, portable, not in place; with the
# marks, portable and in place.
# Exits 0 as long as that is so. Needs python3 (3.12 or 3.13) with venv, and 3 GB of temporary space.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in tensorflow==2.21.0 jax==0.11.2; do
  python3 -m venv "$work/${name%%=*}"
  "$work/${name%%=*}/bin/pip" install --quiet --disable-pip-version-check "$name"
done
cd "$work"
cat > write.py <<'PY'
import tensorflow as tf

variable = tf.Variable(tf.zeros([4, 4]))


@tf.function(jit_compile=True)
def step(x):
    variable.assign_add(x @ x)
    return tf.reduce_sum(variable)


program = step.experimental_get_compiler_ir(tf.TensorSpec([4, 4]))(stage="hlo_serialized")
with open("step.hlo", "wb") as file:
    file.write(program)
PY
cat > read.py <<'PY'
import jax
import numpy as np
from jax._src.interpreters import mlir
from jax._src.lib.mlir import ir
from jaxlib import xla_client
from jaxlib.mlir.dialects import stablehlo

device = jax.devices()[0]
with open("step.hlo", "rb") as file:
    computation = xla_client.XlaComputation(file.read())


def converted():
    return ir.Module.parse(xla_client._xla.mlir.xla_computation_to_mlir_module(computation))


def plain():
    module = converted()
    for operation in [each.operation for each in ir.SymbolTable(module.operation)["main"].body.blocks[0].operations]:
        if operation.name == "mhlo.copy":
            operation.results[0].replace_all_uses_with(operation.operands[0])
            operation.erase()
    for name in [name for name in module.operation.attributes if name.startswith("mhlo.")]:
        del module.operation.attributes[name]
    return module


def marked():
    module = plain()
    second = ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 1)
    marks = [ir.DictAttr.get({}), ir.DictAttr.get({"tf.aliasing_output": second})]
    ir.SymbolTable(module.operation)["main"].arg_attrs = ir.ArrayAttr.get(marks)
    return module


def in_place(module):
    options = xla_client.CompileOptions()
    options.device_assignment = xla_client.DeviceAssignment.create(np.array([[device.id]]))
    program = device.client.compile_and_load(module, xla_client.DeviceList((device,)), options)
    arguments = [jax.device_put(np.ones((4, 4), np.float32), device) for _ in range(2)]
    program.execute_sharded(arguments)
    return arguments[1].is_deleted()


def portable(module):
    try:
        stablehlo.serialize_portable_artifact(module, stablehlo.get_minimum_version())
    except ValueError as error:
        return str(error)
    return True


with mlir.make_ir_context() as context:
    context.allow_unregistered_dialects = True
    for make, expected in (
        (converted, ("failed to serialize module", True)),
        (plain, (True, False)),
        (marked, (True, True)),
    ):
        seen = portable(make()), in_place(make())
        print(f"{make.__name__}: portable {seen[0]}, in place {seen[1]}")
        if seen != expected:
            raise SystemExit(f"changed: was {expected}")
PY
CUDA_VISIBLE_DEVICES="" TF_CPP_MIN_LOG_LEVEL=3 tensorflow/bin/python write.py 2> log || { cat log; exit 1; }
JAX_PLATFORMS=cpu jax/bin/python read.py 2> log || { cat log; exit 1; }
