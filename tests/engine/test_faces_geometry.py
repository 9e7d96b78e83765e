# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical face, similarities and aligned faces are exact to a fraction of a pixel."""

import cv2
import numpy as np
import pytest
from skimage.transform import SimilarityTransform
from understudy.engine.contract.errors import EngineError
from understudy.engine.faces.alignment import align_face, canonical_landmarks, face_matrix
from understudy.engine.faces.geometry import (
    CANONICAL_HEAD,
    CANONICAL_INNER,
    box_overlap,
    compose,
    fit_similarities,
    fit_similarity,
    invert_similarity,
    scale_of,
    transform_points,
)


def _similarity(angle_deg: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.radians(angle_deg)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, shift])


def _landmarks(matrix: np.ndarray) -> np.ndarray:
    landmarks = np.zeros((68, 2))
    landmarks[17:] = transform_points(matrix, CANONICAL_INNER)
    return landmarks


def test_canonical_face_fills_one_face_square_and_is_symmetric():
    low, high = CANONICAL_INNER.min(axis=0), CANONICAL_INNER.max(axis=0)
    assert (high - low).max() == pytest.approx(1.0)
    assert np.allclose(low + high, 0)
    mirrored = CANONICAL_HEAD * [-1, 1, 1]
    distances = np.linalg.norm(CANONICAL_HEAD[:, None] - mirrored[None], axis=2)
    assert distances.min(axis=1).max() < 1e-9
    # Brows above the eyes above the mouth, the subject's right eye on the left of the screen.
    assert CANONICAL_INNER[2, 1] < CANONICAL_INNER[20, 1] < CANONICAL_INNER[34, 1]
    assert CANONICAL_INNER[19, 0] < 0 < CANONICAL_INNER[28, 0]


@pytest.mark.parametrize(("angle", "scale"), [(0, 1), (33.3, 0.37), (-170, 4.2)])
def test_fit_finds_the_similarity_and_its_inverse_undoes_it(angle, scale):
    matrix = _similarity(angle, scale, (12.25, -7.125))
    moved = transform_points(matrix, CANONICAL_INNER)
    assert np.allclose(fit_similarity(CANONICAL_INNER, moved), matrix, atol=1e-9)
    assert np.allclose(transform_points(invert_similarity(matrix), moved), CANONICAL_INNER, atol=1e-12)
    assert np.allclose(compose(invert_similarity(matrix), matrix), [[1, 0, 0], [0, 1, 0]], atol=1e-12)
    assert scale_of(matrix) == pytest.approx(scale)


def test_points_in_one_place_are_refused():
    with pytest.raises(EngineError):
        fit_similarity(np.ones((51, 2)), CANONICAL_INNER)
    with pytest.raises(EngineError):
        invert_similarity(np.zeros((2, 3)))


@pytest.mark.parametrize(("size", "coverage"), [(64, 1.0), (256, 2.0), (129, 1.6)])
def test_face_matrix_brings_landmarks_to_their_canonical_places(size, coverage):
    landmarks = _landmarks(_similarity(11, 240, (640.3, 355.8)))
    matrix = face_matrix(landmarks, size, coverage)
    assert np.allclose(transform_points(matrix, landmarks[17:]), canonical_landmarks(size, coverage), atol=1e-9)
    # The crop is `coverage` face squares wide from edge to edge, edges half a pixel outside of the outer centers.
    edge = transform_points(invert_similarity(matrix), [[-0.5, -0.5], [size - 0.5, -0.5]])
    assert np.linalg.norm(edge[1] - edge[0]) == pytest.approx(240 * coverage)


def test_moving_a_landmark_by_a_twentieth_of_a_pixel_moves_the_alignment():
    landmarks = _landmarks(_similarity(0, 150, (200.0, 200.0)))
    moved = face_matrix(landmarks + (0.05, 0.0), 256, 2.0)
    still = face_matrix(landmarks, 256, 2.0)
    assert still[0, 2] - moved[0, 2] == pytest.approx(0.05 * 256 / 300, abs=1e-9)


def test_align_and_back_returns_the_picture_within_interpolation_error():
    y, x = np.mgrid[0:240, 0:320].astype(np.float32)
    image = np.stack([np.sin(x / 19), np.cos(y / 23), np.sin((x + y) / 31)], axis=-1) * 0.5 + 0.5
    matrix = face_matrix(_landmarks(_similarity(23, 90, (161.4, 118.7))), 300, 1.5)
    face = align_face(image, matrix, 300)
    back = cv2.warpAffine(face, invert_similarity(matrix), (320, 240), flags=cv2.INTER_CUBIC)
    inside = (slice(95, 140), slice(135, 185))
    assert np.abs(back[inside] - image[inside]).max() < 2e-3


@pytest.mark.parametrize("scale", [0.5, 0.31, 0.1])
def test_shrinking_keeps_positions_and_does_not_skip_pixels(scale):
    y, x = np.mgrid[0:900, 0:900].astype(np.float32)
    blob = np.exp(-((x - 400.5) ** 2 + (y - 500.25) ** 2) / (2 * 40**2)).astype(np.float32)
    size = 64
    matrix = _similarity(0, scale, (31.5 - 400 * scale, 31.5 - 500 * scale))
    face = align_face(blob, matrix, size)
    rows, columns = np.mgrid[0:size, 0:size]
    center = [(columns * face).sum() / face.sum(), (rows * face).sum() / face.sum()]
    expected = transform_points(matrix, [[400.5, 500.25]])[0]
    assert np.allclose(center, expected, atol=0.05 if scale < 0.4 else 0.3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_align_keeps_dtype_and_repeats_the_edge(dtype):
    image = np.full((40, 40, 3), 200, dtype=dtype)
    face = align_face(image, _similarity(0, 1.0, (-30, -30)), 32)
    assert face.dtype == dtype
    assert (face == 200).all()


def test_box_overlap():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], float)
    overlap = box_overlap(boxes, boxes)
    assert np.allclose(np.diag(overlap), 1)
    assert overlap[0, 1] == pytest.approx(1 / 3)
    assert overlap[0, 2] == 0


def test_several_similarities_are_those_fitted_one_by_one():
    random = np.random.default_rng(1)
    sources, target = random.normal(size=(3, 25, 2)), random.normal(size=(25, 2))
    a, b = fit_similarities(sources @ [1, 1j], target @ [1, 1j])
    for source, turn, shift in zip(sources, a, b, strict=True):
        expected = SimilarityTransform.from_estimate(source, target).params[:2]
        assert np.allclose(fit_similarity(source, target), expected)
        assert np.allclose([turn.real, turn.imag, shift.real, shift.imag], [*expected[:, 0], *expected[:, 2]])
