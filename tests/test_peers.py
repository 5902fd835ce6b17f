"""benchmarks/peers.py: every row of the table, ours where there is a record from an exported file, and no more."""

import importlib.util
import pathlib

import pytest

SCRIPT = pathlib.Path(__file__).parents[1] / "benchmarks" / "peers.py"


@pytest.fixture(scope="module")
def peers():
    spec = importlib.util.spec_from_file_location("peers", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(value, low, high, **facts):
    fields = {
        "model": "pose",
        "data": "mpii",
        "split": "val",
        "images": 132,
        "flip": False,
        "ran": {"bytes": 940_000, "sha256": "0"},
        "spec": {"scheme": "mpii16"},
        "metrics": {"PCKh@0.5": {"limbs": {"value": value, "low": low, "high": high, "count": 1}}},
        "date": "2030-01-01 10:00 UTC",
        "commit": "abc",
    }
    return {**fields, **facts}


def rows(page):
    return [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line[:1] == "|"
    ][2:]


def test_without_records_every_row_says_so_beside_the_peer_and_the_aim(peers):
    found = rows(peers.render([]))
    assert len(found) == 6
    assert all(row[8] == "not measured yet" for row in found)
    assert found[0][3:6] == ["MediaPipe BlazePose Full", "6.4 MB", "58.30"]
    assert found[2][5] == "7.85 [3.61 / 6.63 / 13.32]"
    assert found[4][3:6] == ["-", "-", "-"]
    assert [row[9] for row in found] == ["70", "60", "3.8", "2.4", "3.5", "68"]


def test_a_record_fills_its_row_with_interval_bytes_and_which_side_it_is_on(peers):
    page = peers.render([record(61.0, 59.0, 63.0)])
    first, second, *_ = rows(page)
    assert first[6:9] == [
        "pose (132 images)",
        "0.94 MB",
        "**61.00** (59.00 to 63.00), better than the peer, worse than the aim",
    ]
    assert second[8] == "not measured yet"
    assert "2030-01-01 10:00 UTC, commit abc" in page


def test_several_networks_get_a_line_each_best_first(peers):
    found = rows(peers.render([record(50.0, 49.0, 51.0), record(60.0, 57.0, 71.0, model="pose_256")]))
    assert [row[6] for row in found[:2]] == ["pose_256 (132 images)", "pose (132 images)"]
    assert found[0][8].endswith("level with the peer, level with the aim")
    assert found[1][8].endswith("worse than the peer, worse than the aim")
    assert len(found) == 7


def test_of_errors_less_is_better_and_bins_are_shown(peers):
    bins = {"[0,30]": 3.0, "[30,60]": 4.0, "[60,90]": 8.0, "mean of bins": 5.0}
    groups = {name: {"value": value, "low": value - 1, "high": value + 1} for name, value in bins.items()}
    face = {"data": "aflw2000", "split": "val_68", "spec": {"scheme": "ibug68"}, "metrics": {"NME": groups}}
    found = rows(peers.render([record(0, 0, 0, **face)]))
    assert found[2][8] == (
        "**5.00 [3.00 / 4.00 / 8.00]** (4.00 to 6.00), better than the peer, worse than the aim"
    )


@pytest.mark.parametrize(
    "facts", [{"ran": None}, {"split": "train"}, {"spec": {"scheme": "lsp14"}}, {"metrics": {"NME": {}}}]
)
def test_other_records_fill_no_row(peers, facts):
    assert "not measured yet" in rows(peers.render([record(61.0, 59.0, 63.0, **facts)]))[0]
