# SPDX-License-Identifier: GPL-3.0-or-later
"""The face tracks of a footage frame by frame, as the engine keeps them in tracks.npz; read-only and without bpy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.files import WRONG_ARRAYS, damage
from ..engine.contract.project import TRACKS_FILE

# Footage whose arrays are kept for the next question; a long track of 68 landmarks takes half a kilobyte a frame.
_KEPT = 4


@dataclass(frozen=True, eq=False)
class TrackArrays:
    """One face through a footage; all arrays have one entry for each of `frames`.

    Attributes:
        id: Number of the track in its footage.
        frames: Media frames, ascending and without holes, int32 (n,).
        landmarks: Steadied landmarks, float32 (n, 68, 2), picture px, pixel centers at integers, y down.
        boxes: x0, y0, x1, y1 around them, float32 (n, 4).
        bridged: Frames in which the face was lost and its landmarks are interpolated, bool (n,).
        size: Side of the face square in picture px, float32 (n,).
    """

    id: int
    frames: np.ndarray
    landmarks: np.ndarray
    boxes: np.ndarray
    bridged: np.ndarray
    size: np.ndarray

    def index(self, media_frame: int) -> int | None:
        """Return the position of a media frame in the arrays, or None where the track isn't."""
        position = int(np.searchsorted(self.frames, media_frame))
        is_there = position < len(self.frames) and self.frames[position] == media_frame
        return position if is_there else None


_SHAPES = {"frames": (), "landmarks": (68, 2), "boxes": (4,), "bridged": (), "size": ()}
_known: dict[Path, tuple[tuple[int, int], tuple[TrackArrays, ...]]] = {}


def read_tracks(folder: Path) -> tuple[TrackArrays, ...]:
    """Return the face tracks of a footage, ascending by id; the file is read only after it changed.

    Args:
        folder: The footage's folder in the project.

    Raises:
        EngineError: `tracks_missing`, naming the file that is missing or damaged.
    """
    path = folder / TRACKS_FILE
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        known = _known.get(path)
        if known is None or known[0] != stamp:
            # Popped first, so that what was asked for last is the last to be forgotten.
            _known.pop(path, None)
            _known[path] = known = (stamp, _read(path))
            while len(_known) > _KEPT:
                del _known[next(iter(_known))]
        return known[1]
    except FileNotFoundError as error:
        raise EngineError(
            ErrorCode.TRACKS_MISSING, f"The face tracks {path} are missing.", "Extract the faces of this shot first."
        ) from error
    except WRONG_ARRAYS as error:
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"The face tracks in {path} can't be read: {damage(error)}.",
            "Extract the faces of this shot again.",
        ) from error


def _read(path: Path) -> tuple[TrackArrays, ...]:
    # Opened here and not by numpy, which leaves a damaged zip open; Windows couldn't replace the file then.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return tuple(_track(arrays, int(number)) for number in sorted(arrays["ids"].tolist()))


def _track(arrays: Any, number: int) -> TrackArrays:
    values = {name: arrays[f"{number}/{name}"] for name in _SHAPES}
    count = len(values["frames"])
    for name, shape in _SHAPES.items():
        if not count or values[name].shape != (count, *shape):
            raise ValueError(f"{name} of track {number} has shape {values[name].shape}")
    return TrackArrays(id=number, **values)
