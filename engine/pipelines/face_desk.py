# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the faces of a search once they are found: recorded, kept waiting for a verdict, stored, summed up.

Following faces doesn't wait for any of it, so a desk works beside the search: in a thread (`NearDesk`), or in a process
of its own (`far_desk`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError
from ..contract.settings import ExtractSettings
from ..faces.tracking import Observation
from ..faces.tracks import FaceTrack
from ..runtime.ordered_worker import OrderedWorker
from .track_recording import FaceCut, SeenFace, TrackRecording

# Faces that may wait to be measured and recorded, each with the pixels around it.
MOST_WAITING = 48

BestFaces = tuple[tuple[int, ...], list[tuple[NDArray[np.uint8], NDArray[np.float64]]]]
Finished = tuple[FaceTrack, NDArray[np.uint8]]


class Desk(Protocol):
    """Takes the faces of a search; errors of earlier calls are raised by later ones."""

    def see(self, track: int, media_frame: int, observation: Observation) -> None:
        """Take the face of a later frame of a track, with its view."""
        ...

    def judge(self, track: int, is_kept: bool) -> None:
        """Say whether the faces of a track are stored; until then they wait."""
        ...

    def best(self, track: int, count: int, known: tuple[int, ...] = ()) -> BestFaces:
        """Return the media frames of a track's best faces, and their pictures and landmarks unless they are `known`."""
        ...

    def finish(self, track: int, identity: NDArray[np.float32]) -> Finished:
        """Return a track that has ended, with its thumbnail; its last faces are stored."""
        ...

    def drop(self, track: int) -> None:
        """Forget a track that has ended, and its faces that wait."""
        ...


@dataclass(eq=False)
class _Record:
    recording: TrackRecording
    waiting: list[FaceCut] = field(default_factory=list)
    is_kept: bool | None = None


class FaceDesk:
    """Records faces.

    Args:
        settings: Size, coverage, steadying.
        keep: Stores a face.
    """

    def __init__(self, settings: ExtractSettings, keep: Callable[[FaceCut], None]) -> None:
        self._settings = settings
        self._keep = keep
        self._records: dict[int, _Record] = {}
        self._failure: EngineError | None = None

    def see(self, track: int, face: SeenFace) -> None:
        """Take the face of a later frame; raises what storing an earlier one raised."""
        if track not in self._records:
            self._records[track] = _Record(TrackRecording(track, self._settings, partial(self._take, track)))
        self._records[track].recording.see(face)
        self._raise_failure()

    def judge(self, track: int, is_kept: bool) -> None:
        """As `Desk.judge`."""
        record = self._records[track]
        record.is_kept = is_kept
        waiting, record.waiting = record.waiting, []
        for face in waiting if is_kept else ():
            self._store(face)
        self._raise_failure()

    def best(self, track: int, count: int, known: tuple[int, ...] = ()) -> BestFaces:
        """As `Desk.best`."""
        recording = self._records[track].recording
        frames = recording.best_frames[:count]
        return frames, [] if frames == known else recording.best_faces()[:count]

    def finish(self, track: int, identity: NDArray[np.float32]) -> Finished:
        """As `Desk.finish`."""
        found = self._records[track].recording.finish(identity)
        thumbnail = self._records.pop(track).recording.thumbnail()
        self._raise_failure()
        return found, thumbnail

    def drop(self, track: int) -> None:
        """As `Desk.drop`."""
        del self._records[track]

    def _take(self, track: int, face: FaceCut) -> None:
        record = self._records[track]
        if record.is_kept is None:
            record.waiting.append(face)
        elif record.is_kept:
            self._store(face)

    def _store(self, face: FaceCut) -> None:
        # One face that can't be stored must not take those with it that wait behind it.
        try:
            self._keep(face)
        except EngineError as error:
            self._failure = self._failure or error

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure


class NearDesk:
    """A desk in a thread of this process.

    Args:
        settings: Size, coverage, steadying.
        keep: Stores a face.
    """

    def __init__(self, settings: ExtractSettings, keep: Callable[[FaceCut], None]) -> None:
        self._settings = settings
        self._desk = FaceDesk(settings, keep)
        self._worker = OrderedWorker("face-desk", MOST_WAITING)

    def see(self, track: int, media_frame: int, observation: Observation) -> None:
        """As `Desk.see`."""
        self._worker.give(lambda: self._desk.see(track, SeenFace.of(media_frame, observation, self._settings)))

    def take(self, track: int, face: SeenFace) -> None:
        """As `see`, for a face whose pixels were cut out before."""
        self._worker.give(partial(self._desk.see, track, face))

    def judge(self, track: int, is_kept: bool) -> None:
        """As `Desk.judge`."""
        self._worker.give(partial(self._desk.judge, track, is_kept))

    def best(self, track: int, count: int, known: tuple[int, ...] = ()) -> BestFaces:
        """As `Desk.best`."""
        self._worker.finish()
        return self._desk.best(track, count, known)

    def finish(self, track: int, identity: NDArray[np.float32]) -> Finished:
        """As `Desk.finish`."""
        self._worker.finish()
        return self._desk.finish(track, identity)

    def drop(self, track: int) -> None:
        """As `Desk.drop`."""
        self._worker.finish()
        self._desk.drop(track)

    def close(self) -> None:
        """Finish what waits, after an error too: it is finished work, and the error that stands is told already."""
        with contextlib.suppress(EngineError):
            self._worker.finish()
