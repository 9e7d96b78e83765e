# SPDX-License-Identifier: GPL-3.0-or-later
"""A faceset on disk: a flat folder of aligned faces that any viewer shows, and what is known about each.

The pictures are the truth: a face whose picture was deleted is out, a picture without a record is taken as plain face.
Faces that the user removed are out too, though their pictures stay (`removals`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..contract.errors import EngineError, ErrorCode
from ..media.images import list_pictures, read_image
from .record import FaceRecord
from .records_file import ARRAYS_FILE, SCHEMA, VERSION, read_records
from .removals import load_removals
from .writer import FacesetWriter

__all__ = ["ARRAYS_FILE", "SCHEMA", "VERSION", "Faceset", "FacesetWriter", "load_faceset"]


@dataclass(frozen=True)
class Faceset:
    """The aligned faces in a folder.

    Attributes:
        folder: Where the pictures lie.
        records: One for each face whose picture is there, in the order of extraction; plain pictures come last.
        searched: File names of the pictures that were searched, with or without success; empty for footage.
        removed: Faces that the user took out; their pictures are still there.
    """

    folder: Path
    records: tuple[FaceRecord, ...]
    searched: tuple[str, ...] = ()
    removed: tuple[FaceRecord, ...] = ()

    def image(self, record: FaceRecord) -> np.ndarray:
        """Return the aligned face, uint8 (size, size, 3) RGB.

        Raises:
            EngineError: `picture_unreadable`, naming the file.
        """
        return read_image(self.folder / record.file)


def load_faceset(folder: Path) -> Faceset:
    """Read a faceset, or a folder of plain aligned pictures.

    Raises:
        EngineError: `faceset_unreadable`, when the folder is missing or its records or removals are damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise EngineError(
            ErrorCode.FACESET_UNREADABLE,
            f"There is no faceset {folder}.",
            "Extract faces first, or correct the path; perhaps a drive is missing.",
        )
    present = {path.name: path for path in list_pictures(folder)}
    stored = read_records(folder)
    known = {record.file for record in stored.records}
    recorded = [record for record in stored.records if record.file in present]
    plain = [_plain_record(path) for name, path in present.items() if name not in known]
    out = {place.file for place in load_removals(folder).removed}
    return Faceset(
        folder,
        records=tuple(record for record in (*recorded, *plain) if record.file not in out),
        searched=stored.searched,
        removed=tuple(record for record in (*recorded, *plain) if record.file in out),
    )


def _plain_record(path: Path) -> FaceRecord:
    # The header only; a damaged picture is found, and named, when it is read.
    with contextlib.suppress(OSError, UnidentifiedImageError, Image.DecompressionBombError), Image.open(path) as image:
        return FaceRecord(file=path.name, size=max(image.size))
    return FaceRecord(file=path.name)
