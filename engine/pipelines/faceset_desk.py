# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing where the faces of a search are recorded and stored: in another process where that pays and is possible."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol

from ..contract.errors import EngineError, ErrorCode
from ..contract.settings import ExtractSettings
from ..faceset.writer import FacesetWriter
from ..runtime.device import available_cores
from ..runtime.side_process import can_start_processes
from .face_desk import Desk, NearDesk
from .face_keeping import FaceKeeper
from .far_desk import FarDesk

# Starting a process costs as much as searching so many frames takes longer without it.
_LEAST_FRAMES = 250


class FacesetDesk(Desk, Protocol):
    """A desk that writes a faceset."""

    def rename_tracks(self, names: Mapping[int, int]) -> None:
        """Give the faces of some tracks another track id (old id -> new id)."""
        ...

    def save(self) -> None:
        """Write the faceset's records."""
        ...

    def close(self) -> None:
        """Let go of threads and processes."""
        ...


class _NearFacesetDesk(NearDesk):
    def __init__(self, settings: ExtractSettings, faceset: Path, debug: Path, keep: bool) -> None:
        self._writer = FacesetWriter(faceset, settings.face_size, settings.coverage, keep=keep)
        super().__init__(settings, FaceKeeper(self._writer, settings, debug).keep)

    def rename_tracks(self, names: Mapping[int, int]) -> None:
        self._worker.finish()
        self._writer.rename_tracks(names)

    def save(self) -> None:
        try:
            self._worker.finish()
        finally:
            self._writer.save()


class FacesetDesks:
    """The desk of one search, there when it is first asked for; a context manager that saves what was stored.

    Starting a process takes as long as loading the detectors, so it begins with this object, and nobody waits for it
    until the first faces are found. Where it doesn't come up, a thread does its work.

    Args:
        settings: How to record.
        faceset: Folder of the aligned faces.
        debug: Folder of copies with landmarks.
        keep: Keep the faces that are there and add to them.
        frames: How many frames will be searched.
    """

    def __init__(self, settings: ExtractSettings, faceset: Path, debug: Path, keep: bool, frames: int) -> None:
        self._arguments = (settings, faceset, debug, keep)
        self._far: FarDesk | None = None
        self._desk: FacesetDesk | None = None
        if frames >= _LEAST_FRAMES and available_cores() > 1 and can_start_processes():
            with contextlib.suppress(OSError):
                self._far = FarDesk(*self._arguments)

    def __enter__(self) -> FacesetDesks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.desk().save()
            elif self._desk is not None:
                # What was stored before a failure is finished work; the failure is the one to tell.
                with contextlib.suppress(EngineError):
                    self._desk.save()
        finally:
            for item in (self._desk, self._far):
                if item is not None:
                    item.close()

    def desk(self) -> FacesetDesk:
        """Return the desk.

        Raises:
            EngineError: `faceset_unreadable`, when the faces to keep don't fit the settings.
        """
        if self._desk is None:
            self._desk = self._connected() or _NearFacesetDesk(*self._arguments)
        return self._desk

    def _connected(self) -> FarDesk | None:
        far = self._far
        if far is None:
            return None
        try:
            far.connect()
        except EngineError as error:
            if error.code is not ErrorCode.CRASHED:
                raise
            return None
        return far
