# SPDX-License-Identifier: GPL-3.0-or-later
"""Real fits on real pictures: a still face stops trembling, a fast turn keeps its course."""

from functools import cache

import numpy as np
import pytest
from extract_material import frame, frames
from performers import known_landmarks
from understudy.engine.faces.alignment import face_matrix
from understudy.engine.faces.detection import make_detector
from understudy.engine.faces.geometry import eye_distance, invert_similarity, transform_points
from understudy.engine.faces.landmarks import make_landmark_fitter
from understudy.engine.faces.smoothing import steady_landmarks

CORNERS = np.array([[0.0, 0], [255, 0], [255, 255], [0, 255]])


def _follow(images) -> np.ndarray:
    """Return the raw landmarks of a face followed through pictures."""
    fitter = make_landmark_fitter("mesh")
    found = []
    for image in images:
        if not found:
            face = make_detector("blazeface", 0.5, 24).detect(image)[0]
            found.append(fitter.fit(image, face.box, face.roll_deg)[0])
        else:
            found.append(fitter.follow(image, found[-1])[0])
    return np.array(found)


def _trembling(landmarks) -> float:
    """Return how much the corners of the aligned face tremble in the picture, in eye distances."""
    matrices = [invert_similarity(face_matrix(item, 256, 2.0)) for item in landmarks]
    corners = np.array([transform_points(matrix, CORNERS) for matrix in matrices])
    second = np.diff(corners, n=2, axis=0)
    return float(np.sqrt((second**2).mean() / 6)) / np.mean([eye_distance(item) for item in landmarks])


def _noisy(clip: str, number: int, grain: float, seed: int, count: int) -> list[np.ndarray]:
    """Return one frame of a clip again and again, each time with other noise."""
    random = np.random.default_rng(seed)
    picture = frame(clip, number).astype(np.float32)
    return [np.clip(picture + random.normal(0, grain, picture.shape), 0, 255).astype(np.uint8) for _ in range(count)]


# With the seed 7 the first fits of train_B were far from where the next frames' settled.
@pytest.mark.parametrize(
    ("clip", "number", "grain", "seed", "count"),
    [("target_A", 10, 2, 1, 70), ("train_A", 40, 3, 1, 70), ("train_B", 75, 3, 1, 70), ("train_B", 75, 3, 7, 40)],
)
def test_the_alignment_of_a_still_face_trembles_by_at_least_70_percent_less(clip, number, grain, seed, count):
    raw = _follow(_noisy(clip, number, grain, seed, count))
    before, after = _trembling(raw), _trembling(steady_landmarks(raw))
    assert before > 0.001, "there has to be something to steady"
    assert after <= 0.3 * before


@pytest.mark.parametrize("seed", [1, 7])
def test_a_fit_has_settled_before_it_is_followed(seed):
    image = _noisy("train_B", 75, 3, seed, 1)[0]
    fitter, face = make_landmark_fitter("mesh"), make_detector("blazeface", 0.5, 24).detect(image)[0]
    first, _ = fitter.fit(image, face.box, face.roll_deg)
    moved = np.linalg.norm(fitter.follow(image, first)[0] - first, axis=1)[17:].mean()
    assert moved < 0.02 * eye_distance(first)


@cache
def _clip(name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    return _follow(frames(name, 0, count)), known_landmarks(name)[:count]


@pytest.mark.parametrize(("clip", "count"), [("target_A", 72), ("train_A", 90), ("train_B", 90)])
def test_steadying_makes_no_error_larger_where_the_head_turns_fast(clip, count):
    raw, truth = _clip(clip, count)
    steadied = steady_landmarks(raw)
    eyes = np.array([eye_distance(item) for item in truth])
    speed = np.append(0, np.linalg.norm(np.diff(truth[:, 17:].mean(axis=1), axis=0), axis=1)) / eyes
    is_fast = speed > np.quantile(speed, 0.8)
    before, after = (
        (np.linalg.norm(found - truth, axis=2)[:, 17:].mean(axis=1) / eyes)[is_fast].mean() for found in (raw, steadied)
    )
    assert after <= before
    # A lag of one frame would shift the face by all of its step against the movement.
    steps = np.diff(truth[:, 17:].mean(axis=1), axis=0, prepend=truth[:1, 17:].mean(axis=1))[is_fast]
    shift = (steadied - raw)[is_fast, 17:].mean(axis=1)
    assert abs((shift * steps).sum() / (steps**2).sum()) < 0.1
