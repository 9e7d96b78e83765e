# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding faces that lie on their side or stand on their head, by turning the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .detection import Detection, Detector, suppress_doubles

# Most faces are upright: a turned view of one has to be this much surer.
_UPRIGHT_BONUS = 0.08


class TurningDetector:
    """Searches the picture as it is and turned by 90, 180 and 270 degrees, and keeps each face as seen best.

    For detectors that know upright faces only; one that finds faces of any lean by itself is asked once. Boxes and
    keypoints are in the upright picture's pixels.

    Args:
        detector: What searches each picture.
    """

    finds_any_lean = True

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def detect(self, image: NDArray[np.uint8], known: Sequence[Detection] = ()) -> list[Detection]:
        """Return the faces of an RGB picture (h, w, 3), best first."""
        if self._detector.finds_any_lean:
            return self._detector.detect(image, known)
        found = []
        for quarters in range(4):
            turned = np.ascontiguousarray(np.rot90(image, quarters))
            for item in self._detector.detect(turned):
                item = _turn_back(item, quarters, image.shape[1], image.shape[0])
                found.append(replace(item, score=item.score - _UPRIGHT_BONUS * (quarters > 0)))
        return [
            replace(item, score=item.score + _UPRIGHT_BONUS * (item.rotation > 0)) for item in suppress_doubles(found)
        ]

    def check(self, image: NDArray[np.uint8], known: Sequence[Detection]) -> list[Detection]:
        """Return which known faces are still there, and obvious new ones."""
        return self._detector.check(image, known) if self._detector.finds_any_lean else self.detect(image)


def turn_back_points(points: NDArray[np.floating], quarters: int, width: int, height: int) -> NDArray[np.float64]:
    """Return points of a picture turned counterclockwise by quarter turns, in the upright picture's pixels.

    Args:
        points: Shape (n, 2), pixel centers at integers, in `np.rot90(image, quarters)`.
        quarters: How many quarter turns.
        width: Width of the upright picture.
        height: Height of the upright picture.
    """
    x, y = np.asarray(points, float).T
    upright = {
        0: (x, y),
        1: (width - 1 - y, x),
        2: (width - 1 - x, height - 1 - y),
        3: (y, height - 1 - x),
    }[quarters % 4]
    return np.stack(upright, axis=1)


def _turn_back(item: Detection, quarters: int, width: int, height: int) -> Detection:
    corners = turn_back_points(item.box.reshape(2, 2), quarters, width, height)
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32)
    keypoints = None
    if item.keypoints is not None:
        keypoints = turn_back_points(item.keypoints, quarters, width, height).astype(np.float32)
    return replace(item, box=box, keypoints=keypoints, rotation=90 * quarters)
