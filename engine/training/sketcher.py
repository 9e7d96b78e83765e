# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes what a network is given of faces that it shall swap: the picture, and the sketch in the other's shape."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..faces.eyes import EyeFitter
from ..faces.sketch import EYES
from .checkpoint import ModelDocument
from .face_shapes import shapes_from_json
from .network_inputs import Faces, with_sketches
from .view_units import LANDMARKS, UNITS_PER_SQUARE, Points


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
            EngineError: `detector_unavailable` or `library_missing`, when eyes can't be fitted.
        """
        if not self.is_sketched:
            return plates
        px = plates.shape[1] / (self.coverage * UNITS_PER_SQUARE)
        pictures = np.rint(plates * np.float32(255)).astype(np.uint8)
        moved = []
        for picture, points, who in zip(pictures, landmarks, targets, strict=True):
            move = self._move(source, who) * px
            eyes = self._eyes.fit(picture, points).reshape(len(EYES), -1, 2)
            fitted = [_into(eye, points[rows], points[rows] + move[rows]) for eye, rows in zip(eyes, EYES, strict=True)]
            moved.append(np.concatenate([points + move, *fitted]))
        return with_sketches(plates, moved)

    @functools.cached_property
    def _eyes(self) -> EyeFitter:
        return EyeFitter()

    def _move(self, source: str, target: str) -> NDArray[np.float64]:
        """Return how far the source's landmarks lie from the target's, (68, 2) in units."""
        if source == target or source not in self.shapes or target not in self.shapes:
            return np.zeros((LANDMARKS, 2))
        difference = self.shapes[source] - self.shapes[target]
        return np.stack([difference.real, difference.imag], axis=-1)


def _into(eye: NDArray[np.float64], before: NDArray[np.floating], after: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return what was fitted of an eye where its six landmarks go, as wide as they make it.

    How far it is open and where it looks are the plate's: how that is on average in somebody's footage says nothing of
    the face.
    """
    if np.array_equal(before, after):
        return eye
    widths = [float(np.hypot(*(eye_landmarks[3] - eye_landmarks[0]))) for eye_landmarks in (before, after)]
    middle = before.mean(axis=0)
    return (eye - middle) * (widths[1] / max(widths[0], 1e-6)) + after.mean(axis=0)


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
