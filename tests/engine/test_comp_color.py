# SPDX-License-Identifier: GPL-3.0-or-later
"""Color transfer and blending in aligned space."""

import cv2
import numpy as np
import pytest
from comp_faces import painted_picture
from understudy.engine.comp.blend import poisson_face, sharpen_face
from understudy.engine.comp.color_match import ColorSolution, apply_color, reach_of, solve_color, steady_solution

METHODS = ("mean", "histogram", "lab")
SIZE = 64
WEIGHT = np.zeros((SIZE, SIZE), np.float32)
WEIGHT[8:-8, 8:-8] = 1.0


def picture(seed: int) -> np.ndarray:
    return painted_picture(SIZE, SIZE, seed).astype(np.float32) / 255.0 * 0.5 + 0.2


def matched(method: str, face: np.ndarray, plate: np.ndarray) -> np.ndarray:
    return apply_color(method, face, solve_color(method, face, plate, WEIGHT))


@pytest.mark.parametrize("method", METHODS)
def test_the_face_takes_the_plates_statistics_inside_the_mask(method):
    face, plate = picture(1), np.clip(picture(2) * [1.1, 0.8, 0.7], 0, 1).astype(np.float32)
    plate_outside = plate.copy()
    plate_outside[:8] = 0.0
    result = matched(method, face, plate_outside)
    inside = WEIGHT > 0.5
    assert result.dtype == np.float32 and result.min() >= 0 and result.max() <= 1
    assert np.allclose(result[inside].mean(0), plate[inside].mean(0), atol=0.02)
    if method == "histogram":
        levels = (0.1, 0.5, 0.9)
        assert np.allclose(np.quantile(result[inside], levels, 0), np.quantile(plate[inside], levels, 0), atol=0.01)
    if method == "lab":
        spread = [cv2.cvtColor(p, cv2.COLOR_RGB2Lab)[inside].std(0)[:2] for p in (result, plate)]
        assert np.allclose(*spread, rtol=0.15)


@pytest.mark.parametrize("method", METHODS)
def test_equal_pictures_stay_as_they_are(method):
    assert np.allclose(matched(method, picture(1), picture(1)), picture(1), atol=2e-3)


def test_none_and_empty_masks_change_nothing():
    face = picture(1)
    assert solve_color("none", face, picture(2), WEIGHT) is None
    assert apply_color("none", face, None) is face
    assert solve_color("lab", face, picture(2), WEIGHT * 0) is None
    assert apply_color("lab", face, None) is face


def test_extreme_spreads_are_limited():
    flat = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    flat[::2] += 0.004
    result = matched("lab", flat, picture(2))
    assert np.abs(np.diff(result[10:50, 20], axis=0)).max() < 0.02


@pytest.mark.parametrize("method", METHODS)
def test_a_steady_solution_flickers_less_and_does_not_lag(method):
    rng = np.random.default_rng(0)
    light = np.linspace(0.0, 0.15, 40)
    faces, plates = [], []
    for level in light:
        faces.append(np.clip(picture(1) + level + rng.normal(0, 0.02, 3), 0, 1).astype(np.float32))
        plates.append(np.clip(picture(2) + level + rng.normal(0, 0.02, 3), 0, 1).astype(np.float32))
    solutions = {i: solve_color(method, f, p, WEIGHT) for i, (f, p) in enumerate(zip(faces, plates, strict=True))}

    def means(steadiness):
        results = [apply_color(method, face, steady_solution(solutions, i, steadiness)) for i, face in enumerate(faces)]
        return np.array([result[WEIGHT > 0.5].mean(axis=0) for result in results])

    alone, steady = means(0.0), means(0.9)
    flicker = [np.abs(np.diff(values, 2, axis=0)).mean() for values in (alone, steady)]
    assert flicker[1] < 0.25 * flicker[0]
    # The light climbs by 0.15; a filter that lags by 5 frames would be 0.02 behind in the middle.
    assert np.abs((steady - alone)[12:-12].mean(axis=0)).max() < 0.008


def test_steadiness_zero_solves_every_frame_alone_and_far_frames_never_count():
    solutions = {i: ColorSolution(np.zeros(3), np.full(3, float(i))) for i in (0, 1, 2, 50)}
    assert steady_solution(solutions, 1, 0.0).wanted[0] == 1.0
    assert steady_solution(solutions, 50, 0.999).wanted[0] == 50.0
    assert steady_solution(solutions, 7, 0.9) is None
    assert reach_of(0.0) == 0 and reach_of(0.5) == 2 and reach_of(0.9) == 12 and reach_of(0.999) == 12


def test_poisson_takes_the_plates_colors_along_the_edge_and_keeps_the_drawing():
    plate = np.clip(picture(2) * [0.7, 0.9, 1.1], 0, 1).astype(np.float32)
    drawing = np.zeros_like(plate)
    drawing[28:36, 28:36] = 0.1
    face = np.clip(plate + drawing + [0.15, 0.1, -0.1], 0, 1).astype(np.float32)
    result = poisson_face(face, plate, WEIGHT)
    edge = np.abs(result - plate)[9, 12:-12]
    assert edge.mean() < 0.03 < np.abs(face - plate)[9, 12:-12].mean()
    inner = result[31, 31] - plate[31, 31]
    assert np.allclose(inner, 0.1, atol=0.03)


def test_poisson_of_the_plate_itself_is_the_plate():
    plate = picture(4)
    for matte in (WEIGHT, np.roll(WEIGHT, (5, -3), axis=(0, 1)), np.ones_like(WEIGHT)):
        assert np.abs(poisson_face(plate, plate, matte) - plate).max() < 0.02


@pytest.mark.parametrize("side", [64, 300])
def test_poisson_never_throws(side):
    face = np.resize(picture(1), (side, side, 3))
    for matte in (np.zeros((side, side)), np.eye(side), np.ones((side, side))):
        assert poisson_face(face, face[::-1].copy(), matte.astype(np.float32)).shape == face.shape


def test_sharpening_adds_contrast_and_zero_is_off():
    face = picture(1)
    assert sharpen_face(face, 0.0) is face
    assert np.abs(np.diff(sharpen_face(face, 2.0), axis=0)).mean() > np.abs(np.diff(face, axis=0)).mean()
