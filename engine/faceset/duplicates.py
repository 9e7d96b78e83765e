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
from .traits import traits_of_looks

# Root mean square difference of the 16 x 16 luma copies, of 255. Noise of a camera stays below 2, neighboring frames
# of a head that turns are above 5.
REACH = 3.0
# Lips and lids fill few of the 256 pixels, but a mouth that opens by this much, in face squares, is another expression.
_OPENING = 0.02


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which faces say the same.

    Attributes:
        leaders: For each face the index of the best of its kind; its own where it is that one, int64 (n,).
        distances: How far each is from its leader, in luma levels of 255, float64 (n,).
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


def _vectors(looks: Looks, reach: float) -> NDArray[np.float32]:
    """Return what is compared, float32 (n, 258): luma, and the openings scaled so that `_OPENING` alone is `reach`."""
    traits = traits_of_looks(looks)
    openings = np.nan_to_num(np.stack([traits.mouth, traits.eyes], axis=1))
    scaled = openings * (reach * SMALL_SIDE / _OPENING)
    return np.concatenate([looks.small, scaled], axis=1).astype(np.float32)


def find_duplicates(looks: Looks, reporter: Reporter, reach: float = REACH) -> Duplicates:
    """Return which faces are near-duplicates, the same for the same faces in any order.

    Args:
        looks: What the pictures tell.
        reporter: Receives progress; when it asks to stop, the rest counts as different.
        reach: Root mean square difference of luma that still counts as the same, of 255.
    """
    count = len(looks.records)
    names = [record.file for record in looks.records]
    merit = merits(looks)
    order = np.array(sorted(range(count), key=lambda i: (-merit[i], names[i])), np.int64)
    reporter.stage("duplicates", "Comparing the faces")
    leaders, distances = lead(
        _vectors(looks, reach)[order],
        reach * SMALL_SIDE,
        lambda done: reporter.progress(done, count, "faces"),
    )
    back = np.empty(count, np.int64)
    back[order] = np.arange(count)
    return Duplicates(order[leaders[back]] if count else leaders, distances[back] / SMALL_SIDE)
