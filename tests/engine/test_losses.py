# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors a network learns from, against their formulas written out."""

import numpy as np
import pytest
import tensorflow as tf
from understudy.engine.training.held_out import similarity_map
from understudy.engine.training.losses import gradient_error, structural_dissimilarity

SIZE = 24


@pytest.fixture
def pictures():
    random = np.random.default_rng(4)
    target = random.random((2, SIZE, SIZE, 3), np.float32)
    prediction = np.clip(target + random.normal(0.0, 0.1, target.shape), 0.0, 1.0).astype(np.float32)
    weight = random.random((SIZE, SIZE, 1), np.float32)
    return prediction, target, weight / weight.mean()


def test_gradient_error_compares_neighbors(pictures):
    prediction, target, weight = pictures
    error = prediction - target
    across = np.abs(np.diff(error, axis=2)) * weight[:, 1:]
    down = np.abs(np.diff(error, axis=1)) * weight[1:]
    assert float(gradient_error(*pictures)) == pytest.approx(float(across.mean() + down.mean()), rel=1e-5)


def test_structural_dissimilarity_is_the_measure_that_models_go_by(pictures):
    prediction, target, weight = pictures
    inner = slice(5, -5)
    maps = np.stack([similarity_map(a, b) for a, b in zip(prediction, target, strict=True)])
    expected = np.mean((1.0 - maps[:, inner, inner]) * 0.5 * weight[inner, inner, 0])
    assert float(structural_dissimilarity(*pictures)) == pytest.approx(float(expected), abs=2e-3)


def test_errors_vanish_on_the_way_to_the_target_and_their_gradient_leads_there(pictures):
    prediction, target, weight = pictures
    assert float(structural_dissimilarity(target, target, weight)) == pytest.approx(0.0, abs=1e-6)
    for error in (structural_dissimilarity, gradient_error):
        with tf.GradientTape() as tape:
            place = tf.constant(prediction)
            tape.watch(place)
            before = error(place, target, weight)
        slope = tape.gradient(before, place)
        assert float(tf.reduce_sum(slope * (target - prediction))) < 0.0
        assert float(error(prediction + 0.5 * (target - prediction), target, weight)) < float(before)
