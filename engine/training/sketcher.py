# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes what a network is given of faces that it shall swap: the picture, and the sketch in the other's shape."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..faces.iris import IrisFitter
from ..faces.sketch import EYES
from .checkpoint import ModelDocument
from .face_shapes import shapes_from_json
from .network_inputs import Faces, with_sketches
from .view_units import POINTS, UNITS_PER_SQUARE, Points


@dataclass(frozen=True, eq=False)
class Sketcher:
    """Makes the inputs of one network.

    Attributes:
        coverage: Side of the network's faces in canonical face squares.
        is_sketched: Whether it is given sketches at all.
        shapes: Performer -> mean landmarks in units (`face_shapes`); a sketch is moved by the difference of two.
    """

    coverage: float
    is_sketched: bool = False
    shapes: Mapping[str, Points] = field(default_factory=dict)

    def __call__(self, plates: Faces, landmarks: NDArray[np.floating], source: str, targets: Sequence[str]) -> Faces:
        """Return what the network is given.

        Args:
            plates: float32 (n, S, S, 3) RGB in 0…1, aligned at the network's size and coverage.
            landmarks: (n, 68, 2) in their pixels.
            source: Performer to appear.
            targets: Whose face each is; a sketch of someone whose shape isn't known stays as it is.

        Raises:
            EngineError: `detector_unavailable` or `library_missing`, when irises can't be found.
        """
        if not self.is_sketched:
            return plates
        px = plates.shape[1] / (self.coverage * UNITS_PER_SQUARE)
        pictures = np.rint(plates * np.float32(255)).astype(np.uint8)
        moved = []
        for picture, points, who in zip(pictures, landmarks, targets, strict=True):
            seen = np.concatenate([points, self._irises.fit(picture, points)])
            moved.append(seen + self._move(source, who) * px)
        return with_sketches(plates, moved)

    @functools.cached_property
    def _irises(self) -> IrisFitter:
        return IrisFitter()

    def _move(self, source: str, target: str) -> NDArray[np.float64]:
        """Return how far the source's points lie from the target's, (POINTS, 2) in units."""
        if source == target or source not in self.shapes or target not in self.shapes:
            return np.zeros((POINTS, 2))
        difference = self.shapes[source] - self.shapes[target]
        move = np.stack([difference.real, difference.imag], axis=-1)
        # An iris goes with its eye: where somebody's footage looks on average says nothing of the face.
        return np.concatenate([move, [move[rows].mean(axis=0) for rows in EYES]])


def sketcher_of(document: ModelDocument) -> Sketcher:
    """Return what makes the inputs of a model's network.

    Raises:
        EngineError: `model_unreadable`, when its face shapes are none.
    """
    try:
        shapes = shapes_from_json(document.shapes)
    except (ValueError, TypeError, AttributeError) as error:
        raise EngineError(
            ErrorCode.MODEL_UNREADABLE,
            f"The model's face shapes are damaged: {error}.",
            "Choose another checkpoint, restore the model from a backup, or train on: that writes them anew.",
        ) from error
    return Sketcher(document.coverage, document.sketch > 0, shapes)
