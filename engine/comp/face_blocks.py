# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of kept faces in a swap's folder: written in blocks, found by key, and gone where one is damaged.

A block holds some megabytes of faces, so that thousands of frames are no thousands of files. It is written whole under
a temporary name and never changed. docs/reference/formats/swap.md describes it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError
from ..contract.files import TEMPORARY_SUFFIX, WRONG_ARRAYS, written_whole

SCHEMA, VERSION = "understudy.faces", 1
KEY_BYTES = 16
# A swap keeps no more, and leaves as much of the disk to others.
LIMIT_BYTES, RESERVE_BYTES = 4_000_000_000, 1_000_000_000

_BLOCK_BYTES = 8_000_000
_NAME = re.compile(r"faces-(\d{6})\.npz")
# Neighboring frames lie in neighboring blocks.
_BLOCKS_IN_MEMORY = 3

Steps = NDArray[np.uint16]


@dataclass(frozen=True)
class KeptFace:
    """What a network made of a face, in steps of 1/65535.

    Attributes:
        face: Shape (S, S, 3), uint16 RGB.
        mask: Shape (S, S), uint16, or None where the network has none.
    """

    face: Steps
    mask: Steps | None

    @property
    def nbytes(self) -> int:
        """Bytes in memory, and as many in a file."""
        return self.face.nbytes + (0 if self.mask is None else self.mask.nbytes)


class FaceBlocks:
    """Kept faces by key. Opening only reads; a folder that isn't there holds none.

    Args:
        folder: Folder of the blocks; made when the first one is written.
        limit: Bytes of all blocks.

    Attributes:
        damaged: How many blocks couldn't be read; their faces count as never kept.
        stopped_by: Why no more faces are kept; empty while they are.
    """

    def __init__(self, folder: Path, limit: int = LIMIT_BYTES) -> None:
        self._folder, self._limit = folder, limit
        self.damaged = 0
        self.stopped_by = ""
        self._sizes: dict[Path, int] = {}
        self._keys: dict[Path, list[bytes]] = {}
        self._places: dict[bytes, tuple[Path, int]] = {}
        self._used: set[Path] = set()
        self._loaded: OrderedDict[Path, tuple[Steps, Steps | None]] = OrderedDict()
        self._coming: dict[bytes, KeptFace] = {}
        self._coming_bytes = 0
        self._next = 1
        for path in sorted(folder.glob("faces-*.npz")) if folder.is_dir() else ():
            if _NAME.fullmatch(path.name):
                self._note(path)

    def __len__(self) -> int:
        return len(self._places) + len(self._coming)

    @property
    def nbytes(self) -> int:
        """Bytes of the files."""
        return sum(self._sizes.values())

    def _note(self, path: Path) -> None:
        self._next = max(self._next, int(path.stem[-6:]) + 1)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                if str(archive["schema"]) != SCHEMA or int(archive["version"]) != VERSION:
                    raise ValueError("written by another version")
                keys = archive["keys"]
            if keys.dtype != np.uint8 or keys.ndim != 2 or keys.shape[1] != KEY_BYTES:
                raise ValueError("no keys")
            self._enter(path, [key.tobytes() for key in keys])
        except WRONG_ARRAYS:
            self._lose(path)

    def _enter(self, path: Path, keys: list[bytes]) -> None:
        self._sizes[path] = path.stat().st_size
        self._keys[path] = keys
        self._places.update((key, (path, index)) for index, key in enumerate(keys))

    def get(self, key: bytes) -> KeptFace | None:
        """Return a kept face, or None where there is none or its block is damaged."""
        if key in self._coming:
            return self._coming[key]
        if key not in self._places:
            return None
        path, index = self._places[key]
        try:
            faces, masks = self._load(path)
        except WRONG_ARRAYS:
            self._lose(path)
            return None
        self._used.add(path)
        return KeptFace(faces[index], None if masks is None else masks[index])

    def _load(self, path: Path) -> tuple[Steps, Steps | None]:
        if path not in self._loaded:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                faces, masks = archive["faces"], archive["masks"] if "masks" in archive.files else None
            if faces.dtype != np.uint16 or faces.shape[3:] != (3,) or len(faces) != len(self._keys[path]):
                raise ValueError("no faces")
            if masks is not None and (masks.dtype != np.uint16 or masks.shape != faces.shape[:3]):
                raise ValueError("no masks")
            self._loaded[path] = faces, masks
            if len(self._loaded) > _BLOCKS_IN_MEMORY:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(path)
        return self._loaded[path]

    def _lose(self, path: Path) -> None:
        self.damaged += 1
        self._remove(path)

    def put(self, key: bytes, kept: KeptFace) -> None:
        """Keep a face, unless there is no room for it."""
        if self.stopped_by or key in self._coming or key in self._places:
            return
        first = next(iter(self._coming.values()), kept)
        is_other = first.face.shape != kept.face.shape or (first.mask is None) != (kept.mask is None)
        if is_other or self._coming_bytes + kept.nbytes > _BLOCK_BYTES:
            self.flush()
        self._coming[key] = kept
        self._coming_bytes += kept.nbytes

    def flush(self) -> None:
        """Write what isn't on disk yet; a swap whose faces can't be kept goes on without."""
        coming, self._coming, self._coming_bytes = self._coming, {}, 0
        if not coming or self.stopped_by:
            return
        self.stopped_by = self._no_room(sum(item.nbytes for item in coming.values()))
        if self.stopped_by:
            return
        path = self._folder / f"faces-{self._next:06d}.npz"
        masks = [item.mask for item in coming.values() if item.mask is not None]
        arrays = {
            "keys": np.frombuffer(b"".join(coming), np.uint8).reshape(-1, KEY_BYTES),
            "faces": np.stack([item.face for item in coming.values()]),
            **({"masks": np.stack(masks)} if masks else {}),
        }
        try:
            with written_whole(path) as temporary:
                np.savez(temporary, allow_pickle=False, schema=SCHEMA, version=VERSION, **arrays)
            self._enter(path, list(coming))
        except (EngineError, OSError) as error:
            self.stopped_by = str(error)
            return
        self._next += 1
        self._used.add(path)

    def _no_room(self, needed: int) -> str:
        """Return why so many bytes more can't be kept; empty when they can."""
        if self.nbytes + needed > self._limit:
            return f"those that are kept take {self.nbytes / 1e6:.0f} MB already."
        there = next((folder for folder in (self._folder, *self._folder.parents) if folder.is_dir()), None)
        # Where nothing can be asked, writing says what is wrong.
        with contextlib.suppress(OSError):
            if there is not None and shutil.disk_usage(there).free < RESERVE_BYTES + needed:
                return "the disk is nearly full."
        return ""

    def drop_unused(self) -> None:
        """Delete the blocks that no face was taken from or put into since they were opened."""
        for path in set(self._sizes) - self._used:
            self._remove(path)

    def clear(self) -> None:
        """Delete all blocks, what a killed run left half-written, and the folder unless there is more in it."""
        self._coming, self._coming_bytes = {}, 0
        for path in list(self._sizes):
            self._remove(path)
        self.sweep()
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def sweep(self) -> None:
        """Delete what a killed run left half-written; nothing else may be writing to the folder."""
        for path in self._folder.glob(f".faces-*{TEMPORARY_SUFFIX}.npz") if self._folder.is_dir() else ():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _remove(self, path: Path) -> None:
        self._sizes.pop(path, None)
        self._loaded.pop(path, None)
        for key in self._keys.pop(path, ()):
            # Another block may hold the same face.
            if self._places.get(key, (None, 0))[0] == path:
                del self._places[key]
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
