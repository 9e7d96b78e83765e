# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures a training shows of itself: the grid of faces, frames of the edit with the swap, the history's curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.project import CURVE_FILE, HISTORY_FILE, PREVIEW_FILE, SHOT_PREVIEW_FILE
from ..runtime.reporter import Reporter
from .curve import loss_curve, loss_series
from .history import read_history
from .pacing import Pacing
from .preview import preview_grid, write_preview

Faces = NDArray[np.float32]
# Faces and a performer -> the faces with that performer's identity, and the network's masks or None.
Swap = Callable[[Faces, str], tuple[Faces, Faces | None]]

_FACES = 6


class ShotPreview(Protocol):
    """Frames of the edit, ready to be swapped with a network in memory."""

    def draw(self, swap: Swap) -> NDArray[np.uint8]:
        """Return the frames with the swap over them as one picture, uint8 (h, w, 3) RGB."""
        ...


class Previewer:
    """Writes a model's previews when they are due.

    Args:
        folder: Folder of the model.
        faces: Performer -> held-out faces as the swap sees them, float32 (n, S, S, 3) RGB in 0…1.
        swap: Faces and a performer -> the faces with that performer's identity and the masks, by the network as it is.
        pacing: Says when.
        reporter: Is told of each picture.
        shots: Frames of the edit to show, or None.
    """

    def __init__(
        self,
        folder: Path,
        faces: Mapping[str, Faces],
        swap: Swap,
        pacing: Pacing,
        reporter: Reporter,
        shots: ShotPreview | None = None,
    ) -> None:
        self._folder = folder
        self._faces = {name: views[:_FACES] for name, views in faces.items()}
        self._swap = swap
        self.pacing = pacing
        self._reporter = reporter
        self._shots = shots
        self._last_step = -1

    @property
    def path(self) -> Path:
        """The grid of faces."""
        return self._folder / PREVIEW_FILE

    def draw(self, step: int) -> None:
        """Write the pictures of a step once; the network must hold the weights to show.

        Raises:
            EngineError: `disk_full` or `not_writable`.
        """
        if step == self._last_step:
            return
        self._last_step = step
        with self.pacing.timed(step):
            self._write("training", self.path, preview_grid(self._faces, self._swap))
            if self._shots is not None:
                self._write("shots", self._folder / SHOT_PREVIEW_FILE, self._shots.draw(self._swap))
            curve = loss_curve(loss_series(read_history(self._folder / HISTORY_FILE)))
            self._write("history", self._folder / CURVE_FILE, curve)

    def _write(self, kind: str, path: Path, picture: NDArray[np.uint8]) -> None:
        write_preview(path, picture)
        self._reporter.preview(kind, path)
