# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing where the faces of a search are recorded and stored: in another process where that pays and is possible."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.settings import ExtractSettings
from ..faces.tracking import Observation
from ..faceset.writer import FacesetWriter
from ..runtime.device import available_cores
from ..runtime.side_process import can_start_processes
from .face_desk import MOST_WAITING, BestFaces, Desk, Finished, NearDesk
from .face_keeping import FaceKeeper
from .far_desk import FarDesk
from .track_recording import SeenFace

# Starting a process costs as much as searching so many frames takes longer without it.
_LEAST_FRAMES = 250


class FacesetDesk(Desk, Protocol):
    """A desk that writes a faceset."""

    def take(self, track: int, face: SeenFace) -> None:
        """Take the face of a later frame of a track, as `see`, with its pixels already cut out."""
        ...

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


class _EarlyDesk:
    """Keeps the first faces while the process starts that will take them.

    Args:
        settings: How to record.
        settle: Waits for the desk, which has been told by then what was said here.
    """

    def __init__(self, settings: ExtractSettings, settle: Callable[[], FacesetDesk]) -> None:
        self._settings, self._settle = settings, settle
        self._said: list[Callable[[FacesetDesk], None]] = []

    @property
    def is_full(self) -> bool:
        return len(self._said) >= MOST_WAITING

    @property
    def knows_faces(self) -> bool:
        return bool(self._said)

    def tell(self, desk: FacesetDesk) -> None:
        """Tell a desk what was said here."""
        said, self._said = self._said, []
        for call in said:
            call(desk)

    def see(self, track: int, media_frame: int, observation: Observation) -> None:
        # The pixels around the face only: whole pictures would fill the memory.
        face = SeenFace.of(media_frame, observation, self._settings)
        self._said.append(lambda desk: desk.take(track, face))

    def judge(self, track: int, is_kept: bool) -> None:
        self._said.append(lambda desk: desk.judge(track, is_kept))

    def drop(self, track: int) -> None:
        self._said.append(lambda desk: desk.drop(track))

    def best(self, track: int, count: int, known: tuple[int, ...] = ()) -> BestFaces:
        return self._settle().best(track, count, known)

    def finish(self, track: int, identity: NDArray[np.float32]) -> Finished:
        return self._settle().finish(track, identity)


class FacesetDesks:
    """The desk of one search; a context manager that saves what was stored.

    Starting a process takes as long as searching some dozens of frames, so it begins with this object, and the first
    faces are kept until it is there. Where it doesn't come up, a thread does its work.

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
        self._early = _EarlyDesk(settings, self._settled)
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
                self._settled().save()
            elif self._desk is not None or self._early.knows_faces:
                # What was found before a failure is finished work; the failure is the one to tell.
                with contextlib.suppress(EngineError):
                    self._settled().save()
        finally:
            for item in (self._desk, self._far):
                if item is not None:
                    item.close()

    def desk(self) -> Desk:
        """Return what takes faces now.

        Raises:
            EngineError: `faceset_unreadable`, when the faces to keep don't fit the settings.
        """
        is_early = self._desk is None and self._far is not None and self._far.is_coming
        return self._early if is_early and not self._early.is_full else self._settled()

    def rename_tracks(self, names: Mapping[int, int]) -> None:
        """Give the faces of some tracks another track id (old id -> new id)."""
        self._settled().rename_tracks(names)

    def _settled(self) -> FacesetDesk:
        if self._desk is None:
            self._desk = self._connected() or _NearFacesetDesk(*self._arguments)
            self._early.tell(self._desk)
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
