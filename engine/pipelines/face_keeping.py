# SPDX-License-Identifier: GPL-3.0-or-later
"""Cutting out and storing aligned faces in a thread of its own, while the search goes on."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from ..contract.settings import ExtractSettings
from ..faces.drawing import draw_landmarks
from ..faceset.store import FacesetWriter
from ..media.images import write_png
from .track_recording import FaceCut, face_record

# Faces that may wait, each with the pixels around it; who brings more has to wait as well.
_MOST_WAITING = 48


class FaceKeeper:
    """Stores faces in the order in which they come; a context manager whose end waits for the last one.

    Args:
        writer: The faceset; nobody else may write to it meanwhile.
        settings: Size of the faces, and whether copies with landmarks are wanted.
        debug: Folder of these copies.
    """

    def __init__(self, writer: FacesetWriter, settings: ExtractSettings, debug: Path) -> None:
        self._writer = writer
        self._settings = settings
        self._debug = debug
        self._pool = ThreadPoolExecutor(1, "face-keeper")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> FaceKeeper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # After a failure what waits is still stored: it is finished work.
            while self._waiting:
                future = self._waiting.popleft()
                if error is None:
                    future.result()
        finally:
            self._pool.shutdown(cancel_futures=error is None)

    def keep(self, face: FaceCut) -> None:
        """Store a face a little later.

        Raises:
            EngineError: `disk_full` or `not_writable`, of a face kept earlier.
        """
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= _MOST_WAITING):
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._store, face))

    def _store(self, face: FaceCut) -> None:
        image = face.image(self._settings.face_size)
        record = self._writer.add(image, face_record(face))
        if self._settings.debug_landmarks:
            write_png(self._debug / record.file, draw_landmarks(image, face.image_to_face, face.landmarks))
