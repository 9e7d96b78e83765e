# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the decoders that a whole cast shares: blocks that double the resolution, level by level.

What is a performer's own stands between the blocks. So a decoder is a chain of own and shared layers, and the shared
ones exist once, whatever the number of performers. Own layers are named `own_<number>_…` in the order of the levels:
a network that grew by a level has all earlier names, and the level's after them.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from ..contract.sketch import SKETCH_CHANNELS
from .blocks import HE, enlarge_by_two, leaky, residual

_OWN = "own_"


class Fade(keras.layers.Layer):
    """Scales its input by a share that the training's schedule sets: how far a level has been faded in, 0…1.

    The share is a weight, so that checkpoints, snapshots and the best weights carry it, but no optimizer changes it.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the share; a network that isn't grown step by step has all of every level."""
        del input_shape
        self.share = self.add_weight(shape=(1,), initializer="ones", trainable=False, name="share")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return x, scaled."""
        return x * keras.ops.cast(self.share, x.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of `call`'s result."""
        return input_shape


class Modulation(keras.layers.Layer):
    """A gain and an offset for each channel, a performer's own (FiLM, Perez et al. 2018, eq. 2, without a network)."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make gains of one and offsets of zero."""
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")
        self.offset = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="offset")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return x with every channel scaled and shifted."""
        return x * keras.ops.cast(self.gain, x.dtype) + keras.ops.cast(self.offset, x.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of `call`'s result."""
        return input_shape


class Trunk:
    """The shared blocks.

    Args:
        side: Height and width of what comes in.
        channels: Channels of what comes in, then of each level; a level has twice the side of the one before.
        first: Side of the first level with a picture; later ones are faded in.
        seen: Side of the face's sketch; finer levels don't look at it.
        policy: Dtype policy.

    Attributes:
        sides: Side of each level.
        enlarge: Side -> model that doubles the resolution to that level.
        look: Side -> model from the sketch to what it tells that level.
        refine: Side -> model that works at that level, after the performer's own modulation.
        fades: Side -> how far the level's picture has been faded in, for the levels after `first`.
    """

    def __init__(self, side: int, channels: Sequence[int], first: int, seen: int, policy: str) -> None:
        self.sides = tuple(side << number for number in range(1, len(channels)))
        self.enlarge: dict[int, keras.Model] = {}
        self.look: dict[int, keras.Model] = {}
        self.refine: dict[int, keras.Model] = {}
        self.fades: dict[int, Fade] = {}
        for below, count, level in zip(channels, channels[1:], self.sides, strict=False):
            x = keras.Input((level // 2, level // 2, below))
            self.enlarge[level] = keras.Model(x, enlarge_by_two(x, count, policy, HE), name=f"enlarge_{level}")
            if level <= seen:
                self.look[level] = _look(level, count, seen, policy)
            x = keras.Input((level, level, count))
            self.refine[level] = keras.Model(x, residual(x, policy), name=f"refine_{level}")
            if level > first:
                self.fades[level] = Fade(dtype="float32", name=f"fade_{level}")
                self.fades[level].build((None, level, level, 1))

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables, level by level."""
        found: list[keras.Variable] = []
        for level in self.sides:
            found += self.enlarge[level].weights
            found += self.look[level].weights if level in self.look else []
            found += self.refine[level].weights
            found += self.fades[level].weights if level in self.fades else []
        return found


def _look(level: int, channels: int, seen: int, policy: str) -> keras.Model:
    inputs = x = keras.Input((seen, seen, SKETCH_CHANNELS))
    if level < seen:
        # Keras on JAX fails where the strides are left to it.
        x = keras.layers.AveragePooling2D(seen // level, strides=seen // level, dtype=policy)(x)
    x = keras.layers.Conv2D(channels, 3, padding="same", kernel_initializer=HE, dtype=policy)(x)
    return keras.Model(inputs, leaky(x, policy), name=f"look_{level}")


def own_name(number: int, what: str) -> str:
    """Return the name of a layer of a decoder that is a performer's own."""
    return f"{_OWN}{number:02d}_{what}"


def own_variables(decoder: keras.Model) -> list[keras.Variable]:
    """Return the variables of a decoder that are a performer's own, level by level."""
    own = sorted((layer for layer in decoder.layers if layer.name.startswith(_OWN)), key=lambda layer: layer.name)
    return [variable for layer in own for variable in layer.weights]
