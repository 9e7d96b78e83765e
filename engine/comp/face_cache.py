# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces that a network made before are taken instead of made again: a swapper that stands before another.

Everything that a swap does with faces after the network (colors, matte, blend …) is decided by settings that people try
out; what the network made depends on none of them. A face's key is a digest of all that it does depend on: the
weights, how exactly they compute, the performer, and what the network is given, to the bit. So whatever changes that
(another model, a corrected track, footage read with more bits, another performer's shape in the sketch, a hand that is
painted over otherwise) is another key, and nothing has to be declared stale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .crop import Swapper
from .face_blocks import KEY_BYTES, FaceBlocks, KeptFace
from .face_steps import in_steps, of_steps
from .swapper_before import SwapperBefore

# Raised when the same input gives other faces than before.
_FACES_VERSION = 1
# A network may choose how exactly it computes once it has seen some faces; those are made again, so that the next run
# finds them. Inputs of large networks take megabytes.
_EARLY_FACES, _EARLY_BYTES = 16, 64_000_000

Faces = NDArray[np.float32]


class CachedSwapper(SwapperBefore):
    """Gives the faces of another swapper, and asks it only for those that aren't kept.

    Args:
        swapper: The network.
        blocks: The kept faces.

    Attributes:
        reused: Faces that were kept.
        made: Faces that the network made.
    """

    def __init__(self, swapper: Swapper, blocks: FaceBlocks) -> None:
        super().__init__(swapper)
        self._blocks = blocks
        self._early: dict[str, list[Faces]] = {}
        self.reused = 0
        self.made = 0

    def swap(self, faces: Faces, source: str) -> tuple[Faces, Faces | None]:
        """Return faces of `source` for what `inputs` returned, and masks, as the network would, in whole steps."""
        before = self.made
        while True:
            precision = self.precision_of(source)
            keys = self._keys(faces, source, precision)
            kept = [self._blocks.get(key) for key in keys]
            missing = [index for index, item in enumerate(kept) if item is None]
            if missing:
                made = self._make(faces[missing], source, precision, [keys[index] for index in missing])
                for index, item in zip(missing, made, strict=True):
                    kept[index] = item
            # Else those that were kept are of another precision than the network has come to.
            if self.precision_of(source) == precision:
                break
        self.reused += max(0, len(faces) - (self.made - before))
        return _joined([item for item in kept if item is not None])

    def _make(self, faces: Faces, source: str, precision: str, keys: list[bytes]) -> list[KeptFace]:
        """Let the network make faces, and keep them; their keys are those of the precision that it has come to."""
        made = self._ask(faces, source)
        self.made += len(made)
        now = self.precision_of(source)
        self._keep(made, keys if now == precision else self._keys(faces, source, now))
        if now != precision and self._early.get(source):
            again = np.stack(self._early.pop(source))
            self._keep(self._ask(again, source), self._keys(again, source, now))
        early = self._early.setdefault(source, [])
        room = min(_EARLY_FACES, _EARLY_BYTES // faces[0].nbytes) - len(early)
        early.extend(np.array(face) for face in faces[: max(0, room)])
        return made

    def _ask(self, faces: Faces, source: str) -> list[KeptFace]:
        swapped, masks = self._asked.swap(faces, source)
        steps = in_steps(swapped)
        mask_steps = [None] * len(steps) if masks is None else in_steps(masks)
        return [KeptFace(face, mask) for face, mask in zip(steps, mask_steps, strict=True)]

    def _keep(self, made: Sequence[KeptFace], keys: Sequence[bytes]) -> None:
        for key, item in zip(keys, made, strict=True):
            self._blocks.put(key, item)

    def _keys(self, faces: Faces, source: str, precision: str) -> list[bytes]:
        shared = f"{_FACES_VERSION}\n{self.family}\n{self.fingerprint}\n{precision}\n{source}\n{faces.shape[1:]}\n"
        start = hashlib.sha256(shared.encode("utf-8", "surrogatepass"))
        keys = []
        for face in faces:
            digest = start.copy()
            digest.update(np.ascontiguousarray(face, np.float32).data)
            keys.append(digest.digest()[:KEY_BYTES])
        return keys


def _joined(kept: Sequence[KeptFace]) -> tuple[Faces, Faces | None]:
    masks = [item.mask for item in kept if item.mask is not None]
    return of_steps(np.stack([item.face for item in kept])), of_steps(np.stack(masks)) if masks else None
