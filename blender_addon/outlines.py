# SPDX-License-Identifier: GPL-3.0-or-later
"""The outlines of a swap's blend masks, as the engine writes them beside its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.files import WRONG_ARRAYS, damage


@dataclass(frozen=True)
class Outlines:
    """The outlines of a swap's blend masks, as `outlines.npz` holds them.

    Attributes:
        media_frames: int (n,), ascending or not.
        tracks: int (t,), face track ids.
        points: float32 (n, t, 16, 2), plate px, clockwise on screen.
        present: bool (n, t), whether the track has a face there.
        feather_px: float32 (n, t), width of the soft edge in plate px.
    """

    media_frames: np.ndarray
    tracks: np.ndarray
    points: np.ndarray
    present: np.ndarray
    feather_px: np.ndarray

    def rows(self, media_frames: Sequence[int]) -> np.ndarray:
        """Return the row of each media frame, -1 where there is none."""
        row_of = {int(frame): row for row, frame in enumerate(self.media_frames)}
        return np.array([row_of.get(frame, -1) for frame in media_frames], dtype=np.int64)


def read_outlines(path: Path) -> Outlines:
    """Read `outlines.npz`.

    Raises:
        EngineError: `picture_unreadable`, when the file is missing or damaged.
    """
    try:
        # Opened here and not by numpy, which leaves a damaged zip open; Windows couldn't replace the file then.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Outlines(**{name: arrays[name] for name in Outlines.__dataclass_fields__})
    except WRONG_ARRAYS as error:
        raise EngineError(
            ErrorCode.PICTURE_UNREADABLE, f"The outlines {path} can't be read: {damage(error)}.", "Swap the shot again."
        ) from error
