# SPDX-License-Identifier: GPL-3.0-or-later
"""The two files that keep what is known about the faces of a faceset: `faceset.json` and `faceset.npz`.

Both list the faces in the same order (docs/reference/formats/faceset.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import WRONG_ARRAYS, damage, read_document, write_document, write_listing, written_whole
from ..contract.project import FACESET_FILE
from ..runtime.array_pieces import PiecedArray, write_pieced_arrays
from .record import FaceRecord
from .record_spool import ARRAYS, RecordSpool

SCHEMA = "understudy.faceset"
VERSION = 2
ARRAYS_FILE = "faceset.npz"
_HINT = f"Extract again, or delete {FACESET_FILE} to use the pictures without records."

_PLAIN_FIELDS = (
    "file",
    "picture",
    "media_frame",
    "track",
    "rotation",
    "score",
    "sharpness",
    "exposure",
    "occlusion",
    "yaw",
    "pitch",
    "roll",
)
# Facesets of version 1 don't say these.
_SINCE_VERSION_2 = ("exposure", "occlusion")


@dataclass(frozen=True)
class StoredRecords:
    """What the two files say.

    Attributes:
        records: One for each face, also of those whose picture is gone.
        searched: File names of single pictures that were searched.
        is_being_replaced: The pictures were being deleted for a new extraction when the files were written: one that
            is missing wasn't deleted by the user.
    """

    records: list[FaceRecord]
    searched: tuple[str, ...] = ()
    is_being_replaced: bool = False


def read_records(folder: Path) -> StoredRecords:
    """Read what is known about the faces of a folder; nothing where there are no records.

    Raises:
        EngineError: `faceset_unreadable`, naming what is damaged.
    """
    if not (folder / FACESET_FILE).is_file():
        return StoredRecords([])
    content = read_document(folder / FACESET_FILE, SCHEMA, VERSION, ErrorCode.FACESET_UNREADABLE, _HINT)
    try:
        faces = content["faces"]
        arrays = _read_arrays(folder / ARRAYS_FILE, len(faces))
        size, coverage = int(content["size"]), float(content["coverage"])
        records = [_record(face, arrays, index, size, coverage) for index, face in enumerate(faces)]
        return StoredRecords(records, tuple(content["searched"]), bool(content.get("replacing", False)))
    except WRONG_ARRAYS as error:
        raise EngineError(
            ErrorCode.FACESET_UNREADABLE,
            f"The records of the faceset {folder} are damaged: {damage(error)}.",
            _HINT,
        ) from error


def _record(face: dict[str, Any], arrays: dict[str, np.ndarray], index: int, size: int, coverage: float) -> FaceRecord:
    box = arrays["boxes"][index].tolist()
    identity = arrays["identities"][index]
    plain = {name: face[name] for name in _PLAIN_FIELDS if name in face or name not in _SINCE_VERSION_2}
    if not (isinstance(plain["file"], str) and isinstance(plain["picture"], str)):
        raise ValueError(f"the names of face {index} are no texts")
    return FaceRecord(
        **plain,
        box=(box[0], box[1], box[2], box[3]),
        landmarks=arrays["landmarks"][index],
        image_to_face=arrays["image_to_face"][index],
        size=size,
        coverage=coverage,
        identity=None if np.isnan(identity[0]) else identity,
    )


def _read_arrays(path: Path, count: int) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in ARRAYS}
    for name, (_, shape) in ARRAYS.items():
        if arrays[name].shape != (count, *shape):
            raise ValueError(f"{name} has the shape {arrays[name].shape} instead of {(count, *shape)}")
    return arrays


def write_records(folder: Path, size: int, coverage: float, records: RecordSpool, searched: Sequence[str]) -> None:
    """Write what is known about the faces of a folder; memory doesn't grow with their number.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    with written_whole(folder / ARRAYS_FILE) as temporary:
        write_pieced_arrays(
            temporary,
            {
                name: PiecedArray(kind, (len(records), *shape), records.array(name))
                for name, (kind, shape) in ARRAYS.items()
            },
        )
    content = {"size": size, "coverage": coverage, "searched": list(searched)}
    faces = map(_face_to_json, records.values())
    write_listing(folder / FACESET_FILE, SCHEMA, VERSION, content, "faces", faces)


def note_replacing(folder: Path) -> None:
    """Write into the records that their pictures are being deleted for a new extraction.

    Raises:
        EngineError: `faceset_unreadable`, `not_writable` or `disk_full`.
    """
    content = read_document(folder / FACESET_FILE, SCHEMA, VERSION, ErrorCode.FACESET_UNREADABLE, _HINT)
    # Its own schema and version go over the writer's, so the file stays of the version it is.
    write_document(folder / FACESET_FILE, SCHEMA, VERSION, {**content, "replacing": True})


def _face_to_json(values: dict[str, Any]) -> dict[str, Any]:
    face = {name: values[name] for name in _PLAIN_FIELDS}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in face.items()}
