# SPDX-License-Identifier: GPL-3.0-or-later
"""A player of a training step: weights that learn together, their optimizer and the loss that they lower.

A step lets its players move one after the other. The ancestor's turns for A and B are two players, our `quick` is one;
a discriminator is one more, whose loss looks at what the others made. Losses are written with `keras.ops`, so that they
run on each of Keras' backends, and say nothing of gradients: `backend_steps` takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
from numpy.typing import NDArray

from ..networks.autoencoder import Autoencoder
from . import losses
from .face_weight import face_weight
from .recipes import Recipe

# Tensors of a batch by name; "inputs" and "targets" are float32 (performers, batch, S, S, 3).
Batch = Mapping[str, keras.KerasTensor]
Losses = tuple[keras.KerasTensor, dict[str, keras.KerasTensor]]
# Performer -> what was made of their faces, float32 (batch, s, s, c), the mask as a fourth channel where there is one.
Pictures = Mapping[str, keras.KerasTensor]
# Batch, its pictures -> what to add to the loss.
Extra = Callable[[Batch, Pictures], keras.KerasTensor]


@dataclass(frozen=True)
class Player:
    """Weights that learn together.

    Attributes:
        name: Name of the player, unique in a step.
        variables: What it trains, by names that are the same in every process; the order is the optimizer's.
        optimizer: Its own optimizer, built on these variables.
        loss: Batch -> the scalar it lowers, and scalars by name to report. It may read the weights of other players,
            which stay as they are.
        state: What its loss changes without gradients, for instance seeds and running figures; saved like weights.
        draws: Number of the step, and performers and faces of each -> random arrays by name that its batch gets, their
            first two axes those; for losses that need chance. They depend on the step's number alone, so that resuming
            needs no random state.
        pace: What the step's learning rate is multiplied with for this player.
    """

    name: str
    variables: Mapping[str, keras.Variable]
    optimizer: keras.optimizers.Optimizer
    loss: Callable[[Batch], Losses]
    state: Mapping[str, keras.Variable] = field(default_factory=dict)
    draws: Callable[[int, tuple[int, int]], Mapping[str, NDArray[np.float32]]] | None = None
    pace: float = 1.0


def adam(recipe: Recipe, variables: Mapping[str, keras.Variable]) -> keras.optimizers.Optimizer:
    """Return the recipe's optimizer, built on these variables."""
    optimizer = keras.optimizers.Adam(
        recipe.learning_rate,
        beta_1=recipe.beta_1,
        beta_2=recipe.beta_2,
        global_clipnorm=recipe.largest_gradient or None,
    )
    optimizer.build(list(variables.values()))
    return optimizer


def reconstruction_players(network: Autoencoder, recipe: Recipe) -> tuple[Player, ...]:
    """Return the players that learn to rebuild every performer: one for each in turn, or one for all together."""
    names = network.performers
    groups = [(name,) for name in names] if recipe.takes_turns else [names]
    return tuple(reconstruction_player(network, recipe, group) for group in groups)


def reconstruction_player(
    network: Autoencoder, recipe: Recipe, group: Sequence[str], extra: Extra | None = None
) -> Player:
    """Return the player that learns to rebuild some performers together.

    Args:
        network: A network whose pictures have one size.
        recipe: Figures of the loss and the optimizer.
        group: The performers.
        extra: Something to lower beside the error, or None.
    """
    parts = ("encoder/", *(f"decoder:{name}/" for name in group))
    variables = {name: variable for name, variable in network.weights().items() if name.startswith(parts)}
    rows = [network.performers.index(name) for name in group]
    size = network.family.face_size
    face = face_weight(size, network.family.coverage, eyes_and_mouth=recipe.eyes_and_mouth)
    # Made here and not in the loss: TensorFlow would fold it with other constants, and round differently.
    weight = keras.ops.convert_to_tensor(face if recipe.is_face_weighted else np.ones_like(face))

    def loss(batch: Batch) -> Losses:
        ops = keras.ops
        # One call of the encoder for all performers of the group: large batches use the processor better. Taken
        # apart and joined in this way, TensorFlow sums in the order of the models that were trained before.
        faces, targets = ops.unstack(batch["inputs"]), ops.unstack(batch["targets"])
        code = network.encoder(ops.concatenate([faces[row] for row in rows]), training=True)
        pictures, found = {}, {}
        for name, row, part in zip(group, rows, ops.split(code, len(group), axis=0), strict=True):
            pictures[name] = network.decoders[name](part, training=True)
            found[name] = losses.reconstruction(pictures[name], targets[row], weight, recipe)
        total, *others = found.values()
        for other in others:
            total = total + other
        return (total if extra is None else total + extra(batch, pictures)), found

    return Player(" and ".join(group), variables, adam(recipe, variables), loss)
