"""Shares of what is far off, by what is known of the images: counted by hand on small evaluations."""

import types

import numpy as np
import pytest

from bnn_landmarks.evaluation import failures
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import Spec

POSE = SCHEMES["mpii16"]


def example(points, visible=2, yaw=np.nan):
    points = np.asarray(points, np.float32)
    return types.SimpleNamespace(points=points, visible=np.full(len(points), visible), yaw=yaw)


def by_name(evaluation):
    return {(row["what"].split(" ")[0], row["where"]): row for row in failures.shares(evaluation)}


def body(turn=0):
    """A frontal, standing person of 100 pixels, turned by so many degrees."""
    points = np.zeros((16, 2))
    for joint, height in zip(
        ("ankle", "knee", "hip", "shoulder", "elbow", "wrist"), (100, 75, 50, 20, 35, 50), strict=True
    ):
        for side, x in (("r", -10), ("l", 10)):
            points[POSE.names.index(f"{side}_{joint}")] = (
                x * (2 if joint in ("elbow", "wrist") else 1),
                height,
            )
    points[[6, 7, 8, 9]] = [[0, 50], [0, 20], [0, 12], [0, 0]]
    angle = np.radians(turn)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + 200


def bodies(truth, points, head=10.0):
    errors = np.linalg.norm(points - np.stack([e.points for e in truth]), axis=-1) / head
    errors[np.stack([e.visible for e in truth]) == 0] = np.nan
    return types.SimpleNamespace(
        spec=Spec("pose"), truth=truth, predictions=points, errors={"PCKh@0.5": errors}, rows=[]
    )


def test_people_by_attitude_joints_by_kind_and_sides_exchanged():
    truth = [example(body(turn)) for turn in (0, 10, 90, 180)]
    points = np.stack([e.points for e in truth]).astype(float)
    points[3] += 100  # all joints of the one upside down are lost
    wrists = [POSE.names.index("r_wrist"), POSE.names.index("l_wrist")]
    points[0, wrists] = points[0, wrists[::-1]]
    found = by_name(bodies(truth, points))
    assert (found["people", "all"]["share"], found["people", "all"]["count"]) == (25, 4)
    assert (found["people", "upright"]["share"], found["people", "upright"]["count"]) == (0, 2)
    assert found["people", "leaning or lying"]["count"] == 1
    assert (found["people", "upside down"]["share"], found["people", "upside down"]["count"]) == (100, 1)
    # wrists: 2 of 8 by the exchange (40 pixels, over one head), 2 by the lost person
    wrist = next(r for r in failures.shares(bodies(truth, points)) if r["where"] == "wrist")
    assert (wrist["share"], wrist["count"]) == (50, 8) and "one head" in wrist["what"]
    exchanged = next(r for r in failures.shares(bodies(truth, points)) if "counterpart" in r["what"])
    assert exchanged["count"] == 4 * 12 and exchanged["share"] == pytest.approx(100 * 2 / 48, abs=0.05)


def test_hidden_joints_are_told_from_visible_ones_and_missing_ones_do_not_count():
    truth = [example(body())]
    truth[0].visible[[0, 5]] = 1  # the ankles
    truth[0].visible[[1, 4]] = 0  # the knees
    points = body()[None].astype(float)
    points[0, 0] += 50
    found = by_name(bodies(truth, points))
    assert (found["joints", "hidden"]["share"], found["joints", "hidden"]["count"]) == (50, 2)
    assert (found["joints", "visible"]["share"], found["joints", "visible"]["count"]) == (0, 12)
    assert ("joints", "knee") not in found


def test_faces_by_yaw_and_points_by_region():
    names = SCHEMES["ibug68"].names
    truth = [example(np.zeros((68, 2)), yaw=yaw) for yaw in (5, 30, 80, 85)]
    errors = np.full((4, 68), 0.02)
    errors[3] = 0.09
    errors[2, :17] = 0.2
    spec = Spec("face", scheme="ibug68")
    found = by_name(types.SimpleNamespace(spec=spec, truth=truth, errors={"NME": errors}, rows=[]))
    assert found["images", "yaw [0,30]"] == found["images", "yaw [0,30]"] | {"share": 0, "count": 2}
    assert (found["images", "yaw [60,90]"]["share"], found["images", "yaw [60,90]"]["count"]) == (50, 2)
    assert ("images", "yaw [30,60]") not in found
    assert (found["points", "jaw"]["share"], found["points", "jaw"]["count"]) == (25, 17 * 4)
    assert found["points", "mouth"]["share"] == 0
    assert len(names) == sum(found["points", region]["count"] for region, *_ in failures.IBUG_REGIONS) / 4


def test_regions_of_other_schemes_come_from_their_names():
    regions = failures._regions(list(SCHEMES["aflw21"].names))
    assert list(regions) == ["brow", "eye", "ear", "nose", "mouth", "chin"]
    assert regions["ear"] == [12, 16]


def test_parts_with_a_low_mean_iu():
    spec = Spec("parts", task="parts", scheme="parts7")
    truth = [example(np.zeros((0, 2)), yaw=yaw) for yaw in (np.nan, np.nan)]
    rows = [{"error": 0.2}, {"error": 0.6}]
    found = failures.shares(types.SimpleNamespace(spec=spec, truth=truth, errors={}, rows=rows))
    assert [(row["where"], row["share"], row["count"]) for row in found] == [("all", 50, 2)]
