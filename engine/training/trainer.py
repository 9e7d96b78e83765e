# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights of a network in training and the steps that change them: players in turn, then the running average."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from ..networks.autoencoder import Autoencoder
from .backend_steps import backend_steps
from .player import Player, reconstruction_players
from .recipes import Recipe

Arrays = dict[str, NDArray[np.generic]]


def _value(variable: keras.Variable) -> NDArray[np.generic]:
    """Return a copy of a variable's value; whole numbers as int64, because backends disagree about their width."""
    value = np.array(keras.ops.convert_to_numpy(variable.value))
    return value.astype(np.int64) if value.dtype == np.int32 else value


class Trainer:
    """Weights, optimizers and running average of a network, and the steps that change them.

    Args:
        network: What is trained.
        recipe: Figures of the training.
        steps: Steps the weights have behind them.
        players: Who learns in a step, in this order; by default those who rebuild the performers' faces.
    """

    def __init__(
        self, network: Autoencoder, recipe: Recipe, steps: int = 0, players: Sequence[Player] | None = None
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.steps = steps
        self.players = tuple(reconstruction_players(network, recipe) if players is None else players)
        own = network.weights()
        self._weights = dict(own)
        self._state: dict[str, keras.Variable] = {}
        for player in self.players:
            self._weights |= player.variables
            self._state |= player.state
        # What only helps to train, a discriminator for instance, has no average: the swap doesn't use it.
        self._averages = {
            name: keras.Variable(_value(variable), trainable=False, name="average")
            for name, variable in own.items()
            if recipe.average
        }
        averages = [(self._weights[name], average) for name, average in self._averages.items()]
        everything = [*self._weights.values(), *self._state.values()]
        compile_update = backend_steps().compile_update
        self._updates = [
            compile_update(player, everything, averages if player is self.players[-1] else [])
            for player in self.players
        ]

    @property
    def picture_size(self) -> int:
        """Side of the pictures that the next step trains."""
        return self.network.family.face_size

    def step(self, inputs: NDArray[np.float32], targets: NDArray[np.float32], learning_rate: float) -> dict[str, float]:
        """Let every player do one step.

        Args:
            inputs: float32 (performers, batch, S, S, 3), what the encoder sees.
            targets: The same shape, what the decoders should return.
            learning_rate: Step size of the optimizers.

        Returns:
            Losses before the step by name; those of the reconstruction are named by performer.

        Raises:
            MemoryError: The memory of the device is too small for the batch.
        """
        # A young average forgets faster, so that it isn't the random start for hundreds of steps.
        keep = min(self.recipe.average, (1.0 + self.steps) / (10.0 + self.steps))
        batch = {"inputs": inputs, "targets": targets}
        found: dict[str, float] = {}
        for player, update in zip(self.players, self._updates, strict=True):
            player.optimizer.learning_rate.assign(learning_rate * player.pace)
            drawn = player.draws(self.steps, inputs.shape[:2]) if player.draws else {}
            found.update(update({**batch, **drawn}, keep))
        self.steps += 1
        return found

    def is_healthy(self) -> bool:
        """Whether every weight is a finite number."""
        ops = keras.ops
        return all(bool(ops.all(ops.isfinite(variable.value))) for variable in self._weights.values())

    def reset_averages(self) -> None:
        """Let the running average begin at the weights as they are."""
        for name, average in self._averages.items():
            average.assign(self._weights[name].value)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the network use the running average inside the block; outside it is as before, bit for bit."""
        # JAX's values never change, and spread over machines they can't be put back from one machine's copy.
        keep = (lambda variable: variable.value) if keras.backend.backend() == "jax" else _value
        kept = {name: keep(self._weights[name]) for name in self._averages}
        for name, average in self._averages.items():
            self._weights[name].assign(average.value)
        try:
            yield
        finally:
            for name, value in kept.items():
                self._weights[name].assign(value)

    def inference_weights(self) -> Arrays:
        """Return the weights that the swap uses: the running average where there is one."""
        source = self._averages or self.network.weights()
        return {name: _value(variable) for name, variable in source.items()}

    def _named(self) -> Iterator[tuple[str, keras.Variable]]:
        """Name everything that the next step depends on, but for the number of steps; the same on every backend."""
        own = self.network.weights()
        # Apart from the network's own, so that the swap reads no discriminators.
        helpers = {name: variable for name, variable in self._weights.items() if name not in own}
        kinds = {"weights": own, "training": helpers, "average": self._averages, "state": self._state}
        for kind, variables in kinds.items():
            yield from ((f"{kind}/{name}", variable) for name, variable in variables.items())
        for number, player in enumerate(self.players):
            for index, variable in enumerate(player.optimizer.variables):
                yield f"optimizer/{number}/{index:03d}", variable

    def state(self) -> Arrays:
        """Return everything that the next step depends on, by name."""
        arrays: Arrays = {name: _value(variable) for name, variable in self._named()}
        arrays["steps"] = np.asarray(self.steps, np.int64)
        return arrays

    def restore(self, arrays: Arrays) -> None:
        """Take over a state that `state` returned, on this or another backend.

        Raises:
            KeyError: An array is missing.
            ValueError: An array has another shape.
        """
        for name, variable in self._named():
            variable.assign(arrays[name])
        self.steps = int(arrays["steps"])
