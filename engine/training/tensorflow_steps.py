# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps and forward passes on TensorFlow: functions compiled once, gradients from a tape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from .player import Player

Faces = NDArray[np.float32]


def compile_update(
    player: Player,
    everything: Sequence[keras.Variable],
    averages: Sequence[tuple[keras.Variable, keras.Variable]],
) -> Callable[[Mapping[str, Faces], float], dict[str, float]]:
    """Return a function that does one step of a player; see `backend_steps.BackendSteps`."""
    variables = list(player.variables.values())
    names: list[str] = []

    def update(batch: Mapping[str, tf.Tensor], keep: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            total, found = player.loss(batch)
        # A loss that leaves weights out, because their size isn't reached yet, doesn't move them.
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(total, [variable.value for variable in variables], unconnected_gradients=zero)
        player.optimizer.apply(gradients, variables)
        for weight, average in averages:
            average.value.assign_add((1.0 - keep) * (weight.value - average.value))
        names[:] = found
        return tf.stack(list(found.values()))

    compiled = tf.function(update, autograph=False)

    def step(batch: Mapping[str, Faces], keep: float) -> dict[str, float]:
        tensors = {name: tf.constant(array) for name, array in batch.items()}
        try:
            values = compiled(tensors, tf.constant(keep, tf.float32)).numpy()
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(error.message) from error
        return dict(zip(names, map(float, values), strict=True))

    return step


def compile_forward(models: Sequence[keras.Model], shape: tuple[int, ...]) -> Callable[[Faces], Faces]:
    """Return a function that sends arrays of one shape through models; see `backend_steps.BackendSteps`."""

    def forward(x: tf.Tensor) -> tf.Tensor:
        for model in models:
            x = model(x, training=False)
        return x

    compiled = tf.function(forward, input_signature=(tf.TensorSpec(shape, tf.float32),), autograph=False)
    return lambda faces: compiled(tf.constant(faces)).numpy()
