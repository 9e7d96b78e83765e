# SPDX-License-Identifier: GPL-3.0-or-later
"""How eyes are open and where they look: the outline of each between its lids, and the middle of its iris.

MediaPipe's iris network sees a level square of 64 px around one eye, 2.3 times as wide as the eye from corner to
corner, values in 0…1. It answers 71 points of the eye, of which the first nine run along the lower lid from corner to
corner and the next seven along the upper one in the same direction, and five points of the iris, its middle first, in
pixels of that square (Ablavatski et al. 2020). It knows the eye on the left of the picture; the other one is shown to
it mirrored.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import align_face
from .geometry import invert_similarity, scale_of, transform_points
from .mesh import square_matrix
from .models import load_network

EYE_POINTS = 17
"""Points of an eye: the middle of its iris, then its outline, once around."""
_SIDE = 64
_MARGIN = 2.3
# Rows of each eye's corners among the 68 landmarks, and whether the network sees it mirrored.
_EYES = ((36, 39, False), (42, 45, True))
_OUTLINE = (*range(9), *range(15, 8, -1))


class EyeFitter:
    """Fits the eyes of faces whose landmarks are known.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """

    def __init__(self) -> None:
        self._run = load_network("iris")

    def fit(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the points of both eyes, that on the left of an upright face first.

        Args:
            image: RGB picture (h, w, 3).
            landmarks: The face's 68 points in its pixels.

        Returns:
            (2 · EYE_POINTS, 2) in picture pixels; not a number where a landmark is none, or both corners of an eye are
            one place.
        """
        return np.concatenate([self._fit_eye(image, np.asarray(landmarks, float), *eye) for eye in _EYES])

    def _fit_eye(
        self, image: NDArray[np.uint8], landmarks: NDArray[np.float64], first: int, second: int, is_mirrored: bool
    ) -> NDArray[np.float64]:
        corners = landmarks[[first, second]]
        along = corners[1] - corners[0]
        width = float(np.hypot(*along))
        if not np.isfinite(width) or width < 1e-6:
            return np.full((EYE_POINTS, 2), np.nan)
        lean = float(np.degrees(np.arctan2(along[1], along[0])))
        matrix = square_matrix(corners.mean(axis=0), width * _MARGIN, lean, _SIDE)
        eye = align_face(image, matrix, _SIDE, cv2.INTER_LINEAR if scale_of(matrix) >= 0.5 else None)
        seen = eye[:, ::-1] if is_mirrored else eye
        outputs = self._run(np.ascontiguousarray(seen, np.float32)[None] / np.float32(255))
        iris, outline = sorted((values.reshape(-1, 3)[:, :2] for values in outputs), key=len)
        # The network counts from the corner of its input; pixel centers are at integers here.
        points = np.concatenate([iris[:1], outline[list(_OUTLINE)]]).astype(np.float64) - 0.5
        if is_mirrored:
            points[:, 0] = _SIDE - 1 - points[:, 0]
        return transform_points(invert_similarity(matrix), points)
