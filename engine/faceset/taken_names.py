# SPDX-License-Identifier: GPL-3.0-or-later
"""File names that are taken in a folder; the thousands that footage gives take one bit each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

_FOOTAGE_NAME = re.compile(r"([0-9]{6,})_t([0-9]{2,})\.png")
_FRAMES_TOGETHER = 1024


class TakenNames:
    """A set of file names that leaves their case aside, as some file systems do.

    Args:
        names: The first ones.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        # Frames by track and range: a bit for each. Written out, a name and its place in a set take a hundred bytes.
        self._frames: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._others: set[str] = set()
        for name in names:
            self.add(name)

    def __contains__(self, name: str) -> bool:
        place = _footage_place(name)
        if place is None:
            return name.casefold() in self._others
        key, bit = place
        return bool(self._frames.get(key, 0) & bit)

    def add(self, name: str) -> None:
        """Take a name."""
        place = _footage_place(name)
        if place is None:
            self._others.add(name.casefold())
        else:
            self._frames[place[0]] |= place[1]

    def discard(self, name: str) -> None:
        """Let a name go, if it is taken."""
        place = _footage_place(name)
        if place is None:
            self._others.discard(name.casefold())
        else:
            self._frames[place[0]] &= ~place[1]


def footage_name(media_frame: int, track: int) -> str:
    """Return the stem of the picture of a face of footage."""
    return f"{media_frame:06d}_t{max(track, 0):02d}"


def _footage_place(name: str) -> tuple[tuple[int, int], int] | None:
    """Return track and range, and the frame's bit in it, of a name as footage gives it; None for any other."""
    found = _FOOTAGE_NAME.fullmatch(name.casefold())
    if found is None or len(name) > 32:
        return None
    frame, track = map(int, found.groups())
    if f"{footage_name(frame, track)}.png" != name.casefold():
        # More zeros than we write: another file.
        return None
    return (track, frame // _FRAMES_TOGETHER), 1 << frame % _FRAMES_TOGETHER
