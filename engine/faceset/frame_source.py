# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames that faces of other programs were cut from: a folder of pictures, or the movie itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError
from ..contract.jobs import Footage
from ..contract.timing import FrameRange
from ..media.images import list_pictures, read_image
from ..media.reader import FootageReader

_LAST_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame that was looked for.

    Attributes:
        name: What the other program calls it.
        picture: File name for the faceset's record; empty for a movie.
        media_frame: Media frame of a movie; -1 for pictures.
        image: uint8 (h, w, 3) RGB; None when it can't be read.
        problem: Why it can't be read.
    """

    name: str
    picture: str
    media_frame: int
    image: NDArray[np.uint8] | None
    problem: str = ""


class FrameSource(Protocol):
    """Where frames come from."""

    def names(self) -> list[str] | None:
        """Return the names of all frames, or None where frames have numbers only."""
        ...

    def find(self, names: Sequence[str]) -> list[str]:
        """Return those of `names` that are there, in the order in which `read` gives them."""
        ...

    def read(self, names: Sequence[str]) -> Iterator[Frame]:
        """Yield the frames of these names, which `find` found, in its order."""
        ...


def open_frames(path: Path, first: int | None = None) -> FrameSource:
    """Return the frames in a folder or a movie.

    Args:
        path: Folder or movie.
        first: Number that the names give a movie's first frame; None tells by whether a name has the number 0.

    Raises:
        EngineError: `footage_missing` for a folder that can't be read, `footage_unreadable` for a movie.
    """
    return _Folder(path) if path.is_dir() or not path.exists() else _Movie(path, first)


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._paths = {path.name: path for path in list_pictures(folder)}

    def names(self) -> list[str] | None:
        return list(self._paths)

    def find(self, names: Sequence[str]) -> list[str]:
        wanted = set(names)
        return [name for name in self._paths if name in wanted]

    def read(self, names: Sequence[str]) -> Iterator[Frame]:
        for name in names:
            try:
                yield Frame(name, name, -1, read_image(self._paths[name]))
            except EngineError as error:
                yield Frame(name, name, -1, None, error.message)


class _Movie:
    """faceswap and DeepFaceLab number a movie's frames in their names; faceswap begins with 1."""

    def __init__(self, path: Path, first: int | None) -> None:
        self._footage, self._first = Footage(path), first
        with FootageReader(self._footage) as reader:
            self._count = reader.info.frame_count
        self._media_frames: dict[str, int] = {}

    def names(self) -> list[str] | None:
        return None

    def find(self, names: Sequence[str]) -> list[str]:
        numbers = {name: int(found[1]) for name in names if (found := _LAST_NUMBER.search(Path(name).stem))}
        first = self._first
        if first is None:
            first = 0 if 0 in numbers.values() else 1
        inside = {name: number - first for name, number in numbers.items() if 0 <= number - first < self._count}
        self._media_frames = dict(sorted(inside.items(), key=lambda item: item[1]))
        return list(self._media_frames)

    def read(self, names: Sequence[str]) -> Iterator[Frame]:
        names_of: dict[int, list[str]] = {}
        for name in names:
            names_of.setdefault(self._media_frames[name], []).append(name)
        ranges = [FrameRange(number, number + 1) for number in names_of]
        with FootageReader(self._footage) as reader:
            for media_frame, image in reader.frames(ranges) if ranges else ():
                for name in names_of[media_frame]:
                    yield Frame(name, "", media_frame, image)
