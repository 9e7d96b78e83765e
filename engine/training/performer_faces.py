# SPDX-License-Identifier: GPL-3.0-or-later
"""The faces of one performer, as training holds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .view_units import Points

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class PerformerFaces:
    """The faces of one performer.

    Attributes:
        performer: Performer id.
        learned: Faces to train on, uint8 (h, h, 3) RGB.
        held_out: Faces kept from training, to measure it; some of the learned ones when there are few.
        learned_coverage: Side of each learned face in canonical face squares, float (n,).
        held_out_coverage: The same of the held-out faces.
        digest: SHA-256 of all pictures, to tell later what a model was trained on.
        folders: Where the faces came from.
        learned_yaw: Turn of each learned face in degrees, NaN where unknown, float (n,); None when none is known.
        learned_masks: Where each learned face is, uint8 (m, m, 1) over the picture's square; empty when not asked for.
        learned_points: Landmarks of each learned face in units; empty when not asked for.
        held_out_points: The same of the held-out faces.
    """

    performer: str
    learned: tuple[Picture, ...]
    held_out: tuple[Picture, ...]
    learned_coverage: NDArray[np.float64]
    held_out_coverage: NDArray[np.float64]
    digest: str
    folders: tuple[Path, ...]
    learned_yaw: NDArray[np.float64] | None = None
    learned_masks: tuple[Picture, ...] = ()
    learned_points: tuple[Points, ...] = ()
    held_out_points: tuple[Points, ...] = ()
