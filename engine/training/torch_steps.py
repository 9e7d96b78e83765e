# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps and forward passes on PyTorch: run as they are written, gradients from autograd."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import keras
import numpy as np
import torch
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

    def step(batch: Mapping[str, Faces], keep: float) -> dict[str, float]:
        with _memory_errors():
            # Keras puts tensors on its device.
            tensors = {name: keras.ops.convert_to_tensor(array) for name, array in batch.items()}
            total, found = player.loss(tensors)
            # A loss that leaves weights out, because their size isn't reached yet, doesn't move them.
            values = [variable.value for variable in variables]
            gradients = torch.autograd.grad(total, values, allow_unused=True, materialize_grads=True)
            with torch.no_grad():
                player.optimizer.apply(list(gradients), variables)
                for weight, average in averages:
                    average.value.add_((1.0 - keep) * (weight.value - average.value))
            reported = torch.stack([loss.detach() for loss in found.values()]).tolist()
        return dict(zip(found, reported, strict=True))

    return step


def compile_forward(models: Sequence[keras.Model], shape: tuple[int, ...]) -> Callable[[Faces], Faces]:
    """Return a function that sends arrays of one shape through models; see `backend_steps.BackendSteps`."""

    def forward(faces: Faces) -> Faces:
        with torch.no_grad():
            x = keras.ops.convert_to_tensor(faces)
            for model in models:
                x = model(x, training=False)
            return x.cpu().numpy()

    return forward


@contextmanager
def _memory_errors() -> Iterator[None]:
    """Turn PyTorch's errors for a full memory into MemoryError; its CPU and MPS allocators raise plain ones."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in text or "out of memory" in text:
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            raise MemoryError(text.partition("\n")[0]) from error
        raise
