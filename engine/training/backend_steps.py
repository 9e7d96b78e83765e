# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of Keras' backends: who takes the gradients of a player's loss and compiles the network's forward pass.

Each backend's module has the same two functions (`BackendSteps`). Only the one of the backend in use is imported.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

import keras
import numpy as np
from numpy.typing import NDArray

from .player import Player

Faces = NDArray[np.float32]
# Batch by name, and how much of the running average is kept -> losses by name.
Update = Callable[[Mapping[str, Faces], float], dict[str, float]]

_MODULES = {"tensorflow": "tensorflow_steps", "torch": "torch_steps", "jax": "jax_steps"}


class BackendSteps(Protocol):
    """What each backend's module offers."""

    def compile_update(
        self,
        player: Player,
        everything: Sequence[keras.Variable],
        averages: Sequence[tuple[keras.Variable, keras.Variable]],
    ) -> Update:
        """Return a function that does one step of a player.

        Args:
            player: Who learns.
            everything: All weights and states that any loss may read, the player's own among them.
            averages: Weights and their running averages, which follow after the step.

        Returns:
            Function of a batch and the share of the averages that is kept; it returns the losses before the step and
            raises MemoryError when the memory of the device is too small.
        """
        ...

    def compile_forward(self, models: Sequence[keras.Model], shape: tuple[int, ...]) -> Callable[[Faces], Faces]:
        """Return a function that sends arrays of one shape through models, one after the other, as they are then."""
        ...


def backend_steps() -> BackendSteps:
    """Return the functions of the backend that Keras uses in this process."""
    module = importlib.import_module(f".{_MODULES[keras.backend.backend()]}", __package__)
    return cast(BackendSteps, module)
