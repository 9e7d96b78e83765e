"""The adversarial families made so narrow that a test trains them in seconds."""

import dataclasses

from understudy.engine.networks import gan
from understudy.engine.networks.discriminators import GAN128_JUDGES, GAN_JUDGES
from understudy.engine.networks.registry import FAMILIES, adversarial_family

SCALES = 1


def narrow_families():
    return {
        "gan": adversarial_family("gan", gan.GAN.narrowed(16, SCALES), GAN_JUDGES.narrowed(16)),
        "gan128": adversarial_family("gan128", gan.GAN128.narrowed(16, SCALES), GAN128_JUDGES.narrowed(16)),
    }


def make_adversarial_narrow(patch):
    for name, family in narrow_families().items():
        patch.setitem(FAMILIES, name, family)


def with_face_size(family, size):
    """Return a family whose layout is of another size; its weights have other shapes."""
    layout = dataclasses.replace(family.layout, face_size=size)
    return adversarial_family(family.name, layout, family.judges)
