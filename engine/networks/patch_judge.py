# SPDX-License-Identifier: GPL-3.0-or-later
"""A small discriminator that judges patches of a face: is this skin of a photograph or of a network?"""

from __future__ import annotations

import keras

from .blocks import HE, leaky


def build_patch_judge(width: int, policy: str) -> keras.Model:
    """Build the discriminator: three strided convolutions, each verdict sees 22 pixels (Isola et al. 2017, 3.2.2).

    Args:
        width: Channels of the first convolution.
        policy: Dtype policy.

    Returns:
        Model from float32 (n, s, s, 3) in 0…1, of any size, to its features after each of the first two convolutions
        and its verdicts, float32 (n, s/8, s/8, 1), about 1 for a photograph and 0 for a network.
    """
    inputs = x = keras.Input((None, None, 3))
    features = []
    for channels in (width, width * 2, width * 4):
        conv = keras.layers.Conv2D(channels, 4, strides=2, padding="same", kernel_initializer=HE, dtype=policy)
        x = leaky(conv(x), policy)
        features.append(keras.layers.Activation("linear", dtype="float32")(x))
    verdicts = keras.layers.Conv2D(1, 1, dtype="float32")(x)
    return keras.Model(inputs, [*features[:2], verdicts])
