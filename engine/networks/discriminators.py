# SPDX-License-Identifier: GPL-3.0-or-later
"""The judges of the adversarial families: is this a picture of the performer, and whose face is this code of?

They exist in training only. Pictures lie in 0…1.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras

from .blocks import Scaled, leaky
from .gan import normalized


@dataclass(frozen=True)
class Judges:
    """Figures of a family's discriminators.

    Attributes:
        result: Channels of the discriminator that sees the masked result beside the network's input (D).
        face: Channels of the discriminator that sees the raw face (D2).
        code: Widths of the code discriminator's hidden layers.
    """

    result: tuple[int, ...]
    face: tuple[int, ...]
    code: tuple[int, ...] = (256, 128)


GAN_JUDGES = Judges((64, 128, 256), (64, 128, 256, 512))
GAN128_JUDGES = Judges((64, 128, 256, 512), (64, 128, 256, 512, 1024))


def build_picture_judge(size: int, pictures: int, channels: tuple[int, ...], policy: str) -> keras.Model:
    """Build a discriminator of pictures: strided 4×4 convolutions, each with normalization but the first.

    Args:
        size: Side of the pictures in pixels.
        pictures: How many pictures it sees at a time, in channels behind one another.
        channels: Channels of the convolutions.
        policy: Dtype policy.

    Returns:
        Model from float32 (n, S, S, 3·pictures) in 0…1 to float32 (n, s, s, 1): for each part of the picture how real
        it looks, about 1 for real and 0 for made (least squares, Mao et al. 2017).
    """
    inputs = keras.Input((size, size, 3 * pictures))
    x = Scaled(2.0, offset=-1.0, dtype=policy)(inputs)
    for number, count in enumerate(channels):
        is_first = number == 0
        x = keras.layers.Conv2D(count, 4, strides=2, padding="same", use_bias=is_first, dtype=policy)(x)
        x = leaky(x, policy) if is_first else normalized(x, policy)
    return keras.Model(inputs, keras.layers.Conv2D(1, 4, padding="same", dtype="float32")(x))


def build_code_judge(length: int, performers: int, widths: tuple[int, ...], policy: str) -> keras.Model:
    """Build the discriminator of codes.

    Args:
        length: Length of the code.
        performers: How many performers there are, at least two.
        widths: Widths of the hidden layers.
        policy: Dtype policy.

    Returns:
        Model from codes float32 (n, length) to float32 (n, performers - 1): how much rather than the first performer's
        the code is each other one's (logits; the first's is 0).
    """
    inputs = keras.Input((length,))
    # Codes have length one; signals of size one are learned faster.
    x = Scaled(length**0.5, dtype=policy)(inputs)
    for width in widths:
        x = leaky(keras.layers.Dense(width, dtype=policy)(x), policy)
    return keras.Model(inputs, keras.layers.Dense(performers - 1, dtype="float32")(x))
