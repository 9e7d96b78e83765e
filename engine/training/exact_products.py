# SPDX-License-Identifier: GPL-3.0-or-later
"""Matrix products in all of float32's digits, also on cards that round the factors to eleven bits (TensorFloat-32).

A variance is a small difference of large products: rounded like that, the structural dissimilarity of smooth pictures
is mostly noise, and its gradients drive a network into a corner within thirty steps. What networks multiply bears it.
"""

from __future__ import annotations

import keras
from keras import ops


def exact_product(first: keras.KerasTensor, second: keras.KerasTensor) -> keras.KerasTensor:
    """Return the matrix product of two float32 tensors; their gradients are products of the same kind."""
    if keras.backend.backend() == "jax":
        import jax.numpy as jnp

        return jnp.matmul(first, second, precision="highest")
    # TensorFlow and PyTorch know this for the process only: `device.prepare_tensorflow`, `torch_device.prepare_torch`.
    return ops.matmul(first, second)
