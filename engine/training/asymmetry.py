# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a performer's face may be learned mirrored: how unlike the two halves of the mean face are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .augmentation import View, make_plain_views
from .dataset import PerformerFaces
from .losses import face_area

# Decision 0023 has what was measured on faces.
LARGEST_SYMMETRIC = 0.08

# Turned heads show one half larger than the other.
_FRONTAL_DEG = 15.0
_ENOUGH = 5

_VIEW = View(64, 1.2)
_FACES = 200


def is_symmetric(performer: PerformerFaces) -> bool:
    """Whether the two halves of a performer's face look alike; False where too few frontal faces tell."""
    if performer.learned_yaw is None:
        return False
    frontal = np.flatnonzero(np.abs(performer.learned_yaw) <= _FRONTAL_DEG)
    if len(frontal) < _ENOUGH:
        return False
    pictures = [performer.learned[i] for i in frontal]
    return asymmetry(pictures, performer.learned_coverage[frontal]) <= LARGEST_SYMMETRIC


def asymmetry(images: Sequence[NDArray[np.uint8]], coverages: NDArray[np.float64]) -> float:
    """Return how unlike a mean face and its mirror image are: 0 for the same, 1 for the opposite.

    The light is taken out first: a lamp at one side makes no face asymmetric. A single small mole hardly shows.

    Args:
        images: Frontal faces of one performer, uint8 (h, h, 3) RGB; not empty.
        coverages: Side of each in canonical face squares, (n,).
    """
    picked = np.unique(np.linspace(0, len(images) - 1, min(_FACES, len(images))).round().astype(int))
    views = make_plain_views([images[i] for i in picked], coverages[picked], _VIEW)
    mean = views.mean(axis=(0, 3)) + np.float32(1e-3)
    fine = cv2.GaussianBlur(mean, (0, 0), 1.0) / cv2.GaussianBlur(mean, (0, 0), _VIEW.size / 6.0)
    weight = face_area(_VIEW.size, _VIEW.coverage)
    weight = (weight + weight[:, ::-1]) / (2.0 * weight.sum())
    detail = fine - np.sum(fine * weight)
    spread = float(np.sum(detail * detail * weight))
    # A face without any feature is its own mirror image.
    return 0.5 * (1.0 - float(np.sum(detail * detail[:, ::-1] * weight)) / spread) if spread > 1e-9 else 0.0
