"""The network as it is trained: its rate, its teacher."""

import numpy as np
import pytest
from crosses import assert_same, tiny

from bnn_landmarks.training import trainer
from bnn_landmarks.training.model import learning_rate

pytestmark = pytest.mark.usefixtures("small_network")


def test_the_rate_rises_falls_and_steps():
    cosine = learning_rate(tiny(samples=400, learning_rate=1.0, warmup=0.1))
    np.testing.assert_allclose([cosine(s) for s in (0, 5, 10, 55, 100)], [0, 0.5, 1, 0.5, 0], atol=1e-6)
    hold = learning_rate(tiny(samples=400, learning_rate=1.0, warmup=0.1, schedule="hold"))
    np.testing.assert_allclose([hold(s) for s in (0, 5, 10, 55, 100, 10**6)], [0, 0.5, 1, 1, 1, 1], atol=1e-6)
    decay = learning_rate(tiny(samples=400, learning_rate=1.0, schedule="decay", trunk=800))
    np.testing.assert_allclose([decay(s) for s in (200, 225, 300)], [1, 0.75, 0], atol=1e-6)
    steps = learning_rate(tiny(samples=400, learning_rate=1.0, schedule=((0.5, 0.1), (0.9, 0.01))))
    np.testing.assert_allclose([steps(s) for s in (0, 50, 51, 90, 91)], [1, 1, 0.1, 0.1, 0.01])


@pytest.mark.slow
def test_a_teacher_adds_to_the_loss(data, tmp_path):
    trainer.train(tiny(samples=8), data, tmp_path / "teacher")
    teacher = str(tmp_path / "teacher" / "weights.npz")
    plain = trainer.train(tiny(samples=8), data, tmp_path / "plain")
    silent = trainer.train(tiny(samples=8, teacher=teacher, teacher_weight=0.0), data, tmp_path / "silent")
    heard = trainer.train(tiny(samples=8, teacher=teacher, teacher_weight=1.0), data, tmp_path / "heard")
    assert_same(silent, plain)
    assert any((a != b).any() for a, b in zip(heard.get_weights(), plain.get_weights(), strict=True))
    with pytest.raises(ValueError, match="the teacher reads 64 pixels"):
        trainer.train(tiny({"spec.input_size": 128}, teacher=teacher), data, tmp_path / "other")
