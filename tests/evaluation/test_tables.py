"""The paper's tables: what is printed is counted from the networks, and agrees with the paper where it can."""

import json

import pytest
import tensorflow as tf

from bnn_landmarks import paper
from bnn_landmarks.evaluation import tables
from bnn_landmarks.network.counting import Count, count
from bnn_landmarks.network.layers import BinaryConv2D

MILLION = 1e6


def test_a_small_network_is_counted_by_hand():
    images = tf.keras.Input((8, 8, 3))
    x = tf.keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=True)(images)
    x = tf.keras.layers.BatchNormalization()(x)
    x = BinaryConv2D(16, 3, scale_mode="learned")(x)
    found = count(tf.keras.Model(images, x))
    assert (found.real_weights, found.binary_weights) == (3 * 3 * 3 * 4, 3 * 3 * 4 * 16)
    assert found.other == 4 + 2 * 4 + 16
    assert found.parameters == 108 + 576 + 28
    assert (found.real_macs, found.binary_macs) == (4 * 4 * 108, 4 * 4 * 576)
    assert found.bytes == 576 // 8 + 4 * (108 + 28)


def test_the_tables_have_the_papers_rows():
    numbers = [row.table for row in paper.ROWS]
    assert [numbers.count(t) for t in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 15)] == [
        2,
        5,
        4,
        2,
        2,
        2,
        2,
        4,
        2,
        2,
        3,
    ]
    with pytest.raises(ValueError, match="no table 9"):
        tables.render([9])


def test_the_ablations_scores_stand_in_the_rows_they_vary(tmp_path, monkeypatch):
    rows = [
        {"row": "L2", "recipe": "table7_l2", "scores": {"mpii val, PCKh": {"value": 12.25}}},
        {"row": "PReLU", "recipe": None, "scores": {"mpii val, PCKh": {"value": 10.0}}},
    ]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "ablation.json").write_text(json.dumps({"rows": rows}))
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    found = tables.measured()
    assert found["table7_l2"] == ["12.25 (docs/ablation.md)"]
    assert None not in found


def test_a_printed_table_holds_the_count_the_papers_score_and_ours(tmp_path, monkeypatch):
    record = {
        "model": "table7_l2",
        "data": "mpii",
        "split": "val",
        "spec": {"input_size": 128},
        "metrics": {"PCKh@0.5": {"mean": {"value": 41.5, "low": 40, "high": 43}}},
    }
    (tmp_path / "a.json").write_text(json.dumps(record))
    monkeypatch.setattr(tables, "counted", lambda row: Count(6_000_000, 100_000, 1000, 8 * 10**9, 2 * 10**8))
    text = tables.render([7], tmp_path)
    line = next(line for line in text.splitlines() if line.startswith("| L2"))
    assert "6.10 M" in line and "6.2M" in line and "1.15 MB" in line and "8.00 G" in line and "0.20 G" in line
    assert "73.8" in line and "41.50 (mpii val, 128 px)" in line


@pytest.mark.slow
@pytest.mark.parametrize("row", paper.ROWS, ids=lambda row: f"{row.table} {row.label}")
def test_parameters_are_the_papers(row):
    """To 5 %; two rows can't be met, and say so: 192 channels count 3.6 M (the paper prints 4.0 M), and eight stacks
    of the hierarchical block at full width 47 M (the paper prints 25 M, as for the bottleneck)."""
    if row.parameters == "-":
        pytest.skip("the paper prints none")
    counted = tables.counted(row).parameters / MILLION
    known = {"Hierarchical, 192 channels": 3.64, "Hierarchical, 8x, real": 47.05}
    expected = known.get(row.label, float(row.parameters.rstrip("M")))
    assert counted == pytest.approx(expected, rel=0.05)
