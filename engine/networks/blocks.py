# SPDX-License-Identifier: GPL-3.0-or-later
"""The building blocks of the networks: convolutions with a leaky ramp, doubling of resolution, residual pairs.

Every function takes and returns a Keras tensor of shape (batch, height, width, channels) and a dtype policy name
("float32" or "mixed_bfloat16"). Only `keras` is used, so that the networks run on each of its backends.
"""

from __future__ import annotations

from typing import Any

import keras

LEAK = 0.1
# First weights: Glorot's are the ancestor's; He's keep the signal's size through leaky ramps (He et al. 2015).
GLOROT = "glorot_uniform"
HE = "he_uniform"


class PixelShuffle(keras.layers.Layer):
    """Rearranges (batch, h, w, f²·c) into (batch, f·h, f·w, c): sub-pixel convolution, Shi et al. 2016, equation 4.

    Args:
        factor: f.
        arguments: The layer's others, as every Keras layer has them.
    """

    def __init__(self, factor: int = 2, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._factor = factor

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the tensor with f times the height and width, and the channels that are left."""
        factor, (_batch, height, width, channels) = self._factor, x.shape
        left = channels // (factor * factor)
        x = keras.ops.reshape(x, (-1, height, width, factor, factor, left))
        x = keras.ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return keras.ops.reshape(x, (-1, height * factor, width * factor, left))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of `call`'s result."""
        batch, height, width, channels = input_shape
        if height is None or width is None or channels is None:
            raise ValueError("PixelShuffle needs a fixed height, width and number of channels.")
        return batch, height * self._factor, width * self._factor, channels // self._factor**2


class PixelFold(keras.layers.Layer):
    """Rearranges (batch, f·h, f·w, c) into (batch, h, w, f²·c): the way back from `PixelShuffle`.

    Args:
        factor: f.
        arguments: The layer's others, as every Keras layer has them.
    """

    def __init__(self, factor: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._factor = factor

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the tensor with the pixels of each square as channels of one."""
        factor, (_batch, height, width, channels) = self._factor, x.shape
        x = keras.ops.reshape(x, (-1, height // factor, factor, width // factor, factor, channels))
        x = keras.ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return keras.ops.reshape(x, (-1, height // factor, width // factor, factor * factor * channels))


class Scaled(keras.layers.Layer):
    """Gives x·factor + offset.

    Keras' own `Rescaling` is made for input pipelines too and asks TensorFlow on every call, which isn't there in a
    process that computes with another backend.

    Args:
        factor: What x is multiplied by.
        offset: What is added then.
        arguments: The layer's others, as every Keras layer has them.
    """

    def __init__(self, factor: float, offset: float = 0.0, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._factor = factor
        self._offset = offset

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return x, scaled and shifted."""
        return x * keras.ops.cast(self._factor, x.dtype) + keras.ops.cast(self._offset, x.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of `call`'s result."""
        return input_shape


def leaky(x: keras.KerasTensor, policy: str) -> keras.KerasTensor:
    """Return x where it is positive and 0.1·x elsewhere."""
    return keras.layers.LeakyReLU(negative_slope=LEAK, dtype=policy)(x)


def reduce_by_two(
    x: keras.KerasTensor, channels: int, kernel: int, policy: str, start: str = GLOROT
) -> keras.KerasTensor:
    """Halve height and width by a strided convolution with a leaky ramp; `start` names the first weights' kind."""
    conv = keras.layers.Conv2D(channels, kernel, strides=2, padding="same", kernel_initializer=start, dtype=policy)
    return leaky(conv(x), policy)


def enlarge_by_two(x: keras.KerasTensor, channels: int, policy: str, start: str = GLOROT) -> keras.KerasTensor:
    """Double height and width: convolution 3×3 to four times the channels, leaky ramp, pixel shuffle."""
    x = leaky(keras.layers.Conv2D(channels * 4, 3, padding="same", kernel_initializer=start, dtype=policy)(x), policy)
    return PixelShuffle(dtype=policy)(x)


def residual(x: keras.KerasTensor, policy: str, gain: float = 0.3, kernel: int = 3) -> keras.KerasTensor:
    """Add two convolutions to x, then a leaky ramp.

    Args:
        x: Input; the number of channels stays.
        policy: Dtype policy.
        gain: Scale of the second convolution's first weights; below 1 it keeps deep stacks without normalization
            stable from the first step.
        kernel: Side of the convolutions' kernels.
    """
    channels = x.shape[-1]
    small = keras.initializers.VarianceScaling(gain, mode="fan_in", distribution="uniform")
    y = leaky(keras.layers.Conv2D(channels, kernel, padding="same", kernel_initializer=HE, dtype=policy)(x), policy)
    y = keras.layers.Conv2D(channels, kernel, padding="same", kernel_initializer=small, dtype=policy)(y)
    return leaky(keras.layers.Add(dtype=policy)([x, y]), policy)
