# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a reconstruction is from its target: L1, structural dissimilarity and gradients.

All functions take two float32 tensors (n, S, S, 3) in 0…1 and a weight (S, S, 1) whose mean is 1, and return a scalar.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ..faces.geometry import CANONICAL_INNER

_C1 = 0.01**2
_C2 = 0.03**2

# Where the look and the speech of a face are, though they are few pixels: rows of the inner landmarks, the extra weight
# in the middle, and its spread in face squares. Decision 0012 has the gain.
_FEATURES = ((slice(19, 25), 3.0, 0.07), (slice(25, 31), 3.0, 0.07), (slice(31, 51), 1.5, 0.11))


def face_area(size: int, coverage: float) -> NDArray[np.float64]:
    """Return how far each pixel of an aligned face belongs to the face: a soft ellipse, float64 (S, S) in 0…1.

    Args:
        size: Side in pixels.
        coverage: Side in canonical face squares.
    """
    line = _line(size, coverage)
    # Half axes of a face with chin and forehead in face squares, measured on frontal and turned faces.
    radius = np.hypot(line[None, :] / 0.66, (line[:, None] + 0.02) / 0.78)
    return np.clip((1.15 - radius) / 0.3, 0.0, 1.0)


def _line(size: int, coverage: float) -> NDArray[np.float64]:
    return ((np.arange(size) + 0.5) / size - 0.5) * coverage


def face_weight(size: int, coverage: float, outside: float = 0.1) -> NDArray[np.float32]:
    """Return how much each pixel of an aligned face matters; float32 (S, S, 1), mean 1.

    A soft ellipse around the face, and more on its eyes and mouth.

    Args:
        size: Side in pixels.
        coverage: Side in canonical face squares.
        outside: Weight far from the face against 1 on it.
    """
    line = _line(size, coverage)
    weight = outside + (1.0 - outside) * face_area(size, coverage)
    for rows, extra, spread in _FEATURES:
        x, y = CANONICAL_INNER[rows].mean(axis=0)
        bump = np.exp(-((line[None, :] - x) ** 2 + (line[:, None] - y) ** 2) / (2.0 * spread**2))
        weight = weight * (1.0 + extra * bump)
    return (weight / weight.mean()).astype(np.float32)[..., None]


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
