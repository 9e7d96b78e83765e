# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures a training shows of itself: the grid of faces, frames of the edit with the swap, the history's curve."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.project import CURVE_FILE, HISTORY_FILE, PREVIEW_FILE, SHOT_PREVIEW_FILE
from ..runtime.reporter import Reporter
from .curve import loss_curve, loss_series
from .history import read_history
from .pacing import Pacing
from .preview import PreviewFaces, preview_grid, write_preview
from .sketcher import Sketcher

Faces = NDArray[np.float32]
# What a network is given and a performer -> faces with that performer's identity, and the network's masks or None.
Swap = Callable[[Faces, str], tuple[Faces, Faces | None]]


class ShotPreview(Protocol):
    """Frames of the edit, ready to be swapped with a network in memory.

    Attributes:
        prepared_s: Seconds that it took to get them ready.
    """

    @property
    def prepared_s(self) -> float:
        """Seconds that it took to get them ready."""
        ...

    def draw(self, swap: Swap, sketcher: Sketcher) -> NDArray[np.uint8]:
        """Return the frames with the swap over them as one picture, uint8 (h, w, 3) RGB."""
        ...


class Previewer:
    """Writes a model's previews when they are due.

    Args:
        folder: Folder of the model.
        faces: What the grid shows, see `preview_faces`.
        sketcher: Makes the network's inputs.
        averaged: Lets the network hold the weights to show, inside the block.
        swap: What a network is given and a performer -> faces with that performer's identity and the masks, by the
            network as it is. The first call for a performer may be dearer than others, because it compiles.
        pacing: Says when, and counts what everything here costs.
        reporter: Is told of each picture.
        shots: Frames of the edit to show, or None.
    """

    def __init__(
        self,
        folder: Path,
        faces: PreviewFaces,
        sketcher: Sketcher,
        averaged: Callable[[], AbstractContextManager[None]],
        swap: Swap,
        pacing: Pacing,
        reporter: Reporter,
        shots: ShotPreview | None = None,
    ) -> None:
        self._folder = folder
        self._faces = faces
        self._sketcher = sketcher
        self._averaged = averaged
        self._swap = swap
        self.pacing = pacing
        self._reporter = reporter
        self._shots = shots
        self._last_step = -1

    @property
    def path(self) -> Path:
        """The grid of faces."""
        return self._folder / PREVIEW_FILE

    def start(self, step: int) -> None:
        """Begin a run at a step; a picture of shots that an earlier run left is no picture of this one."""
        self.pacing.start(step, 0.0 if self._shots is None else self._shots.prepared_s)
        if self._shots is None:
            # A picture that can't be deleted is no reason not to train.
            with contextlib.suppress(OSError):
                (self._folder / SHOT_PREVIEW_FILE).unlink(missing_ok=True)

    def draw(self, step: int) -> None:
        """Write the pictures of a step once.

        Raises:
            EngineError: `disk_full` or `not_writable`.
        """
        if step == self._last_step:
            return
        if self._last_step < 0:
            with self.pacing.prepared():
                for name, faces in self._faces.items():
                    self._swap(faces[name][:1], name)
        self._last_step = step
        with self.pacing.timed(step), self._averaged():
            self._write("training", self.path, preview_grid(self._faces, self._swap))
            if self._shots is not None:
                self._write("shots", self._folder / SHOT_PREVIEW_FILE, self._shots.draw(self._swap, self._sketcher))
            curve = loss_curve(loss_series(read_history(self._folder / HISTORY_FILE)))
            self._write("history", self._folder / CURVE_FILE, curve)

    def _write(self, kind: str, path: Path, picture: NDArray[np.uint8]) -> None:
        write_preview(path, picture)
        self._reporter.preview(kind, path)
