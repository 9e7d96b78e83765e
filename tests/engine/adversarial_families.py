# SPDX-License-Identifier: GPL-3.0-or-later
"""The adversarial families made so narrow and flat that a test trains them in seconds; their faces keep their size."""

import dataclasses

from understudy.engine.networks.discriminators import Judges
from understudy.engine.networks.gan import Layout
from understudy.engine.networks.registry import FAMILIES, adversarial_family

JUDGES = Judges((4,), (4, 8), (8,))
LAYOUTS = {
    "gan": Layout(64, 4, (8, 16), 16, (4,), residuals=1, scales=1),
    "gan128": Layout(128, 4, (4, 8, 16), 16, (8, 4), residuals=1, is_separable=True, side_doublings=1, scales=1),
}


def narrow_families():
    return {name: adversarial_family(name, layout, JUDGES) for name, layout in LAYOUTS.items()}


def make_adversarial_narrow(patch):
    for name, family in narrow_families().items():
        patch.setitem(FAMILIES, name, family)


def with_another_scale(name):
    """Return a family that differs from the narrow one by a layer, at the same size of faces."""
    layout = LAYOUTS[name]
    return adversarial_family(name, dataclasses.replace(layout, scales=layout.scales + 1), JUDGES)
