"""MediaPipe's whole programs, its detectors and all, on pictures without a box; run by the interpreter of its own
environment (`peer_setup.setup`), with no part of this project:

    PEERS/mediapipe/bin/python benchmarks/mediapipe_programs.py (pose | face) COMPLEXITY pictures.npz points.npz

pictures.npz: one uint8 [H, W, 3] RGB array a picture. points.npz: "points" [N, K, 2], pixels, K = 33 or 468; NaN where
nothing was found.
"""

import sys

import mediapipe
import numpy as np


def main(kind, complexity, source, target):
    solutions = mediapipe.solutions
    if kind == "pose":
        count = 33
        program = solutions.pose.Pose(static_image_mode=True, model_complexity=int(complexity))
    else:
        count = 468
        program = solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1)
    found = []
    with np.load(source) as pictures, program:
        for name in sorted(pictures.files, key=int):
            landmarks = _landmarks(program.process(np.ascontiguousarray(pictures[name])), kind)
            size = np.array(pictures[name].shape[1::-1])
            found.append(size * [(p.x, p.y) for p in landmarks] if landmarks else np.full((count, 2), np.nan))
    np.savez(target, points=np.stack(found))


def _landmarks(result, kind):
    """Of the one subject that was found; None."""
    if kind == "pose":
        return result.pose_landmarks and result.pose_landmarks.landmark
    return result.multi_face_landmarks and result.multi_face_landmarks[0].landmark


if __name__ == "__main__":
    main(*sys.argv[1:])
