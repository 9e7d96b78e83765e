# SPDX-License-Identifier: GPL-3.0-or-later
"""The light on a face that something is in front of: a hand throws a shadow, which one color for all can't follow.

The color transfer moves and stretches all colors of a face alike. Where a hand shades a part of it, that leaves patches
of wrong brightness, and stretching makes them worse. So what is left of the difference to the plate is taken over as
far as it is smooth, measured where the face is seen and carried on behind what is in front. How much of it counts grows
with the share of the face that is hidden, so that nothing jumps when a hand comes in.
"""

from __future__ import annotations

import cv2
import numpy as np

# Smooth means over this many face squares (standard deviation). Against ground truth the error falls further with
# shorter ones, because the target's own features come through then.
_SMOOTHNESS = 0.17
# The light counts in full from this share of the face on.
_FULL_SHARE = 0.1
# Where less of the face than this is seen near by, the light isn't known and fades out.
_LEAST_SEEN = 1e-3


def light_strength(front: np.ndarray, matte: np.ndarray) -> float:
    """Return how much the light counts, 0…1.

    Args:
        front: How much of each pixel something in front takes, shape (s, s), 0…1.
        matte: Where the face is, shape (s, s), 0…1.
    """
    share = float((front * matte).sum()) / max(float(matte.sum()), 1e-6)
    return min(share / _FULL_SHARE, 1.0)


def lit_like(face: np.ndarray, plate: np.ndarray, seen: np.ndarray, coverage: float, strength: float) -> np.ndarray:
    """Return a face with the plate's light.

    Args:
        face: Swapped face, shape (s, s, 3), float32 RGB 0…1.
        plate: The plate's face in the same place, same shape.
        seen: Where the plate shows the face, shape (s, s), 0…1.
        coverage: Side of the faces in canonical face squares.
        strength: How much it counts, 0…1.
    """
    sigma = _SMOOTHNESS * face.shape[0] / coverage
    weight = seen.astype(np.float32)
    known = cv2.GaussianBlur(weight, (0, 0), sigma)
    difference = cv2.GaussianBlur(((plate - face) * weight[..., None]).astype(np.float32), (0, 0), sigma)
    light = difference / np.maximum(known, _LEAST_SEEN)[..., None]
    return np.clip(face + strength * light, 0.0, 1.0).astype(np.float32)
