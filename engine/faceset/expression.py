# SPDX-License-Identifier: GPL-3.0-or-later
"""How far mouth and eyes are open, from the 68 landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Pairs of upper and lower lid, and of upper and lower inner lip, in the numbering of `faces.landmarks`.
_LIPS = ((61, 67), (62, 66), (63, 65))
_RIGHT_LIDS = ((37, 41), (38, 40))
_LEFT_LIDS = ((43, 47), (44, 46))
# Nobody blinks or looks down so often that this share of the faces doesn't have the eyes open.
_USUALLY_OPEN = 0.8


def mouth_opening(landmarks: NDArray[np.floating], square_px: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Return the mean gap between the inner lips in face squares; below 0.045 the mouth is closed.

    Args:
        landmarks: (..., 68, 2) picture pixels.
        square_px: Side of the face square in picture pixels, (...).
    """
    return _mean_gap(landmarks, _LIPS) / square_px


def eye_opening(landmarks: NDArray[np.floating], square_px: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Return the mean gap between the lids of the wider open eye in face squares, about 0.07 for open eyes.

    The wider open one, because the far eye of a turned head is mostly hidden. Arguments as `mouth_opening`.
    """
    return np.maximum(_mean_gap(landmarks, _RIGHT_LIDS), _mean_gap(landmarks, _LEFT_LIDS)) / square_px


def relative_opening(openings: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return one person's openings as shares of how far they usually open, so that narrow eyes aren't taken for shut.

    Args:
        openings: Of many faces of the person, (n,); NaN where unknown, and stays so.
    """
    known = openings[~np.isnan(openings)]
    usual = float(np.quantile(known, _USUALLY_OPEN)) if len(known) else 1.0
    return np.asarray(openings, np.float64) / (usual or 1.0)


def _mean_gap(landmarks: NDArray[np.floating], pairs: tuple[tuple[int, int], ...]) -> NDArray[np.float64]:
    points = np.asarray(landmarks, np.float64)
    upper, lower = (points[..., list(side), :] for side in zip(*pairs, strict=True))
    return np.linalg.norm(upper - lower, axis=-1).mean(axis=-1)
