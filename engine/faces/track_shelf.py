# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks that have ended, put away in a nameless file until the search of their footage is over."""

from __future__ import annotations

import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.files import writing_error
from .tracks import PER_FRAME, FaceTrack

# Every array starts at a multiple of this many bytes, so that it can be read in place.
_ALIGNMENT = 64


@dataclass(frozen=True, eq=False)
class _Place:
    track: int
    identity: NDArray[np.float32]
    count: int
    starts: dict[str, int]


class TrackShelf:
    """Holds tracks; they come back equal, in the order in which they came."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="understudy-")  # noqa: SIM115 - closed with the shelf
        weakref.finalize(self, self._file.close)
        self._places: list[_Place] = []
        self._end = 0

    def put(self, track: FaceTrack) -> None:
        """Put a track behind the others.

        Raises:
            EngineError: `disk_full` or `not_writable`.
        """
        try:
            self._put(track)
        except OSError as error:
            raise writing_error(Path(tempfile.gettempdir()), error) from error

    def _put(self, track: FaceTrack) -> None:
        starts: dict[str, int] = {}
        for name in PER_FRAME:
            values = np.ascontiguousarray(getattr(track, name))
            self._file.seek(self._end)
            self._file.write(values.reshape(-1).view(np.uint8).data)
            self._file.write(bytes(-values.nbytes % _ALIGNMENT))
            starts[name] = self._end
            self._end += values.nbytes + -values.nbytes % _ALIGNMENT
        self._places.append(_Place(track.id, track.identity, len(track.frames), starts))

    def all(self) -> list[FaceTrack]:
        """Return the tracks; their arrays are parts of the file, which are read where they are looked at."""
        if not self._places:
            return []
        self._file.flush()
        # One map for all of them: a program may have a thousand files open, and a long footage has more tracks. Who
        # writes to an array changes a copy.
        content = np.memmap(self._file, np.uint8, "c")
        return [
            FaceTrack(
                id=place.track,
                identity=place.identity,
                **{
                    name: np.ndarray((place.count, *shape), kind, content, place.starts[name])
                    for name, (shape, kind) in PER_FRAME.items()
                },
            )
            for place in self._places
        ]
