# SPDX-License-Identifier: GPL-3.0-or-later
"""Our large network: a whole cast in one model, a mask beside the picture, and sizes that are grown into.

Where it is decided who somebody is, in the coarse shapes of a face, the layers are a performer's own; where skin and
edges are drawn, they are shared, and a performer modulates them and has a small last layer at every size. A picture is
the sum of what each size adds, as in StyleGAN2's skip generator (Karras et al. 2020, section 4.1), so a new size begins
where the one below ended. docs/explanation/decisions/0027 has the reasons and the figures. Where features are, the
decoders see in the face's sketch, as `quick`'s do; reading it is the same for everybody, so those layers are shared.
"""

from __future__ import annotations

import keras

from ..contract.sketch import SKETCH_CHANNELS
from .blocks import HE, PixelFold, PixelShuffle, enlarge_by_two, leaky, reduce_by_two, residual
from .trunk import Modulation, Trunk, own_name

# The encoder's strides and the map it ends in; the decoders' own layers double that map once.
_REDUCTION = 16
# Names of layers by which a smaller picture is taken out of a grown network.
_CORE = "core"
_LOGITS = "logits"


def build_encoder(face_size: int, seen: int, width: int, code: int, policy: str) -> keras.Model:
    """Build the encoder, which looks at the face in `seen` pixels whatever its size.

    What a narrow code can carry is visible in that many pixels; so the encoder needn't grow, and costs little.

    Args:
        face_size: Side of the face in pixels, a multiple of `seen`.
        seen: Side at which the encoder looks at it, a multiple of 16.
        width: Half of the channels after the first convolution.
        code: Width of the narrowest layer.
        policy: Dtype policy.

    Returns:
        Model from float32 (n, S, S, 3 + 4), RGB and sketch in 0…1, to (n, seen/16, seen/16, 10·width + 4·16²): the
        code, and the sketch in `seen` pixels folded to its raster.
    """
    inputs = x = keras.Input((face_size, face_size, 3 + SKETCH_CHANNELS))
    if face_size > seen:
        x = keras.layers.AveragePooling2D(face_size // seen, dtype="float32")(x)
    return keras.Model(inputs, _encoder_core(seen, width, code, policy)(x))


def _encoder_core(seen: int, width: int, code: int, policy: str) -> keras.Model:
    inputs = keras.Input((seen, seen, 3 + SKETCH_CHANNELS))
    x, sketch = inputs[..., :3], inputs[..., 3:]
    x = reduce_by_two(x, width * 2, 5, policy, HE)
    x = reduce_by_two(x, width * 4, 3, policy, HE)
    x = residual(reduce_by_two(x, width * 8, 3, policy, HE), policy)
    x = residual(reduce_by_two(x, width * 16, 3, policy, HE), policy)
    side, channels = seen // _REDUCTION, width * 10
    x = keras.layers.Flatten(dtype=policy)(x)
    x = keras.layers.Dense(code, dtype=policy)(x)
    x = leaky(keras.layers.Dense(side * side * channels, kernel_initializer=HE, dtype=policy)(x), policy)
    x = keras.layers.Reshape((side, side, channels), dtype=policy)(x)
    folded = PixelFold(_REDUCTION, dtype=policy)(sketch)
    return keras.Model(inputs, keras.layers.Concatenate(dtype=policy)([x, folded]), name=_CORE)


def build_trunk(face_size: int, seen: int, first: int, width: int, policy: str) -> Trunk:
    """Build what the decoders share.

    Args:
        face_size: Side of the face in pixels.
        seen: Side at which the encoder looks at it.
        first: Side of the smallest picture.
        width: Channels of the finest levels; coarser ones have more.
        policy: Dtype policy.
    """
    side = seen // _REDUCTION * 2
    channels, level = [width * 8], side * 2
    while level <= face_size:
        # Twice the side has half of the channels: a level costs as much as the one below it.
        channels.append(min(width * 6, width * max(1, 2 * seen // level)))
        level *= 2
    return Trunk(side, channels, first, seen, policy)


def build_decoder(seen: int, first: int, width: int, policy: str, trunk: Trunk) -> keras.Model:
    """Build one performer's decoder on the trunk of the cast.

    Args:
        seen: Side at which the encoder looks at the face.
        first: Side of the smallest picture.
        width: As in `build_trunk`.
        policy: Dtype policy.
        trunk: What the performers share.

    Returns:
        Model from what the encoder returns, (n, seen/16, seen/16, 10·width + 4·16²), to float32 (n, S, S, 4), RGB and
        mask in 0…1.
    """
    side, channels = seen // _REDUCTION, width * 10
    inputs = keras.Input((side, side, channels + SKETCH_CHANNELS * _REDUCTION * _REDUCTION))
    sketch = PixelShuffle(_REDUCTION, dtype=policy)(inputs[..., channels:])
    x, total, number = _stem(seen, width, policy)(inputs[..., :channels]), None, 1
    for level in trunk.sides:
        x = trunk.enlarge[level](x)
        if level in trunk.look:
            x = keras.layers.Add(dtype=policy)([x, trunk.look[level](sketch)])
        x = Modulation(dtype=policy, name=own_name(number, f"modulation_{level}"))(x)
        x = trunk.refine[level](x)
        if level >= first:
            # The last layers stay in float32: bfloat16 has 8 bits of precision, too few for a picture.
            head = _head(own_name(number + 1, f"picture_{level}"), is_first=level == first)
            added = head(x)
            total = _sum(total, added, trunk, level)
        number += 2
    return keras.Model(inputs, keras.layers.Activation("sigmoid", dtype="float32")(total))


def _sum(below: keras.KerasTensor | None, added: keras.KerasTensor, trunk: Trunk, level: int) -> keras.KerasTensor:
    """Return what a level adds on top of the enlarged picture of the one below it, before the sigmoid."""
    name = f"{_LOGITS}_{level}"
    if below is None:
        return keras.layers.Activation("linear", dtype="float32", name=name)(added)
    enlarged = keras.layers.UpSampling2D(2, interpolation="bilinear", dtype="float32")(below)
    return keras.layers.Add(dtype="float32", name=name)([enlarged, trunk.fades[level](added)])


def _stem(seen: int, width: int, policy: str) -> keras.Model:
    """Return a performer's own coarse layers: from the code's map to twice its side with 8·width channels."""
    side = seen // _REDUCTION
    inputs = keras.Input((side, side, width * 10))
    x = residual(inputs, policy)
    x = residual(enlarge_by_two(x, width * 8, policy, HE), policy)
    return keras.Model(inputs, x, name=own_name(0, "stem"))


def _head(name: str, is_first: bool) -> keras.layers.Layer:
    # Finer levels add nothing at first, so that a new one begins as the enlarged picture of the one below.
    start = "glorot_uniform" if is_first else "zeros"
    return keras.layers.Conv2D(4, 3, padding="same", kernel_initializer=start, dtype="float32", name=name)


def core_of(encoder: keras.Model) -> keras.Model:
    """Return the encoder without the reduction before it: from float32 (n, seen, seen, 3)."""
    return encoder.get_layer(_CORE)


def decoder_at(decoder: keras.Model, size: int) -> keras.Model:
    """Return the decoder up to pictures of `size` pixels; layers and weights are the same."""
    logits = decoder.get_layer(f"{_LOGITS}_{size}").output
    return keras.Model(decoder.input, keras.layers.Activation("sigmoid", dtype="float32")(logits))
