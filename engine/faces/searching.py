# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a detector about a picture of a footage: all of it, known faces only, or the neighborhood of a lost one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..media.picture import FootagePicture
from .detection import Detection, Detector
from .geometry import LEFT_EYE, RIGHT_EYE, box_of

# A picture is reduced by whole factors to this many pixels on its long side before all of it is searched.
_SEARCHED_PX = 1920
# Known faces are checked in a smaller one, as long as they keep this many pixels.
_CHECKED_PX = 960
_LEAST_FACE_PX = 48
# A lost face is sought in a square of this many times its size.
_NEARBY = 4.0


class PictureSearcher:
    """Looks for faces in pictures of a footage.

    Args:
        detector: What finds them.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def search(self, picture: FootagePicture, known: Sequence[Detection] = ()) -> list[Detection]:
        """Return all faces of a picture, best first; those that are known already cost nothing."""
        factor = max(1, max(picture.width, picture.height) // _SEARCHED_PX)
        return self._look(picture, (0, 0, picture.width, picture.height), factor, known, self._detector.detect)

    def check(self, picture: FootagePicture, expected: Sequence[NDArray[np.floating]]) -> list[Detection]:
        """Return which faces are still where their landmarks (68, 2) are expected, and obvious new ones."""
        known = [_as_detection(landmarks) for landmarks in expected]
        smallest = min((float(np.min(item.box[2:] - item.box[:2])) for item in known), default=np.inf)
        factor = max(picture.width, picture.height) // _CHECKED_PX
        factor = max(1, min(factor, int(min(smallest, 1e6) / _LEAST_FACE_PX)))
        return self._look(picture, (0, 0, picture.width, picture.height), factor, known, self._detector.check)

    def seek(self, picture: FootagePicture, expected: NDArray[np.floating]) -> list[Detection]:
        """Return the faces near to where a lost one's landmarks (68, 2) are expected."""
        box = box_of(expected).astype(float)
        half = _NEARBY * float(max(box[2] - box[0], box[3] - box[1])) / 2
        center = (box[:2] + box[2:]) / 2
        left, top = np.clip(np.floor(center - half), 0, (picture.width - 1, picture.height - 1)).astype(int)
        right, bottom = np.clip(np.ceil(center + half), (left + 1, top + 1), (picture.width, picture.height))
        factor = max(1, int(2 * half / _CHECKED_PX))
        region = (int(left), int(top), int(right), int(bottom))
        return self._look(picture, region, factor, [_as_detection(expected)], self._detector.check)

    def _look(
        self,
        picture: FootagePicture,
        region: tuple[int, int, int, int],
        factor: int,
        known: Sequence[Detection],
        ask: Callable[[NDArray[np.uint8], Sequence[Detection]], list[Detection]],
    ) -> list[Detection]:
        left, top, right, bottom = region
        factor = min(factor, right - left, bottom - top)
        image = picture.region(left, top, right - (right - left) % factor, bottom - (bottom - top) % factor, factor)
        here = [_mapped(item, (-left / factor, -top / factor), 1 / factor) for item in known]
        return [_mapped(item, (left, top), factor) for item in ask(image, here)]


def _as_detection(landmarks: NDArray[np.floating]) -> Detection:
    eyes = np.stack([landmarks[RIGHT_EYE].mean(axis=0), landmarks[LEFT_EYE].mean(axis=0)])
    return Detection(box_of(landmarks), 1.0, eyes.astype(np.float32))


def _mapped(item: Detection, shift: tuple[float, float], scale: float) -> Detection:
    """Return a detection whose coordinates are scaled, then shifted; pixel centers are at integers on both sides."""

    def move(points: NDArray[np.float32]) -> NDArray[np.float32]:
        return ((points + 0.5) * scale - 0.5 + shift).astype(np.float32)

    keypoints = None if item.keypoints is None else move(item.keypoints)
    return replace(item, box=move(item.box.reshape(2, 2)).ravel(), keypoints=keypoints)
