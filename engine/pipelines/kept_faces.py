# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap run does with the kept faces of its folder: opens, fills, cleans them, and says what they cost."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ..comp.crop import Swapper
from ..comp.face_blocks import FaceBlocks
from ..comp.face_cache import CachedSwapper
from ..contract.jobs import SwapJob
from ..contract.project import KEPT_FACES_FOLDER
from ..runtime.reporter import Reporter
from .late_model import LateModel


class KeptFaces:
    """The kept faces of a run; a context manager around the time in which faces are swapped.

    The network is loaded here already unless faces are kept, so that what is wrong with it is said before anything is
    written; with kept ones it is loaded when a face isn't among them, and maybe never.

    Args:
        job: `output` and `settings.keep_faces` are used.
        swapper: The network.
        reporter: Is told what happened to the faces.

    Raises:
        EngineError: What loading the network raises.
    """

    def __init__(self, job: SwapJob, swapper: Swapper, reporter: Reporter) -> None:
        self._blocks = FaceBlocks(job.output / KEPT_FACES_FOLDER)
        self._is_on = job.settings.keep_faces
        self._reporter = reporter
        if isinstance(swapper, LateModel) and not (self._is_on and len(self._blocks)):
            swapper.load()
        self._cached = CachedSwapper(swapper, self._blocks)
        self.swapper: Swapper = self._cached if self._is_on else swapper

    def __enter__(self) -> KeptFaces:
        if self._is_on:
            self._blocks.sweep()
        else:
            self._blocks.clear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_on:
            return
        self._blocks.flush()
        if self._blocks.damaged:
            count = self._blocks.damaged
            files = "A file of kept faces was" if count == 1 else f"{count} files of kept faces were"
            self._reporter.info(f"{files} damaged or of another version; the network made their faces again.")
        if self._blocks.stopped_by:
            self._reporter.info(f"Not all faces could be kept: {self._blocks.stopped_by}")
        if self._cached.reused:
            reused, made = self._cached.reused, self._cached.made
            self._reporter.info(f"{reused} faces were kept from an earlier run; the network made {made}.")

    def drop_unused(self) -> None:
        """Delete faces that the run, which made all pictures, didn't need."""
        if self._is_on:
            self._blocks.drop_unused()

    @property
    def figures(self) -> dict[str, Any]:
        """What to tell programs: `reused` and `made` faces of this run, `bytes` of the files."""
        return {"reused": self._cached.reused, "made": self._cached.made, "bytes": self._blocks.nbytes}

    @property
    def sentence(self) -> str:
        """What to tell people of the disk, with a space before; empty when nothing is kept."""
        if not self._blocks.nbytes:
            return ""
        return f" The faces that are kept for other comp settings take {self._blocks.nbytes / 1e6:.1f} MB."
