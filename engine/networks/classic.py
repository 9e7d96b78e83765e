# SPDX-License-Identifier: GPL-3.0-or-later
"""The ancestor's 64-pixel networks `original` (82,062,470 parameters for two) and `lowmem` (60,565,126)."""

from __future__ import annotations

import keras

from .blocks import enlarge_by_two, reduce_by_two

FACE_SIZE = 64


def build_encoder(channels: tuple[int, ...], code: int, policy: str) -> keras.Model:
    """Build the encoder: strided 5×5 convolutions, two dense layers, one doubling.

    Args:
        channels: Channels of the strided convolutions.
        code: Width of the first dense layer.
        policy: Dtype policy.

    Returns:
        Model from float32 (n, 64, 64, 3) in 0…1 to (n, 8, 8, 512).
    """
    inputs = x = keras.Input((FACE_SIZE, FACE_SIZE, 3))
    for count in channels:
        x = reduce_by_two(x, count, 5, policy)
    x = keras.layers.Flatten(dtype=policy)(x)
    x = keras.layers.Dense(code, dtype=policy)(x)
    x = keras.layers.Dense(4 * 4 * 1024, dtype=policy)(x)
    x = keras.layers.Reshape((4, 4, 1024), dtype=policy)(x)
    return keras.Model(inputs, enlarge_by_two(x, 512, policy))


def build_decoder(policy: str) -> keras.Model:
    """Build a decoder: three doublings and a 5×5 convolution with sigmoid.

    Returns:
        Model from (n, 8, 8, 512) to float32 (n, 64, 64, 3) in 0…1.
    """
    inputs = x = keras.Input((8, 8, 512))
    for count in (256, 128, 64):
        x = enlarge_by_two(x, count, policy)
    # The last layer stays in float32: bfloat16 has 8 bits of precision, too few for a picture.
    outputs = keras.layers.Conv2D(3, 5, padding="same", activation="sigmoid", dtype="float32")(x)
    return keras.Model(inputs, outputs)


def build_original_encoder(policy: str) -> keras.Model:
    """Build the encoder of `original`: 69,662,976 parameters."""
    return build_encoder((128, 256, 512, 1024), 1024, policy)


def build_lowmem_encoder(policy: str) -> keras.Model:
    """Build the encoder of `lowmem`: without the 1024 convolution and with half the code; 48,165,632 parameters."""
    return build_encoder((128, 256, 512), 512, policy)
