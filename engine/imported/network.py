# SPDX-License-Identifier: GPL-3.0-or-later
"""What all imported networks share in a swap: alignment, performers, one call for some faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.imported_model import ImportedModel
from ..runtime.openvino_runtime import precision_title
from .alignments import alignment_matrix

Faces = NDArray[np.float32]


class ImportedNetwork:
    """A network made elsewhere, as a swapper; a subclass says how faces go through it.

    Attributes:
        face_size: Side of the faces in pixels.
        coverage: Side of the faces in canonical face squares.
        performers: Performer ids it can show.
        family: Its kind.
        step: 0; nobody here trained it.
        fingerprint: SHA-256 of what it is made of.
    """

    def __init__(self, model: ImportedModel) -> None:
        self.face_size = model.face_size
        self.coverage = model.coverage
        self.performers = model.performers
        self.family = model.kind
        self.step = 0
        # Another morph or another alignment gives other pictures.
        self.fingerprint = f"{model.fingerprint} {model.alignment} {model.face_size} {model.morph}"
        self._alignment = model.alignment

    def image_to_face(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the similarity (2, 3) from the picture to the face that the network takes, of landmarks (68, 2)."""
        return alignment_matrix(self._alignment, landmarks, self.face_size)

    def inputs(self, plates: Faces, landmarks: NDArray[np.floating], source: str, targets: Sequence[str]) -> Faces:
        """Return the faces themselves: networks made elsewhere are given nothing beside them."""
        del landmarks, source, targets
        return plates

    def precision_of(self, source: str) -> str:
        """Return how exactly such networks are computed: nobody measured them, so as exactly as can be."""
        return precision_title()

    def swap(self, faces: Faces, source: str) -> tuple[Faces, Faces | None]:
        """Give faces the identity of a performer.

        Args:
            faces: float32 (n, S, S, 3) RGB in 0…1, aligned by `image_to_face`.
            source: Performer to appear.

        Returns:
            The faces, shaped like `faces`, and the network's masks (n, S, S) in 0…1, or None where it has none.

        Raises:
            EngineError: `performer_unknown`, or `internal` when the network returns other shapes than it should.
        """
        if source not in self.performers:
            raise EngineError(
                ErrorCode.PERFORMER_UNKNOWN,
                f"The imported model does not know the performer {source}; it shows {', '.join(self.performers)}.",
                "Choose one of them, or import the network with this performer.",
            )
        # One by one: most such files fix the number of faces at one.
        results = [self.swap_one(np.ascontiguousarray(face, np.float32), source) for face in faces]
        swapped = np.stack([face for face, _mask in results])
        masks = [mask for _face, mask in results if mask is not None]
        return np.clip(swapped, 0.0, 1.0), np.clip(np.stack(masks), 0.0, 1.0) if masks else None

    def swap_one(self, face: Faces, source: str) -> tuple[Faces, Faces | None]:
        """Swap one face (S, S, 3); return it and its mask (S, S) or None."""
        raise NotImplementedError


def shaped(array: Faces, shape: tuple[int, ...], what: str) -> Faces:
    """Return a copy of a network's output without its axes of length one, checked.

    Raises:
        EngineError: `internal`, when it has another shape.
    """
    squeezed = np.squeeze(array)
    if squeezed.shape != shape:
        raise EngineError(
            ErrorCode.INTERNAL,
            f"The network returned {what} of shape {array.shape} where {shape} was expected.",
            "This network can't be used here.",
        )
    return np.array(squeezed, np.float32)


def unusable(text: str) -> EngineError:
    """Return the error for a network that isn't what it was imported as."""
    return EngineError(ErrorCode.MODEL_MISMATCH, text, "Import it as the other kind, or use another file.")
