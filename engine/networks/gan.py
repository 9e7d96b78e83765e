# SPDX-License-Identifier: GPL-3.0-or-later
"""The generators of the ancestor's adversarial families `gan` (64 px) and `gan128`: a unit code, a face and its mask.

The encoder goes through a code of length one and is shared; the decoder returns the face with a mask that says where
the face is to show. Pictures lie in 0…1 here; the ancestor's in -1…1.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras

from .blocks import HE, PixelShuffle, Scaled, leaky, residual

# Names of the layers whose output training looks at.
CODE = "code"
SIDE_FEATURES = "side_features"

_LARGEST_DILATION = 10
# Keras' own 1e-3 would swamp the small signals behind the first weights.
_EPSILON = 1e-5


@dataclass(frozen=True)
class Layout:
    """Figures of a generator.

    Attributes:
        face_size: Side of the face in pixels.
        first: Channels of the first, unstrided convolution.
        reductions: Channels of the strided convolutions; the code is made of the last one's.
        code: Length of the code.
        doublings: Channels of the decoder's doublings.
        residuals: Number of residual blocks behind them.
        is_separable: Whether the strided convolutions are separable.
        side_doublings: Number of doublings in front of the auxiliary head, 0 for no such head.
        scales: Layers of the mixed-scale dense network.
    """

    face_size: int
    first: int
    reductions: tuple[int, ...]
    code: int
    doublings: tuple[int, ...]
    residuals: int
    is_separable: bool = False
    side_doublings: int = 0
    scales: int = 16

    @property
    def code_side(self) -> int:
        """Side of the feature map at the code."""
        return self.face_size >> len(self.reductions)

    @property
    def entry(self) -> int:
        """Channels of the encoder's result, whose side is twice `code_side`."""
        return self.reductions[-1] // 2

    @property
    def side_size(self) -> int:
        """Side of the auxiliary head's picture in pixels, 0 without one."""
        return self.code_side * 2 << self.side_doublings if self.side_doublings else 0


GAN = Layout(64, 64, (128, 256, 512, 1024), 1024, (256, 128, 64), residuals=1)
GAN128 = Layout(
    128, 32, (64, 128, 256, 512, 1024), 1024, (256, 128, 64, 32), residuals=2, is_separable=True, side_doublings=3
)


def normalized(x: keras.KerasTensor, policy: str) -> keras.KerasTensor:
    """Give every sample by itself mean 0 and spread 1 over all its positions and channels, then a leaky ramp.

    Over the channels too, as the ancestor's "instance normalization": it serves vectors as well as feature maps. Each
    channel has a learned scale and offset, so a convolution in front needs no bias.
    """
    x = keras.layers.GroupNormalization(groups=1, epsilon=_EPSILON, dtype=policy)(x)
    return leaky(x, policy)


def build_encoder(layout: Layout, policy: str) -> keras.Model:
    """Build the shared encoder.

    Args:
        layout: Figures.
        policy: Dtype policy.

    Returns:
        Model from float32 (n, S, S, 3) in 0…1 to features. Its layer `CODE` gives the code, float32 (n, code), each
        sample of length one.
    """
    inputs = keras.Input((layout.face_size, layout.face_size, 3))
    x = Scaled(2.0, offset=-1.0, dtype=policy)(inputs)
    x = keras.layers.Conv2D(layout.first, 5, padding="same", dtype=policy)(x)
    convolution = keras.layers.SeparableConv2D if layout.is_separable else keras.layers.Conv2D
    for channels in layout.reductions:
        x = normalized(convolution(channels, 3, strides=2, padding="same", use_bias=False, dtype=policy)(x), policy)
    x = keras.layers.Flatten(dtype=policy)(x)
    x = normalized(keras.layers.Dense(layout.code, use_bias=False, dtype=policy)(x), policy)
    x = keras.layers.Dense(layout.code, dtype=policy)(x)
    # Each sample by itself: the ancestor's sum ran over the batch, so a face alone got another code than among others.
    x = keras.layers.UnitNormalization(axis=-1, dtype="float32", name=CODE)(x)
    # A unit vector's elements are small; signals of size one keep what follows in its range.
    x = Scaled(layout.code**0.5, dtype=policy)(x)
    side, channels = layout.code_side, layout.reductions[-1]
    x = keras.layers.Dense(side * side * channels, dtype=policy)(x)
    x = keras.layers.Reshape((side, side, channels), dtype=policy)(x)
    return keras.Model(inputs, _doubled(x, layout.entry, policy))


def _doubled(x: keras.KerasTensor, channels: int, policy: str) -> keras.KerasTensor:
    x = keras.layers.Conv2D(channels * 4, 3, padding="same", use_bias=False, dtype=policy)(x)
    return PixelShuffle(dtype=policy)(normalized(x, policy))


def build_decoder(layout: Layout, policy: str) -> keras.Model:
    """Build a performer's decoder.

    Args:
        layout: Figures.
        policy: Dtype policy.

    Returns:
        Model from the encoder's features to float32 (n, S, S, 4) in 0…1: red, green, blue, mask. With an auxiliary
        head its layer `SIDE_FEATURES` gives what that head sees.
    """
    side = layout.code_side * 2
    inputs = x = keras.Input((side, side, layout.entry))
    for number, channels in enumerate(layout.doublings, 1):
        x = _doubled(x, channels, policy)
        if number == layout.side_doublings:
            x = keras.layers.Identity(dtype=policy, name=SIDE_FEATURES)(x)
    for _ in range(layout.residuals):
        x = residual(x, policy, kernel=5)
    x = keras.layers.Conv2D(4, 1, dtype="float32")(mixed_scales(x, layout.scales, policy))
    color = Scaled(0.5, offset=0.5, dtype="float32")(keras.ops.tanh(x[..., :3]))
    mask = keras.ops.sigmoid(x[..., 3:])
    return keras.Model(inputs, keras.layers.Concatenate(dtype="float32")([color, mask]))


def mixed_scales(x: keras.KerasTensor, count: int, policy: str) -> keras.KerasTensor:
    """Add channels, each made of all before it by a convolution of its own reach.

    This is the mixed-scale dense network of Pelt & Sethian 2018: 3×3 convolutions to one channel with dilations
    1, 2, … 10, 1, …, densely connected.

    Args:
        x: Features (n, h, w, c).
        count: How many channels.
        policy: Dtype policy.

    Returns:
        Features (n, h, w, c + count).
    """
    for number in range(count):
        reach = number % _LARGEST_DILATION + 1
        convolution = keras.layers.Conv2D(
            1, 3, padding="same", dilation_rate=reach, kernel_initializer=HE, dtype=policy
        )
        x = keras.layers.Concatenate(dtype=policy)([x, leaky(convolution(x), policy)])
    return x


def build_side_head(layout: Layout, policy: str) -> keras.Model:
    """Build the auxiliary head that training puts on a decoder's `SIDE_FEATURES`; a swap doesn't need it.

    Returns:
        Model from (n, s, s, c) to float32 (n, s, s, 3) in 0…1, a small picture of the face.
    """
    size, channels = layout.side_size, layout.doublings[layout.side_doublings - 1]
    inputs = keras.Input((size, size, channels))
    x = keras.layers.Conv2D(3, 5, padding="same", activation="tanh", dtype="float32")(inputs)
    return keras.Model(inputs, Scaled(0.5, offset=0.5, dtype="float32")(x))
