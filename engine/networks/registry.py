# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of network families: what each sees and how its parts are built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras

from ..contract.sketch import SKETCH_CHANNELS, SKETCH_FORM
from . import classic, gan, quick, studio
from .discriminators import GAN128_JUDGES, GAN_JUDGES, Judges
from .trunk import Trunk


@dataclass(frozen=True)
class Family:
    """A kind of network: one shared encoder and one decoder for each performer.

    Attributes:
        name: Name of the family in settings and model files.
        face_size: Side of the square face in pixels, in and out.
        coverage: Side of that square in canonical face squares.
        build_encoder: Dtype policy -> encoder model, from (n, S, S, channels).
        build_decoder: Dtype policy, and the trunk where there is one -> decoder model.
        allows_bfloat16: Whether `precision` "auto" may choose bfloat16.
        has_mask: Whether decoders return a fourth channel, the mask that says where the face is to show; all four lie
            in 0…1.
        layout: Figures of an adversarial family's generator, None for others.
        judges: Figures of its discriminators, None for others.
        build_trunk: Dtype policy -> what all decoders share; None where they share nothing.
        sizes: Sides of the pictures it grows through in training, smallest first; empty where it doesn't grow.
        seen: Side at which the encoder looks at faces; 0 where that is the face's own size.
        is_sketched: Whether it is given each face's sketch beside the picture.
    """

    name: str
    face_size: int
    coverage: float
    build_encoder: Callable[[str], keras.Model]
    build_decoder: Callable[..., keras.Model]
    allows_bfloat16: bool = True
    has_mask: bool = False
    layout: gan.Layout | None = None
    judges: Judges | None = None
    build_trunk: Callable[[str], Trunk] | None = None
    sizes: tuple[int, ...] = ()
    seen: int = 0
    is_sketched: bool = False

    @property
    def sketch(self) -> int:
        """The form of the sketches it is given, `SKETCH_FORM` or 0."""
        return SKETCH_FORM if self.is_sketched else 0

    @property
    def channels(self) -> int:
        """Channels of what the encoder takes: RGB, and the sketch where the family looks at one."""
        return 3 + (SKETCH_CHANNELS if self.is_sketched else 0)

    def decoder(self, policy: str, trunk: Trunk | None = None) -> keras.Model:
        """Build a decoder, on the trunk where the family has one."""
        return self.build_decoder(policy) if trunk is None else self.build_decoder(policy, trunk)


def quick_family(face_size: int = 96, coverage: float = 1.7, width: int = 32, code: int = 256) -> Family:
    """Return the `quick` family; other figures than the default serve experiments and tests."""
    return Family(
        name="quick",
        face_size=face_size,
        coverage=coverage,
        build_encoder=lambda policy: quick.build_encoder(face_size, width, code, policy),
        build_decoder=lambda policy: quick.build_decoder(face_size, width, policy),
        is_sketched=True,
    )


def adversarial_family(name: str, layout: gan.Layout, judges: Judges) -> Family:
    """Return an adversarial family; other figures than the ancestor's serve experiments and tests."""
    return Family(
        name=name,
        face_size=layout.face_size,
        # The ancestor cuts the middle 220 of 256 pixels out of its faces, whose face squares have 160.
        coverage=220 / 160,
        build_encoder=lambda policy: gan.build_encoder(layout, policy),
        build_decoder=lambda policy: gan.build_decoder(layout, policy),
        # Its parties' balance is delicate, and was found in float32.
        allows_bfloat16=False,
        has_mask=True,
        layout=layout,
        judges=judges,
    )


def studio_family(
    name: str = "studio",
    face_size: int = 256,
    coverage: float = 1.7,
    seen: int = 128,
    first: int = 64,
    width: int = 16,
    code: int = 256,
) -> Family:
    """Return the `studio` family; other figures than the default serve larger pictures, experiments and tests."""
    return Family(
        name=name,
        face_size=face_size,
        coverage=coverage,
        build_encoder=lambda policy: studio.build_encoder(face_size, seen, width, code, policy),
        build_decoder=lambda policy, trunk: studio.build_decoder(seen, first, width, policy, trunk),
        has_mask=True,
        build_trunk=lambda policy: studio.build_trunk(face_size, seen, first, width, policy),
        sizes=tuple(first << number for number in range((face_size // first).bit_length())),
        seen=seen,
        is_sketched=True,
    )


# The ancestor cuts the middle 160 of 256 pixels out of its faces, which is exactly its mean face's square.
FAMILIES: dict[str, Family] = {
    "quick": quick_family(),
    "studio": studio_family(),
    "studio-512": studio_family("studio-512", face_size=512),
    "original": Family("original", classic.FACE_SIZE, 1.0, classic.build_original_encoder, classic.build_decoder),
    "lowmem": Family("lowmem", classic.FACE_SIZE, 1.0, classic.build_lowmem_encoder, classic.build_decoder),
    "gan": adversarial_family("gan", gan.GAN, GAN_JUDGES),
    "gan128": adversarial_family("gan128", gan.GAN128, GAN128_JUDGES),
}
