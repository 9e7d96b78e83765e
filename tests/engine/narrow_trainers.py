# SPDX-License-Identifier: GPL-3.0-or-later
"""A narrow trainer of each family with players of its own, whose losses are the same on each of Keras' backends."""

import keras
import numpy as np
from adversarial_families import narrow_families
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.networks.autoencoder import Autoencoder
from understudy.engine.networks.registry import studio_family
from understudy.engine.training.opening import make_trainer
from understudy.engine.training.recipes import RECIPES

NAMES = ("anna", "bert")
BATCH = 2

FAMILIES = {
    "studio": studio_family(face_size=64, seen=32, first=16, width=2, code=16),
    **narrow_families(),
}


def narrow_trainer(name):
    """Return a trainer of a narrow network of a family; one that grows is at its largest size."""
    keras.utils.set_random_seed(2)
    settings = TrainSettings(family=name, growth_steps=1)
    trainer = make_trainer(Autoencoder(FAMILIES[name], NAMES), RECIPES[name], settings)
    trainer.steps = len(FAMILIES[name].sizes)
    return trainer


def noise(trainer):
    """Return inputs and targets of the trainer's next step."""
    random = np.random.default_rng(trainer.steps)
    family, size = trainer.network.family, trainer.picture_size
    side = max(size, family.seen)
    inputs = random.random((len(NAMES), BATCH, side, side, family.channels), np.float32)
    return inputs, random.random((len(NAMES), BATCH, size, size, 4 if family.has_mask else 3), np.float32)


def losses_of(trainer):
    """Return what every player's loss says of the first batch, without a step: nothing has to be compiled for it."""
    inputs, targets = noise(trainer)
    found = []
    for player in trainer.players:
        drawn = player.draws(trainer.steps, inputs.shape[:2]) if player.draws else {}
        batch = {"inputs": inputs, "targets": targets, **drawn}
        tensors = {name: keras.ops.convert_to_tensor(array) for name, array in batch.items()}
        total, said = player.loss(tensors)
        found.append({name: float(keras.ops.convert_to_numpy(value)) for name, value in said.items()})
        found[-1]["total"] = float(keras.ops.convert_to_numpy(total))
    return found
