# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing what was found with what is known: which faces were found, which findings are false or double."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from face_scenes import KnownFace
from scipy.optimize import linear_sum_assignment
from understudy.engine.faces.geometry import box_overlap

_SAME = 0.3


@dataclass(frozen=True)
class Verdict:
    """How well the faces of pictures were found.

    Attributes:
        known: How many faces there are.
        found: How many of them were found.
        doubles: Findings of faces that were found already.
        false: Findings where there is no face.
    """

    known: int = 0
    found: int = 0
    doubles: int = 0
    false: int = 0

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(
            self.known + other.known,
            self.found + other.found,
            self.doubles + other.doubles,
            self.false + other.false,
        )

    @property
    def recall(self) -> float:
        """Share of the faces that were found."""
        return self.found / self.known if self.known else 1.0


def partners(boxes: Sequence[np.ndarray], faces: Sequence[KnownFace]) -> dict[int, int]:
    """Return which of the known faces (value) each found box (key) shows, each once."""
    if not len(boxes) or not faces:
        return {}
    overlap = box_overlap(np.stack(boxes), np.stack([face.box for face in faces]))
    return {
        int(row): int(column)
        for row, column in zip(*linear_sum_assignment(-overlap), strict=True)
        if overlap[row, column] > _SAME
    }


def judge(boxes: Sequence[np.ndarray], faces: Sequence[KnownFace], least_visible: float = 0.0) -> Verdict:
    """Compare found boxes with the known faces; those less visible than asked may be found or not."""
    pairs = partners(boxes, faces)
    wanted = [face.visible >= least_visible for face in faces]
    doubles = false = 0
    for index, box in enumerate(boxes):
        if index in pairs:
            continue
        lies_on = any(_lies_on(box, face.box) for face in faces)
        doubles, false = doubles + lies_on, false + (not lies_on)
    return Verdict(sum(wanted), sum(wanted[face] for face in pairs.values()), doubles, false)


def _lies_on(box: np.ndarray, face: np.ndarray) -> bool:
    low, high = np.maximum(box[:2], face[:2]), np.minimum(box[2:], face[2:])
    shared = np.prod(np.clip(high - low, 0, None))
    return bool(shared > 0.3 * min(np.prod(box[2:] - box[:2]), np.prod(face[2:] - face[:2])))
