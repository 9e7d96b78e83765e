# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of a training step: forward, loss, backward, optimizer, running average; compiled once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..networks.autoencoder import Autoencoder
from . import losses
from .face_weight import face_weight
from .recipes import Recipe

Arrays = dict[str, NDArray[np.generic]]


def _value(variable: keras.Variable | tf.Variable) -> NDArray[np.generic]:
    """Return a copy of a variable's value."""
    tensor = variable.value if isinstance(variable, keras.Variable) else variable
    return np.array(tensor.numpy())


class Trainer:
    """Weights, optimizers and running average of a network, and the steps that change them.

    Args:
        network: What is trained.
        recipe: Figures of the training.
        steps: Steps the weights have behind them.
    """

    def __init__(self, network: Autoencoder, recipe: Recipe, steps: int = 0) -> None:
        self.network = network
        self.recipe = recipe
        self.steps = steps
        self._weights = network.weights()
        self._averages = {
            name: tf.Variable(variable.value, trainable=False, name="average")
            for name, variable in self._weights.items()
            if recipe.average
        }
        self._groups = self._performer_groups()
        self._optimizers = [self._optimizer(group) for group in self._groups]
        face = face_weight(network.family.face_size, network.family.coverage)
        self._weight = tf.constant(face if recipe.is_face_weighted else np.ones_like(face))
        self._compiled = [tf.function(self._make_step(index), autograph=False) for index in range(len(self._groups))]

    def _performer_groups(self) -> list[tuple[str, ...]]:
        names = self.network.performers
        return [(name,) for name in names] if self.recipe.takes_turns else [names]

    def _variables(self, group: Sequence[str]) -> list[keras.Variable]:
        parts = ("encoder/", *(f"decoder:{name}/" for name in group))
        return [variable for name, variable in self._weights.items() if name.startswith(parts)]

    def _optimizer(self, group: Sequence[str]) -> keras.optimizers.Optimizer:
        recipe = self.recipe
        optimizer = keras.optimizers.Adam(
            recipe.learning_rate,
            beta_1=recipe.beta_1,
            beta_2=recipe.beta_2,
            global_clipnorm=recipe.largest_gradient or None,
        )
        optimizer.build(self._variables(group))
        return optimizer

    def _loss(self, prediction: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        recipe = self.recipe
        loss = recipe.absolute * losses.absolute_error(prediction, target, self._weight)
        if recipe.structural:
            loss += recipe.structural * losses.structural_dissimilarity(prediction, target, self._weight)
        if recipe.gradient:
            loss += recipe.gradient * losses.gradient_error(prediction, target, self._weight)
        return loss

    def _make_step(self, index: int):  # noqa: ANN202 - a closure for tf.function; its type is TensorFlow's own
        group, optimizer = self._groups[index], self._optimizers[index]
        variables = self._variables(group)

        def step(inputs: tf.Tensor, targets: tf.Tensor, keep: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                # One call of the encoder for all performers of the group: large batches use the processor better.
                code = self.network.encoder(tf.concat(tf.unstack(inputs), axis=0), training=True)
                parts = tf.split(code, len(group), axis=0)
                found = [
                    self._loss(self.network.decoders[name](part, training=True), target)
                    for name, part, target in zip(group, parts, tf.unstack(targets), strict=True)
                ]
                total = tf.add_n(found)
            optimizer.apply(tape.gradient(total, [variable.value for variable in variables]), variables)
            for name, average in self._averages.items():
                average.assign_add((1.0 - keep) * (self._weights[name].value - average))
            return tf.stack(found)

        return step

    @property
    def picture_size(self) -> int:
        """Side of the pictures that the next step trains."""
        return self.network.family.face_size

    def step(self, inputs: NDArray[np.float32], targets: NDArray[np.float32], learning_rate: float) -> dict[str, float]:
        """Do one step on every performer.

        Args:
            inputs: float32 (performers, batch, S, S, 3), what the encoder sees.
            targets: The same shape, what the decoders should return.
            learning_rate: Step size of the optimizers.

        Returns:
            Performer id -> loss before the step.
        """
        # A young average forgets faster, so that it isn't the random start for hundreds of steps.
        keep = tf.constant(min(self.recipe.average, (1.0 + self.steps) / (10.0 + self.steps)), tf.float32)
        found: dict[str, float] = {}
        for group, optimizer, compiled in zip(self._groups, self._optimizers, self._compiled, strict=True):
            rows = [self.network.performers.index(name) for name in group]
            optimizer.learning_rate.assign(learning_rate)
            values = compiled(tf.constant(inputs[rows]), tf.constant(targets[rows]), keep).numpy()
            found.update(zip(group, map(float, values), strict=True))
        self.steps += 1
        return found

    def is_healthy(self) -> bool:
        """Whether every weight is a finite number."""
        return all(bool(tf.reduce_all(tf.math.is_finite(variable.value))) for variable in self._weights.values())

    def reset_averages(self) -> None:
        """Let the running average begin at the weights as they are."""
        for name, average in self._averages.items():
            average.assign(self._weights[name].value)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the network use the running average inside the block; outside it is as before, bit for bit."""
        kept = {name: _value(self._weights[name]) for name in self._averages}
        for name, average in self._averages.items():
            self._weights[name].assign(average)
        try:
            yield
        finally:
            for name, value in kept.items():
                self._weights[name].assign(value)

    def inference_weights(self) -> Arrays:
        """Return the weights that the swap uses: the running average where there is one."""
        source = self._averages or self._weights
        return {name: _value(variable) for name, variable in source.items()}

    def state(self) -> Arrays:
        """Return everything that the next step depends on, by name."""
        arrays: Arrays = {f"weights/{name}": _value(variable) for name, variable in self._weights.items()}
        arrays |= {f"average/{name}": _value(variable) for name, variable in self._averages.items()}
        for number, optimizer in enumerate(self._optimizers):
            for index, variable in enumerate(optimizer.variables):
                arrays[f"optimizer/{number}/{index:03d}"] = _value(variable)
        arrays["steps"] = np.asarray(self.steps, np.int64)
        return arrays

    def restore(self, arrays: Arrays) -> None:
        """Take over a state that `state` returned.

        Raises:
            KeyError: An array is missing.
            ValueError: An array has another shape.
        """
        for name, variable in self._weights.items():
            variable.assign(arrays[f"weights/{name}"])
        for name, variable in self._averages.items():
            variable.assign(arrays[f"average/{name}"])
        for number, optimizer in enumerate(self._optimizers):
            for index, variable in enumerate(optimizer.variables):
                variable.assign(arrays[f"optimizer/{number}/{index:03d}"])
        self.steps = int(arrays["steps"])
