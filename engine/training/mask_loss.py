# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a learned mask is from its target."""

from __future__ import annotations

import keras
from keras import ops

# Keeps logarithms finite where the network is sure.
_SMALLEST = 1e-4


def mask_error(prediction: keras.KerasTensor, target: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean cross-entropy of two masks beyond what the target's own soft edge makes inevitable.

    Args:
        prediction: float32 (n, S, S, 1) in 0…1.
        target: The same shape.

    Returns:
        A scalar, 0 where they are the same.
    """
    return ops.mean(_entropy(target, prediction) - _entropy(target, target))


def _entropy(target: keras.KerasTensor, likely: keras.KerasTensor) -> keras.KerasTensor:
    likely = ops.clip(likely, _SMALLEST, 1.0 - _SMALLEST)
    return -target * ops.log(likely) - (1.0 - target) * ops.log(1.0 - likely)
