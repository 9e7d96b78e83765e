# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a reconstruction is from its target: L1, structural dissimilarity and gradients.

All functions take two float32 tensors (n, S, S, 3) in 0…1 and a weight (S, S, 1) whose mean is 1, and return a scalar.
"""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from .exact_products import exact_product
from .recipes import Recipe

_C1 = 0.01**2
_C2 = 0.03**2
# The window of the measure that models go by (`held_out`), cut off where it is below half a percent of its peak.
_SIGMA = 1.5
_REACH = 5


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
    error, by_plane = _planes(prediction - target), weight[..., 0]
    height, width = error.shape[2:]
    across = ops.abs(exact_product(error, _differences(width))) * by_plane[:, 1:]
    down = ops.abs(exact_product(_differences(height).T, error)) * by_plane[1:]
    return ops.mean(across) + ops.mean(down)


def structural_dissimilarity(
    prediction: keras.KerasTensor, target: keras.KerasTensor, weight: keras.KerasTensor
) -> keras.KerasTensor:
    """Return (1 - SSIM)/2 with a Gaussian window of σ 1.5 (Wang et al. 2004, eq. 13), weighted at its centers."""
    p, t = _planes(prediction), _planes(target)
    height, width = p.shape[2:]
    stack = ops.concatenate([p, t, p * p + t * t, p * t], axis=1)
    stack = exact_product(_window(height).T, exact_product(stack, _window(width)))
    mean_p, mean_t, squares, product = ops.split(stack, 4, axis=1)
    means, square_means = mean_p * mean_t, mean_p * mean_p + mean_t * mean_t
    similarity = (2 * means + _C1) * (2 * (product - means) + _C2)
    similarity = similarity / ((square_means + _C1) * (squares - square_means + _C2))
    inner = weight[_REACH:-_REACH, _REACH:-_REACH, 0]
    return ops.mean((1.0 - similarity) * 0.5 * inner)


# Windows and differences are products with banded matrices. The gradient of a pooled window or of a slice costs more
# than all convolutions of a small network together; that of a product is another product.


def _planes(pictures: keras.KerasTensor) -> keras.KerasTensor:
    """Return pictures as (n, 3, S, S): a matrix for each channel."""
    return ops.transpose(pictures, (0, 3, 1, 2))


@cache
def _differences(size: int) -> NDArray[np.float32]:
    """Return the (size, size - 1) matrix that takes each column from the next one."""
    return (np.eye(size, size - 1, -1) - np.eye(size, size - 1)).astype(np.float32)


@cache
def _window(size: int) -> NDArray[np.float32]:
    """Return the (size, size - 2·reach) matrix that averages around each column that is not at the edge."""
    offset = np.arange(size)[:, None] - np.arange(_REACH, size - _REACH)
    values = np.where(np.abs(offset) <= _REACH, np.exp(-(offset**2) / (2.0 * _SIGMA**2)), 0.0)
    return (values / values.sum(axis=0)).astype(np.float32)
