# SPDX-License-Identifier: GPL-3.0-or-later
"""Where landmarks and eyes of stored faces lie, in units of views: from the records, or fitted to the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..faces.eyes import EyeFitter
from ..faces.geometry import transform_points
from ..faces.mesh import MeshFitter
from ..faceset.record import FaceRecord
from ..runtime.reporter import Reporter
from .view_units import UNKNOWN, Points, in_units

_LEAST_PRESENCE = 0.5


class FacePoints:
    """Tells where the landmarks and eyes of a faceset's faces lie.

    Args:
        reporter: Is told once when faces without landmarks can't be fitted.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`, when eyes can't be fitted.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._fitter: MeshFitter | None = None
        self._can_fit = True
        self._eyes = EyeFitter()

    def of(self, record: FaceRecord, image: NDArray[np.uint8]) -> Points:
        """Return a face's landmarks; `UNKNOWN` where the record has none and no face can be fitted.

        Args:
            record: What is known of the face.
            image: The aligned face, uint8 (h, h, 3) RGB.
        """
        if record.landmarks is not None and record.image_to_face is not None:
            landmarks = transform_points(record.image_to_face, record.landmarks)
        else:
            landmarks = self._fitted(image, record.coverage)
        if landmarks is None:
            return UNKNOWN
        points = np.concatenate([landmarks, self._eyes.fit(image, landmarks)])
        return in_units(points, image.shape[0], record.coverage)

    def _fitted(self, image: NDArray[np.uint8], coverage: float) -> NDArray[np.floating] | None:
        fitter = self._open()
        if fitter is None:
            return None
        size = image.shape[0]
        middle, half = (size - 1) / 2, size / coverage / 2
        box = np.array([middle - half, middle - half, middle + half, middle + half])
        landmarks, presence = fitter.fit(image, box)
        return landmarks if presence >= _LEAST_PRESENCE else None

    def _open(self) -> MeshFitter | None:
        if self._fitter is None and self._can_fit:
            try:
                self._fitter = MeshFitter()
            except EngineError as error:
                if error.code not in (ErrorCode.DETECTOR_UNAVAILABLE, ErrorCode.LIBRARY_MISSING):
                    raise
                self._can_fit = False
                self._reporter.warning(f"Faces without landmarks are learned without their sketch. {error}")
        return self._fitter
