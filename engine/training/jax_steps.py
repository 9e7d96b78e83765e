# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps and forward passes on JAX: pure functions of all state, compiled by XLA."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from .player import Player

Faces = NDArray[np.float32]
Values = list[Any]


def _values(variables: Sequence[keras.Variable]) -> Values:
    return [variable.value for variable in variables]


def _here(variables: Sequence[keras.Variable]) -> Values:
    """Return the values as they lie on this process's first device, also when they are spread over others."""
    return [variable.value.addressable_data(0) for variable in variables]


def _spread() -> tuple[Any, Any] | None:
    """Return the layouts of weights and of batches when several devices compute, else None."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return None
    mesh, spec = distribution.device_mesh.backend_mesh, jax.sharding.PartitionSpec
    # A batch's arrays are (performers, batch, …); every device gets some faces of each performer.
    return jax.sharding.NamedSharding(mesh, spec()), jax.sharding.NamedSharding(mesh, spec(None, "batch"))


def _assign(variables: Sequence[keras.Variable], values: Values) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def compile_update(
    player: Player,
    everything: Sequence[keras.Variable],
    averages: Sequence[tuple[keras.Variable, keras.Variable]],
) -> Callable[[Mapping[str, Faces], float], dict[str, float]]:
    """Return a function that does one step of a player; see `backend_steps.BackendSteps`."""
    learning = list(player.variables.values())
    own = {id(variable) for variable in learning}
    others = [variable for variable in everything if id(variable) not in own]
    changing = list(player.state.values())
    running = [average for _weight, average in averages]
    optimizer = player.optimizer
    names: list[str] = []

    def loss(values: Values, fixed: Values, batch: Mapping[str, Any]) -> tuple[Any, tuple[Any, Values]]:
        mapping = [*zip(learning, values, strict=True), *zip(others, fixed, strict=True)]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            total, found = player.loss(batch)
        names[:] = found
        # A variable that the loss left alone has no new value.
        known = dict(zip(map(id, others), fixed, strict=True))
        state = [new if (new := scope.get_current_value(item)) is not None else known[id(item)] for item in changing]
        return total, (jnp.stack(list(found.values())), state)

    def update(
        values: Values, fixed: Values, memory: Values, means: Values, batch: Mapping[str, Any], keep: Any
    ) -> tuple[Any, Values, Values, Values, Values]:
        (_total, (found, state)), gradients = jax.value_and_grad(loss, has_aux=True)(values, fixed, batch)
        values, memory = optimizer.stateless_apply(memory, gradients, values)
        after = dict(zip(map(id, others), fixed, strict=True)) | dict(zip(map(id, learning), values, strict=True))
        means = [
            mean + (1.0 - keep) * (after[id(weight)] - mean)
            for (weight, _average), mean in zip(averages, means, strict=True)
        ]
        return found, list(values), list(memory), state, means

    # The old values aren't given away to be overwritten: after a failure for want of memory they must still be there.
    spread = _spread()
    compiled = jax.jit(update) if spread is None else jax.jit(update, out_shardings=spread[0])

    def step(batch: Mapping[str, Faces], keep: float) -> dict[str, float]:
        with _memory_errors():
            arguments = (_values(learning), _values(others), _values(optimizer.variables), _values(running))
            tensors = dict(batch)
            if spread is not None:
                tensors = {key: jax.make_array_from_process_local_data(spread[1], own) for key, own in batch.items()}
            found, values, memory, state, means = compiled(*arguments, tensors, np.float32(keep))
            losses = np.asarray(found)
        for variables, new in ((learning, values), (optimizer.variables, memory), (changing, state), (running, means)):
            _assign(variables, new)
        return dict(zip(names, map(float, losses), strict=True))

    return step


def compile_forward(models: Sequence[keras.Model], shape: tuple[int, ...]) -> Callable[[Faces], Faces]:
    """Return a function that sends arrays of one shape through models; see `backend_steps.BackendSteps`."""

    def forward(states: list[tuple[Values, Values]], x: Any) -> Any:
        for model, (trained, others) in zip(models, states, strict=True):
            x, _state = model.stateless_call(trained, others, x, training=False)
        return x

    compiled = jax.jit(forward)

    def run(faces: Faces) -> Faces:
        states = [(_here(model.trainable_variables), _here(model.non_trainable_variables)) for model in models]
        return np.asarray(compiled(states, faces))

    return run


@contextmanager
def _memory_errors() -> Iterator[None]:
    """Turn XLA's error for a full memory into MemoryError."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            raise MemoryError(str(error).partition("\n")[0]) from error
        raise
