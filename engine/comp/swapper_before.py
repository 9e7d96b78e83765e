# SPDX-License-Identifier: GPL-3.0-or-later
"""A swapper that stands before another one: it knows what that one knows, and a subclass says when it is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .crop import Swapper


class SwapperBefore:
    """Knows what another swapper knows.

    Args:
        swapper: The other one.
    """

    def __init__(self, swapper: Swapper) -> None:
        self._asked = swapper
        self.face_size = swapper.face_size
        self.coverage = swapper.coverage
        self.performers = swapper.performers
        self.family = swapper.family
        self.step = swapper.step
        self.fingerprint = swapper.fingerprint

    def image_to_face(self, landmarks: np.ndarray) -> np.ndarray:
        """Return the other's alignment."""
        return self._asked.image_to_face(landmarks)

    def inputs(self, plates: np.ndarray, landmarks: np.ndarray, source: str, targets: Sequence[str]) -> np.ndarray:
        """Return what the other is given."""
        return self._asked.inputs(plates, landmarks, source, targets)

    def precision_of(self, source: str) -> str:
        """Return how exactly the other computes now."""
        return self._asked.precision_of(source)
