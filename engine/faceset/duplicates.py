# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces that show next to nothing new: near-duplicates, each led by the best picture of its kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..runtime.reporter import Reporter
from .appearance import SMALL_SIDE
from .likeness import lead
from .looks import Looks
from .record import FaceRecord

# Root mean square difference of the 16 x 16 luma copies, of 255. Noise of a camera stays below 2, neighboring frames
# of a head that turns are above 5.
REACH = 4.0


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which faces say the same.

    Attributes:
        leaders: For each face the index of the best of its kind; its own where it is that one, int64 (n,).
        distances: How far each is from its leader, luma levels of 255, float64 (n,).
    """

    leaders: NDArray[np.int64]
    distances: NDArray[np.float64]

    @property
    def is_leader(self) -> NDArray[np.bool_]:
        """Whether a face is the best of its kind, bool (n,)."""
        return self.leaders == np.arange(len(self.leaders))


def merits(looks: Looks) -> NDArray[np.float64]:
    """Return one figure for choosing among alike faces, (n,): sharp, large and free ones are high."""
    sharpness = looks.figure("sharpness").astype(np.float64)
    return np.array([_room(r) for r in looks.records], np.float64) * (1 + np.minimum(sharpness, 30.0))


def _room(record: FaceRecord) -> float:
    size = record.size_in_picture_px or record.size or 1
    return min(size, 256.0) * (1 - record.occlusion)


def find_duplicates(looks: Looks, reporter: Reporter, reach: float = REACH) -> Duplicates:
    """Return which faces are near-duplicates, the same for the same faces in any order.

    Args:
        looks: What the pictures tell.
        reporter: Receives progress; when it asks to stop, the rest counts as different.
        reach: Root mean square difference of luma that still counts as the same.
    """
    count = len(looks.records)
    names = [record.file for record in looks.records]
    merit = merits(looks)
    order = np.array(sorted(range(count), key=lambda i: (-merit[i], names[i])), np.int64)
    reporter.stage("duplicates", "Comparing the faces")
    leaders, distances = lead(
        looks.small[order].astype(np.float32),
        reach * SMALL_SIDE,
        lambda done: reporter.progress(done, count, "faces"),
    )
    back = np.empty(count, np.int64)
    back[order] = np.arange(count)
    return Duplicates(order[leaders[back]] if count else leaders, distances[back] / SMALL_SIDE)
