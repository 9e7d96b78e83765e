# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny trainings that run the same on each of Keras' backends: alone, and with a judge as one more player."""

import dataclasses

import keras
import numpy as np
from understudy.engine.contract.sketch import SKETCH_CHANNELS
from understudy.engine.networks.autoencoder import Autoencoder
from understudy.engine.networks.registry import quick_family
from understudy.engine.training.player import Player, adam, reconstruction_players
from understudy.engine.training.recipes import RECIPES
from understudy.engine.training.trainer import Trainer

NAMES = ("anna", "bert")
SIZE = 32
STEPS = 20


def make_trainer(kind):
    """Return a trainer of a tiny network; its first weights are the same for the same backend."""
    keras.utils.set_random_seed(1)
    network = Autoencoder(quick_family(face_size=SIZE, width=4, code=16), NAMES)
    recipe = RECIPES["quick"]
    players = judged_players(network, recipe) if kind == "judge" else None
    return Trainer(network, recipe, players=players)


def judged_players(network, recipe):
    """Return the usual player with one more aim, to please a judge, and the judge, who learns to tell faces apart."""
    (maker,) = reconstruction_players(network, recipe)
    judge = keras.Sequential([keras.Input((SIZE, SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    weights = {f"judge/{i:02d}.{variable.name}": variable for i, variable in enumerate(judge.trainable_variables)}
    calls = keras.Variable(0, dtype="int32", trainable=False, name="calls")

    def made(batch):
        return network.decoders["anna"](network.encoder(batch["inputs"][0]))

    def please(batch):
        total, found = maker.loss(batch)
        pleased = keras.ops.mean((judge(made(batch)) - 1.0) ** 2)
        return total + 0.1 * pleased, {**found, "pleased": pleased}

    def tell_apart(batch):
        calls.assign(calls + 1)
        real = keras.ops.mean((judge(batch["targets"][0]) - 1.0) ** 2)
        return real + keras.ops.mean(judge(made(batch)) ** 2), {"judge": real}

    return (
        dataclasses.replace(maker, loss=please),
        Player("judge", weights, adam(recipe, weights), tell_apart, {"judge/calls": calls}),
    )


def batch_of(step):
    """Return inputs and targets of a step: soft blobs, so that there is something to learn."""
    random = np.random.default_rng(step)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / SIZE
    centers = random.random((2, len(NAMES), 4, 1, 1), np.float32)
    blob = np.exp(-((rows - centers[0]) ** 2 + (columns - centers[1]) ** 2) * 20.0)
    targets = np.stack([blob, blob * 0.5, 1.0 - blob], axis=-1).astype(np.float32)
    inputs = np.clip(targets + 0.05 * random.standard_normal(targets.shape, np.float32), 0.0, 1.0)
    sketches = random.random((*inputs.shape[:-1], SKETCH_CHANNELS), np.float32)
    return np.concatenate([inputs, sketches], axis=-1), targets


def learn(trainer, steps=STEPS):
    """Do steps and return the losses of each."""
    return [trainer.step(*batch_of(trainer.steps), 1e-3) for _ in range(steps)]
