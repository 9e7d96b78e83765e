# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a reconstruction is from its target: L1, structural dissimilarity and gradients.

All functions take two float32 tensors (n, S, S, 3) in 0…1 and a weight (S, S, 1) whose mean is 1, and return a scalar.
"""

from __future__ import annotations

import keras
from keras import ops

from .recipes import Recipe

_C1 = 0.01**2
_C2 = 0.03**2


def reconstruction(
    prediction: keras.KerasTensor, target: keras.KerasTensor, weight: keras.KerasTensor, recipe: Recipe
) -> keras.KerasTensor:
    """Return the recipe's sum of errors."""
    loss = recipe.absolute * absolute_error(prediction, target, weight)
    if recipe.structural:
        loss = loss + recipe.structural * structural_dissimilarity(prediction, target, weight)
    if recipe.gradient:
        loss = loss + recipe.gradient * gradient_error(prediction, target, weight)
    return loss


def absolute_error(
    prediction: keras.KerasTensor, target: keras.KerasTensor, weight: keras.KerasTensor
) -> keras.KerasTensor:
    """Return the weighted mean absolute error (L1)."""
    return ops.mean(ops.abs(prediction - target) * weight)


def gradient_error(
    prediction: keras.KerasTensor, target: keras.KerasTensor, weight: keras.KerasTensor
) -> keras.KerasTensor:
    """Return the weighted mean absolute error of the differences between neighboring pixels."""
    error = prediction - target
    across = ops.abs(error[:, :, 1:] - error[:, :, :-1]) * weight[:, 1:]
    down = ops.abs(error[:, 1:] - error[:, :-1]) * weight[1:]
    return ops.mean(across) + ops.mean(down)


def structural_dissimilarity(
    prediction: keras.KerasTensor, target: keras.KerasTensor, weight: keras.KerasTensor, window: int = 7
) -> keras.KerasTensor:
    """Return (1 - SSIM)/2 with a flat window (Wang et al. 2004, eq. 13), weighted at the windows' centers."""
    stack = ops.concatenate(
        [prediction, target, prediction * prediction, target * target, prediction * target], axis=-1
    )
    stack = ops.average_pool(stack, window, strides=1, padding="valid")
    mean_p, mean_t, square_p, square_t, product = ops.split(stack, 5, axis=-1)
    variances = square_p + square_t - mean_p * mean_p - mean_t * mean_t
    covariance = product - mean_p * mean_t
    similarity = (2 * mean_p * mean_t + _C1) * (2 * covariance + _C2)
    similarity = similarity / ((mean_p * mean_p + mean_t * mean_t + _C1) * (variances + _C2))
    margin = window // 2
    return ops.mean((1.0 - similarity) * 0.5 * weight[margin:-margin, margin:-margin])
