# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding faces in a picture: what a detection is and which detectors there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .geometry import box_overlap

# A face box of every detector is brought to the same extent: brows to chin, which is what dlib was trained on.
RIGHT_EYE_POINT, LEFT_EYE_POINT = 0, 1


@dataclass(frozen=True, eq=False)
class Detection:
    """A face found in one picture.

    Attributes:
        box: x0, y0, x1, y1 in picture pixels, float32 (4,), unclipped, about brows to chin.
        score: The detector's confidence in 0…1.
        keypoints: Right eye, left eye (the subject's), nose tip, mouth, float32 (k, 2), or None.
        rotation: By how many degrees (0, 90, 180, 270), to the next quarter, the picture was turned counterclockwise to
            find the face.
    """

    box: NDArray[np.float32]
    score: float
    keypoints: NDArray[np.float32] | None = None
    rotation: int = 0

    @property
    def roll_deg(self) -> float:
        """Clockwise lean of the face on screen in degrees, as far as the detector tells."""
        if self.keypoints is None:
            return float((self.rotation + 180) % 360 - 180)
        across = self.keypoints[LEFT_EYE_POINT] - self.keypoints[RIGHT_EYE_POINT]
        return float(np.degrees(np.arctan2(across[1], across[0])))


class Detector(Protocol):
    """Finds faces in one picture at a time.

    Attributes:
        finds_any_lean: Whether it finds faces that lie or stand on their head in the picture as it is.
    """

    finds_any_lean: bool

    def detect(self, image: NDArray[np.uint8], known: Sequence[Detection] = ()) -> list[Detection]:
        """Return the faces of a picture.

        Args:
            image: RGB picture (h, w, 3).
            known: Faces that are certain; no work needs to be spent on them.

        Returns:
            The known faces, if the detector makes use of them, and all others, best first.
        """
        ...

    def check(self, image: NDArray[np.uint8], known: Sequence[Detection]) -> list[Detection]:
        """Return at least which known faces are still there and which new ones are obvious, if that is cheaper.

        Args:
            image: RGB picture (h, w, 3).
            known: Faces where they should be now.
        """
        ...


Warn = Callable[[str], None]


def _blazeface(confidence: float, minimum_size: int, _warn: Warn) -> Detector:
    from .blazeface import BlazeFaceDetector

    return BlazeFaceDetector(confidence, minimum_size)


def _dlib_hog(confidence: float, minimum_size: int, _warn: Warn) -> Detector:
    from .dlib_detection import HogDetector

    return HogDetector(confidence, minimum_size)


def _dlib_cnn(confidence: float, minimum_size: int, warn: Warn) -> Detector:
    from .dlib_detection import CnnThenHogDetector

    return CnnThenHogDetector(confidence, minimum_size, warn)


DETECTORS: dict[str, Callable[[float, int, Warn], Detector]] = {
    "blazeface": _blazeface,
    "dlib-hog": _dlib_hog,
    "dlib-cnn": _dlib_cnn,
}


def make_detector(name: str, confidence: float, minimum_size: int, warn: Warn = lambda _sentence: None) -> Detector:
    """Return a detector of `DETECTORS`, its model loaded.

    Args:
        name: Key of `DETECTORS`.
        confidence: Lowest score that counts, 0…1.
        minimum_size: Smallest side of a face box in pixels.
        warn: Is told once when a detector lets another one look.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """
    return DETECTORS[name](confidence, minimum_size, warn)


def suppress_doubles(detections: list[Detection], overlap: float = 0.3) -> list[Detection]:
    """Return the detections, best first, without those that lie on a better one.

    Besides the overlap of the areas, a box that lies mostly inside a better one counts as its double: tiles of a
    picture find parts of faces that the whole picture has found completely.
    """
    if len(detections) < 2:
        return list(detections)
    order = sorted(range(len(detections)), key=lambda index: -detections[index].score)
    doubles = _doubles(np.stack([item.box for item in detections]), overlap)
    kept: list[int] = []
    for index in order:
        if not doubles[index, kept].any():
            kept.append(index)
    return [detections[index] for index in kept]


def _doubles(boxes: NDArray[np.float32], overlap: float) -> NDArray[np.bool_]:
    """Return for each pair of boxes (n, 4) whether they are of one face, (n, n)."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
    smaller = np.minimum(areas[:, None], areas[None, :])
    return (box_overlap(boxes, boxes) > overlap) | ((shared > 0.7 * smaller) & (smaller > 0))
