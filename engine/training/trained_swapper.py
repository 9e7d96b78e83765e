# SPDX-License-Identifier: GPL-3.0-or-later
"""What a trained model is for a swap, whichever library computes it: its faces' form, and whom it knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..faces.alignment import face_matrix
from .checkpoint import ModelDocument
from .network_inputs import Faces
from .sketcher import sketcher_of


class TrainedSwapper:
    """A trained network as a swapper; a subclass computes.

    Attributes:
        face_size: Side of the faces in pixels.
        coverage: Side of the faces in canonical face squares.
        performers: Performer ids it knows.
        family: Name of the network's family.
        step: Training steps behind its weights.
        fingerprint: SHA-256 of its weights.

    Raises:
        EngineError: `model_unreadable`, when the document's face shapes are none.
    """

    def __init__(self, document: ModelDocument) -> None:
        self.face_size = document.face_size
        self.coverage = document.coverage
        self.performers = tuple(document.performers)
        self.family = document.family
        self.step = document.step
        self.fingerprint = document.fingerprint
        self._sketcher = sketcher_of(document)

    def image_to_face(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the similarity (2, 3) from the picture to the face that the network takes, of landmarks (68, 2)."""
        return face_matrix(landmarks, self.face_size, self.coverage)

    def inputs(self, plates: Faces, landmarks: NDArray[np.floating], source: str, targets: Sequence[str]) -> Faces:
        """Return what the network is given of faces, see `Sketcher`."""
        return self._sketcher(plates, landmarks, source, targets)

    def check_source(self, source: str) -> None:
        """Refuse a performer whom the model doesn't know.

        Raises:
            EngineError: `performer_unknown`, naming whom it knows.
        """
        if source not in self.performers:
            raise EngineError(
                ErrorCode.PERFORMER_UNKNOWN,
                f"The model does not know the performer {source}; it was trained on {', '.join(self.performers)}.",
                "Choose one of them, or train a model with this performer.",
            )
