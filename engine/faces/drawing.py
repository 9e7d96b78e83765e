# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures for looking at results: landmarks drawn into a copy of an aligned face."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import JAW, transform_points

_INNER_COLOR = (60, 255, 60)
_JAW_COLOR = (255, 80, 60)
# OpenCV draws at fractions of a pixel when coordinates carry this many binary digits.
_FRACTION_BITS = 4


def draw_landmarks(
    face: NDArray[np.uint8], image_to_face: NDArray[np.floating], landmarks: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Return a copy of an aligned face with its landmarks as dots, the jaw line in another color.

    Args:
        face: Aligned face, uint8 (S, S, 3) RGB.
        image_to_face: Its alignment (2, 3).
        landmarks: (68, 2) picture pixels.
    """
    drawn = np.ascontiguousarray(face).copy()
    scale = 1 << _FRACTION_BITS
    radius = max(1.0, face.shape[0] / 128)
    for index, (x, y) in enumerate(transform_points(image_to_face, landmarks)):
        color = _JAW_COLOR if index in range(JAW.start, JAW.stop) else _INNER_COLOR
        center = (round(x * scale), round(y * scale))
        cv2.circle(drawn, center, round(radius * scale), color, -1, cv2.LINE_AA, _FRACTION_BITS)
    return drawn
