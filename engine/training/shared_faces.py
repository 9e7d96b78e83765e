# SPDX-License-Identifier: GPL-3.0-or-later
"""The faces that are learned from, once in memory for this process and for those that make its batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.array_messages import ArrayMessage
from ..runtime.shared_memory import SharedMemory, make_shared_memory
from .performer_faces import PerformerFaces, Picture
from .view_units import POINTS

# Where a line of the processor's cache begins.
_LINE = 64

Shape = tuple[int, ...]


class SharedFaces:
    """Faces copied into memory that other processes can open.

    Args:
        faces: One entry for each performer; who keeps them has the learned pictures twice.

    Attributes:
        performers: The same faces, whose learned pictures and masks lie in that memory.
        memory: What they lie in.

    Raises:
        OSError: There is no room for them.
    """

    def __init__(self, faces: Sequence[PerformerFaces]) -> None:
        kinds = [(item.learned, item.learned_masks) for item in faces]
        shapes = [picture.shape for learned, masks in kinds for picture in (*learned, *masks)]
        self.memory = make_shared_memory(sum(map(_room, shapes)))
        self._shapes = shapes
        views = _views(self.memory, shapes)
        performers = []
        for item, (learned, masks) in zip(faces, kinds, strict=True):
            copies = [[_filled(next(views), picture) for picture in pictures] for pictures in (learned, masks)]
            performers.append(replace(item, learned=tuple(copies[0]), learned_masks=tuple(copies[1])))
        self.performers = tuple(performers)

    def described(self) -> ArrayMessage:
        """Return a message by which `open_shared_faces` finds the faces in the memory."""
        each = [[item.performer, len(item.learned), len(item.learned_masks)] for item in self.performers]
        content = {"handle": self.memory.handle, "size": self.memory.size, "performers": each}
        coverages = [item.learned_coverage for item in self.performers]
        points = [np.reshape(item.learned_points, (-1, POINTS)).view(np.float64) for item in self.performers]
        return content, [np.array(self._shapes, np.int64), *coverages, *points]


def open_shared_faces(content: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> tuple[PerformerFaces, ...]:
    """Return what batches are made of, in another process: the learned pictures, masks, coverages and landmarks.

    Args:
        content: What `SharedFaces.described` returned.
        arrays: Its second part.
    """
    shapes, *others = arrays
    coverages, all_points = others[: len(others) // 2], others[len(others) // 2 :]
    views = _views(SharedMemory(content["handle"], content["size"]), [tuple(shape) for shape in shapes.tolist()])
    faces = []
    for (name, count, masks), coverage, points in zip(content["performers"], coverages, all_points, strict=True):
        learned, learned_masks = (tuple(next(views) for _ in range(number)) for number in (count, masks))
        places = tuple(np.ascontiguousarray(points).view(np.complex128))
        faces.append(PerformerFaces(name, learned, (), coverage, coverage[:0], "", (), None, learned_masks, places))
    return tuple(faces)


def _room(shape: Shape) -> int:
    return -(-math.prod(shape) // _LINE) * _LINE


def _views(memory: SharedMemory, shapes: Sequence[Shape]) -> Iterator[Picture]:
    """Yield the pictures' places one after the other."""
    begin = 0
    for shape in shapes:
        yield memory.array(begin, np.uint8, shape)
        begin += _room(shape)


def _filled(place: Picture, picture: Picture) -> Picture:
    place[...] = picture
    return place
