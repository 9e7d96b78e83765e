# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview grid: target, own reconstruction and swap of some faces of each performer, with the network's masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..contract.files import write_bytes
from .augmentation import View, make_plain_views
from .network_inputs import pictures_of
from .performer_faces import PerformerFaces
from .sketcher import Sketcher
from .view_units import LANDMARKS, in_pixels

Faces = NDArray[np.float32]
Swap = Callable[[Faces, str], tuple[Faces, Faces | None]]
# Performer -> performer to appear -> faces of the first as the network is given them to make the second.
PreviewFaces = Mapping[str, Mapping[str, Faces]]
_BORDER = 2
# Faces shown of each performer: that many, or of large networks as many as two performers fill one call with.
_FACES, _LARGE_FACES = 6, 4
_LARGE_PX = 256


def preview_faces(performers: Sequence[PerformerFaces], view: View, sketcher: Sketcher) -> dict[str, dict[str, Faces]]:
    """Return held-out faces of everybody as the network is given them, for the grid."""
    count = _shown(view.size)
    found: dict[str, dict[str, Faces]] = {}
    for item in performers:
        plates = make_plain_views(item.held_out[:count], item.held_out_coverage[:count], view)
        landmarks = np.full((len(plates), LANDMARKS, 2), np.nan)
        for row, points in zip(landmarks, item.held_out_points, strict=False):
            row[:] = in_pixels(points[:LANDMARKS], view.size, view.coverage)
        whose = (item.performer,) * len(plates)
        found[item.performer] = {
            source.performer: sketcher(plates, landmarks, source.performer, whose) for source in performers
        }
    return found


def preview_grid(faces: PreviewFaces, swap: Swap) -> NDArray[np.uint8]:
    """Return the grid: the performers' blocks side by side, one row for each face.

    A row is the target, the own reconstruction, then the swap to each other performer. Where the network has masks,
    each made face is three: the raw one, its mask, and the face shown through it.

    Args:
        faces: Everybody's; how many may differ.
        swap: What a network is given and a performer -> faces with that performer's identity, and the network's masks
            or None.

    Returns:
        uint8 (h, w, 3) RGB.
    """
    # Everybody's faces at once: the network is compiled for several, and few cost it as much as many.
    ends = np.cumsum([len(shown[name]) for name, shown in faces.items()])[:-1]
    columns = {}
    for name in faces:
        everybody = np.concatenate([shown[name] for shown in faces.values()])
        columns[name] = np.split(_columns(pictures_of(everybody), *swap(everybody, name)), ends)
    blocks = []
    rows = max(len(shown[name]) for name, shown in faces.items())
    for number, (performer, inputs) in enumerate(faces.items()):
        own = pictures_of(inputs[performer])
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


def _shown(side: int) -> int:
    return _LARGE_FACES if side >= _LARGE_PX else _FACES
