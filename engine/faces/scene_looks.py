# SPDX-License-Identifier: GPL-3.0-or-later
"""What two pictures of a footage have in common, whatever the light: the base of telling scenes apart.

A look is kept small and made of linear operations only, so that the look of a mix of two pictures is the mix of their
looks, and brighter light only makes it larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_LONG_SIDE = 48
_BLUR = 6.0
# Structure weaker than this, in 8-bit steps, is noise of a plain picture.
_PLAIN = 2.0
# Two pictures in other light agree to this many 8-bit steps, once the light is evened out, in most places.
_SAME_COLOR = 5.0
_MOST = 0.6


@dataclass(frozen=True, eq=False)
class SceneLook:
    """One small picture.

    Attributes:
        colors: float32 (n,), its RGB values in 8-bit steps.
        structure: float32 (n,), the same without what a wide blur keeps: edges and shapes rather than light.
        energy: Mean square of the structure.
        brightness: Mean of the colors.
    """

    colors: NDArray[np.float32]
    structure: NDArray[np.float32]
    energy: float
    brightness: float

    @property
    def is_plain(self) -> bool:
        """Whether it shows next to nothing, like a black or a white picture."""
        return self.energy < _PLAIN**2


def scene_look(image: NDArray[np.uint8]) -> SceneLook:
    """Take the look of a picture, uint8 (h, w, 3) RGB; pictures of one footage have one size."""
    height, width = image.shape[:2]
    scale = _LONG_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    colors = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    structure = (colors - cv2.GaussianBlur(colors, (0, 0), _BLUR)).ravel()
    energy = float(structure @ structure) / structure.size
    return SceneLook(colors.ravel(), structure, energy, float(colors.mean()))


def likeness(first: SceneLook, second: SceneLook) -> float:
    """Return the correlation of two structures, -1..1; 0 where one of them is plain.

    Neighboring frames of a scene lie above 0.7 even when it moves fast, different scenes around 0 and seldom above 0.5.
    """
    if first.is_plain or second.is_plain:
        return 0.0
    common = float(first.structure @ second.structure) / first.structure.size
    return common / float(np.sqrt(first.energy * second.energy))


def mix_weights(before: SceneLook, middle: SceneLook, after: SceneLook) -> tuple[float, float, float]:
    """Fit the middle as a sum of both ends by least squares.

    Returns:
        The share of the middle's energy that the sum explains, 0..1, and the weights of before and after.
    """
    count = middle.structure.size
    cross = float(before.structure @ after.structure) / count
    to_before = float(before.structure @ middle.structure) / count
    to_after = float(after.structure @ middle.structure) / count
    determinant = before.energy * after.energy - cross**2
    if determinant <= 1e-6 * before.energy * after.energy or middle.energy <= 0.0:
        return 0.0, 0.0, 0.0
    old = (to_before * after.energy - to_after * cross) / determinant
    new = (to_after * before.energy - to_before * cross) / determinant
    return (old * to_before + new * to_after) / middle.energy, old, new


def differs_by_light(first: SceneLook, second: SceneLook) -> bool:
    """Whether most places have the same color in both, but for a common factor: the same set, lit or focused anew."""
    darker, brighter = sorted((first, second), key=lambda look: look.brightness)
    is_lit = brighter.colors > _SAME_COLOR
    if not is_lit.any():
        return False
    factor = float(np.median(darker.colors[is_lit] / brighter.colors[is_lit]))
    return float(np.mean(np.abs(darker.colors - factor * brighter.colors) < _SAME_COLOR)) > _MOST
