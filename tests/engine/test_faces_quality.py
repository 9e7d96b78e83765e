# SPDX-License-Identifier: GPL-3.0-or-later
"""Sharpness and exposure of a face: motion, few pixels, darkness and a bright background each do what they should."""

import cv2
import numpy as np
import pytest
from extract_material import frame
from understudy.engine.faces.geometry import CANONICAL_INNER
from understudy.engine.faces.quality import measure_quality


def landmarks_at(center, size):
    """Return upright landmarks of a face: its middle and the side of its face square in pixels."""
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[17:] = CANONICAL_INNER * size + center
    return landmarks


@pytest.mark.parametrize("kernel", [np.full((1, 9), 1 / 9), np.full((9, 1), 1 / 9)], ids=["across", "down"])
def test_motion_blur_in_any_direction_lowers_sharpness(kernel):
    face = frame("target_A", 10)
    landmarks = landmarks_at((255, 250), 150)
    moved = cv2.filter2D(face, -1, kernel)
    assert measure_quality(moved, landmarks).sharpness < 0.6 * measure_quality(face, landmarks).sharpness


def test_a_face_of_few_pixels_is_not_called_sharp_and_a_dark_one_not_blurred():
    face = frame("target_A", 10)
    landmarks = landmarks_at((255, 250), 150)
    figures = measure_quality(face, landmarks)
    small = cv2.resize(face, (102, 102), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(small, (512, 512), interpolation=cv2.INTER_CUBIC)
    assert measure_quality(enlarged, landmarks).sharpness < 0.6 * figures.sharpness
    dark = measure_quality((face * 0.3).astype(np.uint8), landmarks)
    assert dark.sharpness == pytest.approx(figures.sharpness, rel=0.25)
    assert dark.exposure == pytest.approx(0.3 * figures.exposure, rel=0.05)


def test_exposure_is_that_of_the_face_and_not_of_the_light_behind_it():
    picture = np.full((300, 300, 3), 250, np.uint8)
    cv2.ellipse(picture, (150, 150), (62, 75), 0, 0, 360, (40, 40, 40), -1)
    assert measure_quality(picture, landmarks_at((150, 150), 120)).exposure == pytest.approx(40 / 255, abs=0.02)
