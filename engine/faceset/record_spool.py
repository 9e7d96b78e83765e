# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of a faceset in the making: kept in nameless files, so that hours of footage need no memory."""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..contract.files import writing_error
from .record import FaceRecord

# The arrays of a record under the names they have in the faceset's file, and where its other values lie.
ARRAYS: dict[str, tuple[type[np.floating], tuple[int, ...]]] = {
    "landmarks": (np.float32, (68, 2)),
    "boxes": (np.float32, (4,)),
    "image_to_face": (np.float64, (2, 3)),
    "identities": (np.float32, (128,)),
}
_ROW = np.dtype([("start", np.int64), ("length", np.int64), *((name, *kind) for name, kind in ARRAYS.items())])
_VALUES = (
    "file", "picture", "media_frame", "track", "rotation", "box", "score", "size", "coverage", "sharpness", "exposure",
    "occlusion", "yaw", "pitch", "roll",
)  # fmt: skip
# Small facesets never reach a disk; rows are read back so many at a time.
_BYTES_IN_MEMORY = 1 << 20
_TOGETHER = 256


class RecordSpool:
    """Face records in order, each with landmarks and an alignment; they come back equal, as new objects.

    Args:
        records: The first ones.
    """

    def __init__(self, records: Iterable[FaceRecord] = ()) -> None:
        self._rows, self._values = _nameless(), _nameless()
        for file in (self._rows, self._values):
            weakref.finalize(self, file.close)
        self._count = 0
        self._end = 0
        self._places: dict[str, int] | None = None
        for record in records:
            self.append(record)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[FaceRecord]:
        for rows in self._chunks():
            for row in rows:
                yield _record(row, self._read_values(row))

    def __getitem__(self, place: int) -> FaceRecord:
        row = self._read_rows(place, place + 1)[0]
        return _record(row, self._read_values(row))

    def __setitem__(self, place: int, record: FaceRecord) -> None:
        try:
            self._write(place, record)
        except OSError as error:
            raise writing_error(Path(tempfile.gettempdir()), error) from error

    def append(self, record: FaceRecord) -> None:
        """Add a record behind the others.

        Raises:
            EngineError: `disk_full` or `not_writable`.
        """
        self[self._count] = record
        self._count += 1

    def place_of(self, file: str) -> int:
        """Return the place of the record with this file name; the first call reads all records.

        Raises:
            KeyError: There is none.
        """
        if self._places is None:
            self._places = {str(values["file"]): place for place, values in enumerate(self.values())}
        return self._places[file]

    def values(self) -> Iterator[dict[str, Any]]:
        """Yield what each record says besides landmarks, alignment and identity, by the names of its fields."""
        for rows in self._chunks():
            for row in rows:
                yield self._read_values(row)

    def array(self, name: str) -> Iterator[NDArray[np.floating]]:
        """Yield one of `ARRAYS` for all records, some records at a time; an unknown identity is NaN."""
        for rows in self._chunks():
            yield rows[name]

    def _write(self, place: int, record: FaceRecord) -> None:
        values = json.dumps([getattr(record, name) for name in _VALUES]).encode("ascii")
        row = np.zeros((), _ROW)
        row["start"], row["length"] = self._end, len(values)
        row["landmarks"], row["image_to_face"], row["boxes"] = record.landmarks, record.image_to_face, record.box
        row["identities"] = np.nan if record.identity is None else record.identity
        # Values first: a row never points at what isn't there. Replaced ones stay where they are.
        self._values.seek(self._end)
        self._values.write(values)
        self._rows.seek(place * _ROW.itemsize)
        self._rows.write(row.tobytes())
        self._end += len(values)
        if self._places is not None:
            self._places[record.file] = place

    def _chunks(self) -> Iterator[NDArray[np.void]]:
        for start in range(0, self._count, _TOGETHER):
            yield self._read_rows(start, min(start + _TOGETHER, self._count))

    def _read_rows(self, start: int, end: int) -> NDArray[np.void]:
        self._rows.seek(start * _ROW.itemsize)
        return np.frombuffer(self._rows.read((end - start) * _ROW.itemsize), _ROW)

    def _read_values(self, row: np.void) -> dict[str, Any]:
        self._values.seek(int(row["start"]))
        return dict(zip(_VALUES, json.loads(self._values.read(int(row["length"]))), strict=True))


def _nameless() -> IO[bytes]:
    # The spool closes it when it goes itself.
    file = tempfile.SpooledTemporaryFile(_BYTES_IN_MEMORY, prefix="understudy-")  # noqa: SIM115
    return cast(IO[bytes], file)


def _record(row: np.void, values: dict[str, Any]) -> FaceRecord:
    x0, y0, x1, y1 = values.pop("box")
    identity = row["identities"]
    return FaceRecord(
        **values,
        box=(x0, y0, x1, y1),
        landmarks=row["landmarks"].copy(),
        image_to_face=row["image_to_face"].copy(),
        identity=None if np.isnan(identity[0]) else identity.copy(),
    )
