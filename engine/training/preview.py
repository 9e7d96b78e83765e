# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview grid: target, own reconstruction and swap of some faces of each performer, with the network's masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..contract.files import write_bytes

Faces = NDArray[np.float32]
Swap = Callable[[Faces, str], tuple[Faces, Faces | None]]
_BORDER = 2


def preview_rows(performer: str, performers: Sequence[str], faces: Faces, swap: Swap) -> Faces:
    """Return the rows of one performer: target, own reconstruction, then the swap to each other performer.

    Where the network has masks, each of these is three: the raw face, its mask, and the face shown through it.

    Args:
        performer: Whose faces they are.
        performers: All performers, in order.
        faces: float32 (n, S, S, 3) RGB in 0…1.
        swap: Faces and a performer -> the faces with that performer's identity, and the network's masks or None.

    Returns:
        float32 (n, S, S·columns, 3).
    """
    others = [name for name in performers if name != performer]
    columns = [faces]
    for name in (performer, *others):
        made, masks = swap(faces, name)
        columns.append(made)
        if masks is not None:
            mask = np.repeat(masks[..., None], 3, axis=-1)
            columns += [mask, mask * made + (1.0 - mask) * faces]
    return np.concatenate(columns, axis=2)


def preview_grid(faces: Mapping[str, Faces], swap: Swap) -> NDArray[np.uint8]:
    """Return the grid: the performers' blocks side by side, one row for each face.

    Args:
        faces: For each performer float32 (n, S, S, 3) RGB in 0…1; n may differ.
        swap: Faces and a performer -> the faces with that performer's identity, and the network's masks or None.

    Returns:
        uint8 (h, w, 3) RGB.
    """
    blocks = []
    rows = max(map(len, faces.values()))
    for performer, own in faces.items():
        block = np.concatenate(list(preview_rows(performer, tuple(faces), own, swap)), axis=0)
        missing = (rows - len(own)) * own.shape[1]
        blocks.append(np.pad(block, ((0, missing), (_BORDER, _BORDER), (0, 0))))
    return (np.clip(np.concatenate(blocks, axis=1), 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def write_preview(path: Path, grid: NDArray[np.uint8]) -> None:
    """Write the grid as PNG, whole or not at all."""
    _ok, encoded = cv2.imencode(".png", cv2.cvtColor(grid, cv2.COLOR_RGB2BGR))
    write_bytes(path, encoded.tobytes())
