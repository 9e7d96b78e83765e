# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a performer's face may be learned mirrored: how unlike the two halves of the mean face are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .augmentation import View, make_plain_views
from .face_weight import face_area
from .performer_faces import PerformerFaces

# The largest figures of a face that counts as symmetric; decision 0023 has what was measured on faces. They are strict:
# not to mirror costs little, and a mole on the wrong cheek is seen at once.
LARGEST_DIFFERENCE = 0.08
LARGEST_SPOT = 0.15

# Turned heads show one half larger than the other.
_FRONTAL_DEG = 15.0
_ENOUGH = 5

_VIEW = View(64, 1.2)
_FACES = 200
_SLACK = 7


def is_symmetric(performer: PerformerFaces) -> bool:
    """Whether the two halves of a performer's face look alike; False where too few frontal faces tell."""
    if performer.learned_yaw is None:
        return False
    frontal = np.flatnonzero(np.abs(performer.learned_yaw) <= _FRONTAL_DEG)
    if len(frontal) < _ENOUGH:
        return False
    pictures = [performer.learned[i] for i in frontal]
    difference, spot = asymmetry(pictures, performer.learned_coverage[frontal])
    return difference <= LARGEST_DIFFERENCE and spot <= LARGEST_SPOT


def asymmetry(images: Sequence[NDArray[np.uint8]], coverages: NDArray[np.float64]) -> tuple[float, float]:
    """Return how unlike a mean face and its mirror image are, as a whole and at the worst spot.

    The light is taken out first: a lamp at one side makes no face asymmetric.

    Args:
        images: Frontal faces of one performer, uint8 (h, h, 3) RGB; not empty.
        coverages: Side of each in canonical face squares, (n,).

    Returns:
        The difference of shapes and shades, 0 for the same to 1 for the opposite; and the contrast of the worst spot,
        such as a mole, that has nothing like it on the other side, 0…1 and more.
    """
    picked = np.unique(np.linspace(0, len(images) - 1, min(_FACES, len(images))).round().astype(int))
    views = make_plain_views([images[i] for i in picked], coverages[picked], _VIEW)
    mean = views.mean(axis=(0, 3)) + np.float32(1e-3)
    fine = cv2.GaussianBlur(mean, (0, 0), 1.0) / cv2.GaussianBlur(mean, (0, 0), _VIEW.size / 6.0)
    area = face_area(_VIEW.size, _VIEW.coverage)
    inside = area * area[:, ::-1] > 0.5
    detail = fine - fine[inside].mean()
    mirrored = np.ascontiguousarray(detail[:, ::-1])
    spread = float(np.sum(detail[inside] ** 2))
    # A face without any feature is its own mirror image.
    alike = float(np.sum(detail[inside] * mirrored[inside])) / spread if spread > 1e-6 else 1.0
    # A feature may lie a little higher on the other side without making a face asymmetric.
    near = np.ones((_SLACK, _SLACK), np.uint8)
    above, below = detail - cv2.dilate(mirrored, near), cv2.erode(mirrored, near) - detail
    return 0.5 * (1.0 - alike), max(0.0, float(np.maximum(above, below)[inside].max()))
