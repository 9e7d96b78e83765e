# SPDX-License-Identifier: GPL-3.0-or-later
"""Cutting out and storing the aligned faces of a search."""

from __future__ import annotations

from pathlib import Path

from ..contract.settings import ExtractSettings
from ..faces.drawing import draw_landmarks
from ..faceset.writer import FacesetWriter
from ..media.images import write_png
from .track_recording import FaceCut, face_record

DEBUG_FOLDER = "landmarks"
"""Where the copies with landmarks go, beside what they belong to."""


class FaceKeeper:
    """Stores faces in the order in which they come.

    Args:
        writer: The faceset; nobody else may write to it meanwhile.
        settings: Size of the faces, and whether copies with landmarks are wanted.
        debug: Folder of these copies.
    """

    def __init__(self, writer: FacesetWriter, settings: ExtractSettings, debug: Path) -> None:
        self._writer = writer
        self._settings = settings
        self._debug = debug

    def keep(self, face: FaceCut) -> None:
        """Store a face.

        Raises:
            EngineError: `disk_full` or `not_writable`.
        """
        image = face.image(self._settings.face_size)
        record = self._writer.add(image, face_record(face))
        if self._settings.debug_landmarks:
            write_png(self._debug / record.file, draw_landmarks(image, face.image_to_face, face.landmarks))
