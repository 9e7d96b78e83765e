# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview grid: target, own reconstruction and swap of some faces of each performer, with the network's masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..contract.files import write_bytes

Faces = NDArray[np.float32]
Swap = Callable[[Faces, str], tuple[Faces, Faces | None]]
_BORDER = 2


def preview_grid(faces: Mapping[str, Faces], swap: Swap) -> NDArray[np.uint8]:
    """Return the grid: the performers' blocks side by side, one row for each face.

    A row is the target, the own reconstruction, then the swap to each other performer. Where the network has masks,
    each made face is three: the raw one, its mask, and the face shown through it.

    Args:
        faces: For each performer float32 (n, S, S, 3) RGB in 0…1; n may differ.
        swap: Faces and a performer -> the faces with that performer's identity, and the network's masks or None.

    Returns:
        uint8 (h, w, 3) RGB.
    """
    # Everybody's faces at once: the network is compiled for several, and few cost it as much as many.
    everybody, ends = np.concatenate(list(faces.values())), np.cumsum([len(own) for own in faces.values()])[:-1]
    columns = {name: np.split(_columns(everybody, *swap(everybody, name)), ends) for name in faces}
    blocks = []
    rows = max(map(len, faces.values()))
    for number, (performer, own) in enumerate(faces.items()):
        shown = (performer, *(name for name in faces if name != performer))
        cells = np.concatenate([own, *(columns[name][number] for name in shown)], axis=2)
        missing = (rows - len(own)) * own.shape[1]
        blocks.append(np.pad(np.concatenate(list(cells)), ((0, missing), (_BORDER, _BORDER), (0, 0))))
    return (np.clip(np.concatenate(blocks, axis=1), 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _columns(faces: Faces, made: Faces, masks: Faces | None) -> Faces:
    """Return what is shown of swapped faces, side by side; float32 (n, S, S·columns, 3)."""
    if masks is None:
        return made
    mask = np.repeat(masks[..., None], 3, axis=-1)
    return np.asarray(np.concatenate([made, mask, mask * made + (1.0 - mask) * faces], axis=2), np.float32)


def write_preview(path: Path, grid: NDArray[np.uint8]) -> None:
    """Write the grid as PNG, whole or not at all."""
    _ok, encoded = cv2.imencode(".png", cv2.cvtColor(grid, cv2.COLOR_RGB2BGR))
    write_bytes(path, encoded.tobytes())
