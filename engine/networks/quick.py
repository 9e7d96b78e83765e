# SPDX-License-Identifier: GPL-3.0-or-later
"""Our small network: residual convolutions around a narrow code, sized for minutes on two CPU cores.

The code says who and how, but places pass through it badly: what a hundred frames teach of it is known by heart. So the
encoder also gets the face's sketch and hands it on beside the code, folded to the code's raster, and the decoder looks
at it at each of its sizes (docs/explanation/decisions/0036).
"""

from __future__ import annotations

import keras

from ..contract.sketch import SKETCH_CHANNELS
from .blocks import HE, PixelFold, PixelShuffle, enlarge_by_two, leaky, reduce_by_two, residual

# Pixels of the picture in one of the code's, along each axis.
_FOLD = 16


def build_encoder(face_size: int, width: int, code: int, policy: str) -> keras.Model:
    """Build the encoder.

    Args:
        face_size: Side of the face in pixels, a multiple of 16.
        width: Channels after the first convolution.
        code: Width of the narrowest layer.
        policy: Dtype policy.

    Returns:
        Model from float32 (n, S, S, 3 + 4), RGB and sketch in 0…1, to (n, S/16, S/16, 5·width + 4·16²).
    """
    inputs = keras.Input((face_size, face_size, 3 + SKETCH_CHANNELS))
    x, sketch = inputs[..., :3], inputs[..., 3:]
    x = reduce_by_two(x, width, 5, policy, HE)
    x = reduce_by_two(x, width * 2, 3, policy, HE)
    x = reduce_by_two(x, width * 4, 3, policy, HE)
    x = residual(x, policy)
    x = reduce_by_two(x, width * 8, 3, policy, HE)
    x = residual(x, policy)
    side, channels = face_size // _FOLD, width * 5
    x = keras.layers.Flatten(dtype=policy)(x)
    x = keras.layers.Dense(code, dtype=policy)(x)
    x = leaky(keras.layers.Dense(side * side * channels, kernel_initializer=HE, dtype=policy)(x), policy)
    x = keras.layers.Reshape((side, side, channels), dtype=policy)(x)
    folded = PixelFold(_FOLD, dtype=policy)(sketch)
    return keras.Model(inputs, keras.layers.Concatenate(dtype=policy)([x, folded]))


def build_decoder(face_size: int, width: int, policy: str) -> keras.Model:
    """Build a decoder: three doublings with a residual pair each, a fourth straight to color.

    Args:
        face_size: Side of the face in pixels, a multiple of 16.
        width: Channels before the last doubling.
        policy: Dtype policy.

    Returns:
        Model from (n, S/16, S/16, 5·width + 4·16²) to float32 (n, S, S, 3) in 0…1.
    """
    side, channels = face_size // _FOLD, width * 5
    inputs = keras.Input((side, side, channels + SKETCH_CHANNELS * _FOLD * _FOLD))
    x, sketch = inputs[..., :channels], PixelShuffle(_FOLD, dtype=policy)(inputs[..., channels:])
    for channels, factor in ((width * 4, 8), (width * 2, 4), (width, 2)):
        x = enlarge_by_two(x, channels, policy, HE)
        x = residual(_beside(x, _reduced(sketch, factor, policy), policy), policy)
    x = keras.layers.Conv2D(12, 3, padding="same", dtype="float32")(x)
    return keras.Model(inputs, keras.layers.Activation("sigmoid", dtype="float32")(PixelShuffle(dtype="float32")(x)))


def _reduced(sketch: keras.KerasTensor, factor: int, policy: str) -> keras.KerasTensor:
    """Return a sketch on a coarser raster: its mean, or for the finest one all of it, because eyelids are fine."""
    if factor == 2:
        return PixelFold(factor, dtype=policy)(sketch)
    # Keras on JAX fails where the strides are left to it.
    return keras.layers.AveragePooling2D(factor, strides=factor, dtype=policy)(sketch)


def _beside(x: keras.KerasTensor, sketch: keras.KerasTensor, policy: str) -> keras.KerasTensor:
    """Add to x what a convolution sees in the sketch."""
    seen = keras.layers.Conv2D(x.shape[-1], 3, padding="same", kernel_initializer=HE, dtype=policy)(sketch)
    return keras.layers.Add(dtype=policy)([x, leaky(seen, policy)])
