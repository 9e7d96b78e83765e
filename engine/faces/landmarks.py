# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitting the 68 landmarks of a face: what every fitter can do, and which there are.

Landmarks are numbered as in Multi-PIE/iBUG: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, lips 48-67; (68, 2) float32
picture pixels, never rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class LandmarkFitter(Protocol):
    """Fits the 68 landmarks of one face.

    Attributes:
        knows_presence: Whether the confidence says if there is a face at all; if not, it is always 1.
    """

    knows_presence: bool

    def fit(
        self, image: NDArray[np.uint8], box: NDArray[np.floating], roll_deg: float = 0.0
    ) -> tuple[NDArray[np.float32], float]:
        """Return landmarks (68, 2) and confidence of the face in a detector's box."""
        ...

    def follow(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> tuple[NDArray[np.float32], float]:
        """Return landmarks (68, 2) and confidence of a face close to where it was before."""
        ...


def _mesh() -> LandmarkFitter:
    from .mesh import MeshFitter

    return MeshFitter()


def _dlib_68() -> LandmarkFitter:
    from .dlib_landmarks import DlibFitter

    return DlibFitter()


LANDMARK_FITTERS: dict[str, Callable[[], LandmarkFitter]] = {"mesh": _mesh, "dlib-68": _dlib_68}


def make_landmark_fitter(name: str) -> LandmarkFitter:
    """Return a fitter of `LANDMARK_FITTERS`, its model loaded.

    Raises:
        EngineError: `detector_unavailable` or `library_missing`.
    """
    return LANDMARK_FITTERS[name]()
