"""Converted networks of the package, whole, against LCE's interpreter."""

import numpy as np
import pytest
from photographs import on_photographs
from run_lce import DOORS, assert_same, by_lce

from bnn_landmarks import zoo
from bnn_landmarks.spec import Options, Spec

pytestmark = pytest.mark.usefixtures("library")


def randomize(model, seed=0):
    """Batch norms and scales away from their start, some of them negative, so that nothing is degenerate."""
    rng = np.random.default_rng(seed)

    def signed(shape, negative):
        return rng.uniform(0.5, 1.5, shape) * np.where(rng.random(shape) < negative, -1, 1)

    for layer in model.layers:
        if type(layer).__name__ == "Norm":
            size = layer.gamma.shape[0]
            moments = rng.normal(0, 0.5, size), rng.uniform(0.3, 2, size)
            layer.set_weights([signed(size, 0.15), rng.normal(0, 0.3, size), *moments])
        elif type(layer).__name__ == "BinaryConv2D":
            layer.set_weights(
                [
                    signed(w.shape, 0.1) if w.ndim == 1 else rng.normal(0, 0.1, w.shape)
                    for w in layer.get_weights()
                ]
            )
    return model


def network(size, **options):
    from bnn_landmarks.network.hourglass import hourglass_network

    model = randomize(hourglass_network(size, 16, **options))
    model.spec = Spec("network", input_size=size)
    return model


def lce_file(size, **options):
    from export import lce

    return lce.convert(network(size, **options))


BLOCKS = ["bottleneck", "multi_scale", "multi_scale_no_1x1", "hierarchical_shortcuts"]


def assert_network(content, size, **options):
    image = np.random.default_rng(3).random((1, size, size, 3)).astype(np.float32)
    wanted = by_lce(content, [image], use_indirect_bgemm=True)
    assert np.std(wanted[0]) > 0
    for run in DOORS:
        assert_same(run(content, [image], **options), wanted, run.__name__)


def test_hierarchical():
    content = lce_file(64, channels=64, options=Options(stem="integer"))
    assert_network(content, 64)
    assert_network(content, 64, num_threads=2)


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
def test_other_blocks(block):
    assert_network(lce_file(64, block=block, channels=64), 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    "switch",
    [
        {"shortcut": "real"},
        {"first": "real"},
        {"pooling": "average"},
        {"activation": "none"},
        {"activation": "prelu"},
        {"scale": "mean"},
    ],
)
def test_switches(switch):
    assert_network(lce_file(64, channels=64, options=Options(**switch)), 64)


@pytest.mark.slow
def test_a_file_of_lces_own_converter():
    """Not our exporter's: norms before signs are products and sums."""
    import larq_compute_engine as lce

    assert_network(lce.convert_keras_model(network(64, channels=64)), 64)


@pytest.mark.slow
def test_the_whole_network():
    assert_network(lce_file(256), 256)


@pytest.mark.parametrize("name", [name for name in zoo.names() if zoo.entry(name).weights])
@pytest.mark.parametrize("num_threads", [1, 2])
def test_zoo_entries(name, num_threads):
    """The shipped files on the shipped photographs, every map to the last bit."""
    content, batches = on_photographs(name)
    for batch in batches.values():
        wanted = by_lce(content, [batch])
        for run in DOORS:
            assert_same(run(content, [batch], num_threads=num_threads), wanted, f"{name} {run.__name__}")
