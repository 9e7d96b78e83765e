# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands before a face of the demo's clip: found where they are drawn, nowhere else, and drawn as large as they are."""

import numpy as np
import pytest
from drawn_hands import hand_points, with_hand
from extract_material import frames
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.faces import models
from understudy.engine.faces.hand_shape import draw_hands
from understudy.engine.faces.hands import Hand, HandFinder
from understudy.engine.faces.landmarks import make_landmark_fitter

BREADTH = 70.0
STILL = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@pytest.fixture(scope="module")
def scenes():
    """Some frames and the landmarks of their face."""
    fitter, found = make_landmark_fitter("mesh"), []
    for image in list(frames("target_A", 0, 41))[::20]:
        found.append((image, fitter.fit(image, np.array([150.0, 100.0, 350.0, 330.0]))[0]))
    return found


@pytest.mark.parametrize("angle", [-0.3, 0.0, 0.4])
def test_a_hand_is_found_where_it_is(scenes, angle):
    for image, landmarks in scenes:
        x, y = landmarks.mean(axis=0)
        points = hand_points((x - 40 - 90 * angle, y + 130), BREADTH, angle)
        picture, alpha = with_hand(image, points)
        (hand,) = HandFinder().find(picture, landmarks)
        assert hand.certainty > 0.9
        assert np.linalg.norm(hand.points - points, axis=1).mean() < 0.15 * BREADTH
        # What is drawn of the arm ends sooner than the arm.
        upper = slice(0, int(points[0, 1]))
        drawn = draw_hands([hand], STILL, 512)[upper]
        assert np.minimum(drawn, alpha[upper]).sum() > 0.7 * np.maximum(drawn, alpha[upper]).sum()


def test_a_face_without_a_hand_has_none(scenes):
    for image, landmarks in scenes:
        assert HandFinder().find(image, landmarks) == []


def test_deep_pictures_are_looked_at_too(scenes):
    image, landmarks = scenes[0]
    points = hand_points(tuple(landmarks.mean(axis=0) + (-40, 130)), BREADTH)
    picture, _ = with_hand(image, points)
    (shallow,) = HandFinder().find(picture, landmarks)
    (deep,) = HandFinder().find(picture.astype(np.uint16) * 257, landmarks)
    assert np.array_equal(shallow.points, deep.points)


def test_a_hand_lies_on_the_raster_of_any_alignment():
    hand = Hand(hand_points((260.0, 300.0), 60.0), 1.0)
    whole = draw_hands([hand], STILL, 512)
    half = draw_hands([hand], np.array([[0.5, 0.0, -0.25], [0.0, 0.5, -0.25]]), 256)
    assert np.abs(whole.reshape(256, 2, 256, 2).mean(axis=(1, 3)) - half).mean() < 0.002
    assert whole.max() == 1.0 and whole[:60].max() == 0.0


def test_hands_far_outside_and_in_one_point_draw_nothing_or_little():
    far = Hand(hand_points((1e7, -1e7), 60.0), 1.0)
    point = Hand(np.full((21, 2), 30.0), 1.0)
    assert draw_hands([far], STILL, 64).max() == 0.0
    assert draw_hands([point], STILL, 64).sum() < 30
    assert draw_hands([], STILL, 64).max() == 0.0


def test_missing_models_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(models.sys, "prefix", str(tmp_path))
    models.load_network.cache_clear()
    with pytest.raises(EngineError) as caught:
        HandFinder()
    models.load_network.cache_clear()
    assert caught.value.code == ErrorCode.DETECTOR_UNAVAILABLE
    assert "palm_detection_full.tflite" in caught.value.message and caught.value.hint
