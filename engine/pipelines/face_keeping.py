# SPDX-License-Identifier: GPL-3.0-or-later
"""Cutting out and storing aligned faces in a thread of its own, while the search goes on."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from types import TracebackType

from ..contract.errors import EngineError
from ..contract.settings import ExtractSettings
from ..faces.drawing import draw_landmarks
from ..faceset.store import FacesetWriter
from ..media.images import write_png
from ..runtime.ordered_worker import OrderedWorker
from .track_recording import FaceCut, face_record

# Faces that may wait, each with the pixels around it.
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
        self._worker = OrderedWorker("face-keeper", _MOST_WAITING)

    def __enter__(self) -> FaceKeeper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After a failure, too, what waits is stored: it is finished work. Then the first failure is the one to tell.
        if error is None:
            self._worker.finish()
        else:
            with contextlib.suppress(EngineError):
                self._worker.finish()

    def keep(self, face: FaceCut) -> None:
        """Store a face a little later.

        Raises:
            EngineError: `disk_full` or `not_writable`, of a face kept earlier.
        """
        self._worker.give(partial(self._store, face))

    def _store(self, face: FaceCut) -> None:
        image = face.image(self._settings.face_size)
        record = self._writer.add(image, face_record(face))
        if self._settings.debug_landmarks:
            write_png(self._debug / record.file, draw_landmarks(image, face.image_to_face, face.landmarks))
