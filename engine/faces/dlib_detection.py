# SPDX-License-Identifier: GPL-3.0-or-later
"""dlib's two face detectors: HOG (frontal faces) and CNN (slow without a GPU), and HOG where the CNN finds nothing.

Both find faces from about 80 px on, so every picture is brought to the same number of pixels first; measured, 960 x 540
is where more pixels stop paying for HOG. dlib's scores are margins around 0; they are mapped to 0…1 with 0 at one
half, so that the setting `confidence` means "dlib's own threshold" at its default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .detection import Detection, suppress_doubles
from .models import damaged_model, import_library, model_path

_PIXELS = 960 * 540
_LARGEST_ENLARGEMENT = 2.0
_STEEPNESS = 2.0

FALLBACK_WARNING = "In some pictures dlib-cnn finds no face and dlib-hog does; the faces in these are dlib-hog's."


class _DlibDetector:
    """What both detectors share: scaling, and boxes brought back to the picture."""

    finds_any_lean = False

    def __init__(self, confidence: float, minimum_size: int) -> None:
        self._confidence = confidence
        self._minimum_size = minimum_size

    def detect(self, image: NDArray[np.uint8], known: Sequence[Detection] = ()) -> list[Detection]:
        """Return the faces of an RGB picture (h, w, 3), best first."""
        height, width = image.shape[:2]
        scale = min(math.sqrt(_PIXELS / (width * height)), _LARGEST_ENLARGEMENT)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        step = np.array([width / size[0], height / size[1]] * 2)
        found = []
        for rectangle, margin in self._find(np.ascontiguousarray(scaled, dtype=np.uint8)):
            # dlib names the first and last pixel inside; the box's edges lie half a pixel further out.
            edges = np.array([rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1], float)
            box = (edges * step - 0.5).astype(np.float32)
            score = 1 / (1 + math.exp(-_STEEPNESS * margin))
            if score >= self._confidence and min(box[2] - box[0], box[3] - box[1]) >= self._minimum_size:
                found.append(Detection(box, score))
        return suppress_doubles(found)

    def check(self, image: NDArray[np.uint8], known: Sequence[Detection]) -> list[Detection]:
        """Return the faces of a picture; for this detector a closer look isn't cheaper."""
        return self.detect(image)

    def _find(self, image: NDArray[np.uint8]) -> Iterable[tuple[Any, float]]:
        raise NotImplementedError


class HogDetector(_DlibDetector):
    """Finds frontal faces by histograms of gradients; its model is part of dlib.

    Args:
        confidence: Lowest score that counts, 0…1; 0.5 is dlib's own threshold.
        minimum_size: Smallest side of a face box in pixels.

    Raises:
        EngineError: `library_missing`.
    """

    def __init__(self, confidence: float, minimum_size: int) -> None:
        super().__init__(confidence, minimum_size)
        self._detector = import_library("dlib").get_frontal_face_detector()
        bounded = min(max(confidence, 0.05), 0.99)
        self._threshold = math.log(bounded / (1 - bounded)) / _STEEPNESS

    def _find(self, image: NDArray[np.uint8]) -> Iterable[tuple[Any, float]]:
        rectangles, margins, _ = self._detector.run(image, 0, self._threshold)
        return zip(rectangles, margins, strict=True)


class CnnDetector(_DlibDetector):
    """Finds faces with dlib's max-margin convolutional network.

    Args:
        confidence: Lowest score that counts, 0…1; 0.5 is dlib's own threshold.
        minimum_size: Smallest side of a face box in pixels.

    Raises:
        EngineError: `library_missing` or `detector_unavailable`.
    """

    def __init__(self, confidence: float, minimum_size: int) -> None:
        super().__init__(confidence, minimum_size)
        path = model_path("dlib-cnn")
        try:
            self._detector = import_library("dlib").cnn_face_detection_model_v1(str(path))
        except RuntimeError as error:
            raise damaged_model(path, error) from error

    def _find(self, image: NDArray[np.uint8]) -> Iterable[tuple[Any, float]]:
        return ((item.rect, item.confidence) for item in self._detector(image, 0))


class CnnThenHogDetector:
    """Asks the network, and HOG about a picture in which the network finds nothing.

    Args:
        confidence: Lowest score that counts, 0…1; 0.5 is dlib's own threshold.
        minimum_size: Smallest side of a face box in pixels.
        warn: Is told the first time that HOG finds what the network didn't.

    Raises:
        EngineError: `library_missing` or `detector_unavailable`.
    """

    finds_any_lean = False

    def __init__(self, confidence: float, minimum_size: int, warn: Callable[[str], None]) -> None:
        self._network = CnnDetector(confidence, minimum_size)
        self._fallback = HogDetector(confidence, minimum_size)
        self._warn = warn
        self._has_warned = False

    def detect(self, image: NDArray[np.uint8], known: Sequence[Detection] = ()) -> list[Detection]:
        """Return the faces of an RGB picture (h, w, 3), best first."""
        found = self._network.detect(image)
        if found:
            return found
        found = self._fallback.detect(image)
        if found and not self._has_warned:
            self._has_warned = True
            self._warn(FALLBACK_WARNING)
        return found

    def check(self, image: NDArray[np.uint8], known: Sequence[Detection]) -> list[Detection]:
        """Return the faces of a picture; for this detector a closer look isn't cheaper."""
        return self.detect(image)
