# SPDX-License-Identifier: GPL-3.0-or-later
"""How a network with a mask and growing pictures learns: the loss at the batch's size, and the way from size to size.

The size of the batch's targets says which pictures are compared. Smaller pictures are taken out of the same network, so
there is one set of weights, one optimizer and one checkpoint from the first size to the last.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ..networks import studio
from ..networks.autoencoder import Autoencoder
from ..networks.registry import FAMILIES
from . import losses
from .checkpoint import ModelDocument, read_arrays
from .face_weight import face_weight
from .growth import Growth, plan_growth, resume_growth
from .mask_loss import mask_error
from .player import Batch, Extra, Losses, Pictures, Player, adam
from .recipes import Recipe
from .trainer import Arrays, Trainer


class Rebuilding:
    """Sends a batch through the network at whatever size its targets have.

    Args:
        network: A network of a family that grows.
    """

    def __init__(self, network: Autoencoder) -> None:
        self._network = network
        self._core = studio.core_of(network.encoder)
        self._decoders = {
            size: {name: studio.decoder_at(model, size) for name, model in network.decoders.items()}
            for size in network.family.sizes
        }

    def __call__(self, batch: Batch) -> dict[str, keras.KerasTensor]:
        """Return every performer's pictures at the size of the batch's targets."""
        inputs, size = batch["inputs"], batch["targets"].shape[2]
        performers, seen = self._network.performers, self._network.family.seen
        faces = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        if faces.shape[1] > seen:
            factor = faces.shape[1] // seen
            # Keras on JAX fails where the strides are left to it.
            faces = ops.average_pool(faces, factor, strides=factor)
        # One call of the encoder for the whole cast: large batches use the processor better.
        codes = ops.split(self._core(faces, training=True), len(performers), axis=0)
        return {
            name: self._decoders[size][name](code, training=True) for name, code in zip(performers, codes, strict=True)
        }


def rebuilding_player(
    network: Autoencoder, recipe: Recipe, rebuild: Callable[[Batch], Pictures], extra: Extra | None = None
) -> Player:
    """Return the player that learns to rebuild the whole cast, pictures and masks.

    Args:
        network: A network of a family that grows.
        recipe: Figures of the loss and the optimizer.
        rebuild: Makes the pictures of a batch.
        extra: Something to lower beside the error, or None.
    """
    # The shares of the sizes are set by the schedule.
    variables = {name: variable for name, variable in network.weights().items() if variable.trainable}
    weights = {}
    for size in network.family.sizes:
        face = face_weight(size, network.family.coverage, eyes_and_mouth=recipe.eyes_and_mouth)
        # Made here and not in the loss: TensorFlow would fold it with other constants, and round differently.
        weights[size] = ops.convert_to_tensor(face if recipe.is_face_weighted else np.ones_like(face))

    def loss(batch: Batch) -> Losses:
        pictures, targets = rebuild(batch), batch["targets"]
        weight = weights[targets.shape[2]]
        found = {}
        for row, name in enumerate(network.performers):
            made, wanted = pictures[name], targets[row]
            error = losses.reconstruction(made[..., :3], wanted[..., :3], weight, recipe)
            found[name] = error + recipe.mask * mask_error(made[..., 3:], wanted[..., 3:])
        total = sum(list(found.values())[1:], found[network.performers[0]])
        return (total if extra is None else total + extra(batch, pictures)), found

    return Player("cast", variables, adam(recipe, variables), loss)


class GrowingTrainer(Trainer):
    """A trainer that goes on to larger pictures by a schedule, and keeps the schedule with the weights.

    Args:
        network: A network of a family that grows.
        recipe: Figures of the training.
        growth: When which size begins.
        players: Who learns in a step; by default one for the whole cast.
    """

    def __init__(
        self, network: Autoencoder, recipe: Recipe, growth: Growth, players: tuple[Player, ...] | None = None
    ) -> None:
        self.growth = growth
        # The running average begins as a copy of the weights: the shares have to be there.
        set_shares(network, growth, 0)
        own = (rebuilding_player(network, recipe, Rebuilding(network)),) if players is None else players
        super().__init__(network, recipe, players=own)

    @property
    def picture_size(self) -> int:
        """Side of the pictures that the next step trains."""
        return self.growth.size_at(self.steps)

    def step(self, inputs: NDArray[np.float32], targets: NDArray[np.float32], learning_rate: float) -> dict[str, float]:
        """Do the next step with the sizes faded in as far as the schedule says; see `Trainer.step`."""
        set_shares(self.network, self.growth, self.steps)
        return super().step(inputs, targets, learning_rate)

    def state(self) -> Arrays:
        """Return everything that the next step depends on, by name; the schedule included."""
        return super().state() | self.growth.state()

    def restore(self, arrays: Arrays) -> None:
        """Take over a state that `state` returned; see `Trainer.restore`."""
        super().restore(arrays)
        self.growth = resume_growth(self.growth, arrays, self.steps)


def learned_size(folder: Path, document: ModelDocument) -> int:
    """Return the side of the largest pictures that a model has learned, of a family that grows.

    Raises:
        EngineError: `model_unreadable`, when its checkpoint can't be read.
    """
    sizes = FAMILIES[document.family].sizes
    planned = plan_growth(sizes, 1, 1.0)
    arrays = read_arrays(folder, document.checkpoint, "growth/")
    growth = resume_growth(planned, {f"growth/{name}": value for name, value in arrays.items()}, document.step)
    return growth.size_at(max(0, document.step - 1))


def set_shares(network: Autoencoder, growth: Growth, step: int) -> None:
    """Set how far each size is faded in at a step."""
    if network.trunk is None:
        return
    for size, share in growth.shares_at(step).items():
        network.trunk.fades[size].share.assign([share])
