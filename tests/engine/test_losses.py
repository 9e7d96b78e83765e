# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors a network learns from, against their formulas written out."""

import keras
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


def test_equal_pictures_have_no_error_and_a_gradient_leads_there(pictures):
    _prediction, target, weight = pictures
    assert float(structural_dissimilarity(target, target, weight)) == pytest.approx(0.0, abs=1e-6)
    variable = keras.Variable(np.clip(target + 0.05, 0.0, 1.0))
    with tf.GradientTape() as tape:
        before = structural_dissimilarity(variable.value, target, weight) + gradient_error(
            variable.value, target, weight
        )
    step = tape.gradient(before, variable.value)
    moved = variable.value - 0.5 * step / keras.ops.sqrt(keras.ops.sum(step * step))
    assert float(structural_dissimilarity(moved, target, weight) + gradient_error(moved, target, weight)) < float(
        before
    )
