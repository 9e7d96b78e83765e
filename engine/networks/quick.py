# SPDX-License-Identifier: GPL-3.0-or-later
"""Our small network: residual convolutions around a narrow code, sized for minutes on two CPU cores."""

from __future__ import annotations

import keras

from .blocks import HE, PixelShuffle, enlarge_by_two, leaky, reduce_by_two, residual


def build_encoder(face_size: int, width: int, code: int, policy: str) -> keras.Model:
    """Build the encoder.

    Args:
        face_size: Side of the face in pixels, a multiple of 16.
        width: Channels after the first convolution.
        code: Width of the narrowest layer.
        policy: Dtype policy.

    Returns:
        Model from float32 (n, S, S, 3) in 0…1 to (n, S/16, S/16, 5·width).
    """
    inputs = x = keras.Input((face_size, face_size, 3))
    x = reduce_by_two(x, width, 5, policy, HE)
    x = reduce_by_two(x, width * 2, 3, policy, HE)
    x = reduce_by_two(x, width * 4, 3, policy, HE)
    x = residual(x, policy)
    x = reduce_by_two(x, width * 8, 3, policy, HE)
    x = residual(x, policy)
    side, channels = face_size // 16, width * 5
    x = keras.layers.Flatten(dtype=policy)(x)
    x = keras.layers.Dense(code, dtype=policy)(x)
    x = leaky(keras.layers.Dense(side * side * channels, kernel_initializer=HE, dtype=policy)(x), policy)
    return keras.Model(inputs, keras.layers.Reshape((side, side, channels), dtype=policy)(x))


def build_decoder(face_size: int, width: int, policy: str) -> keras.Model:
    """Build a decoder: three doublings with a residual pair each, a fourth straight to color.

    Args:
        face_size: Side of the face in pixels, a multiple of 16.
        width: Channels before the last doubling.
        policy: Dtype policy.

    Returns:
        Model from (n, S/16, S/16, 5·width) to float32 (n, S, S, 3) in 0…1.
    """
    inputs = x = keras.Input((face_size // 16, face_size // 16, width * 5))
    for channels in (width * 4, width * 2, width):
        x = residual(enlarge_by_two(x, channels, policy, HE), policy)
    x = keras.layers.Conv2D(12, 3, padding="same", dtype="float32")(x)
    return keras.Model(inputs, keras.layers.Activation("sigmoid", dtype="float32")(PixelShuffle(dtype="float32")(x)))
