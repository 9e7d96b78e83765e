# SPDX-License-Identifier: GPL-3.0-or-later
"""A faceset on disk: a flat folder of aligned faces that any viewer shows, and what is known about each.

`faceset.json` lists the faces, `faceset.npz` holds their arrays in the same order (docs/reference/formats/faceset.md).
The pictures are the truth: a face whose picture was deleted is out, a picture without a record is taken as plain face.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import read_document, write_document, written_whole
from ..contract.project import FACESET_FILE
from ..media.images import list_pictures, read_image, write_png
from .record import FaceRecord

SCHEMA = "understudy.faceset"
VERSION = 2
ARRAYS_FILE = "faceset.npz"

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
# File systems take 255 bytes; the face's number, the suffix and a temporary name's additions must fit too.
_LONGEST_STEM = 180


@dataclass(frozen=True)
class Faceset:
    """The aligned faces in a folder.

    Attributes:
        folder: Where the pictures lie.
        records: One for each face whose picture is there, in the order of extraction; plain pictures come last.
        searched: File names of the pictures that were searched, with or without success; empty for footage.
    """

    folder: Path
    records: tuple[FaceRecord, ...]
    searched: tuple[str, ...] = ()

    def image(self, record: FaceRecord) -> np.ndarray:
        """Return the aligned face, uint8 (size, size, 3) RGB.

        Raises:
            EngineError: `picture_unreadable`, naming the file.
        """
        return read_image(self.folder / record.file)


def load_faceset(folder: Path) -> Faceset:
    """Read a faceset, or a folder of plain aligned pictures.

    Raises:
        EngineError: `faceset_unreadable`, when the folder is missing or its records are damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise EngineError(
            ErrorCode.FACESET_UNREADABLE,
            f"There is no faceset {folder}.",
            "Extract faces first, or correct the path; perhaps a drive is missing.",
        )
    present = {path.name: path for path in list_pictures(folder)}
    records, searched = _read_records(folder) if (folder / FACESET_FILE).is_file() else ([], ())
    known = {record.file for record in records}
    plain = [_plain_record(path) for name, path in present.items() if name not in known]
    return Faceset(folder, (*(record for record in records if record.file in present), *plain), searched)


def _plain_record(path: Path) -> FaceRecord:
    # The header only; a damaged picture is found, and named, when it is read.
    with contextlib.suppress(OSError, UnidentifiedImageError, Image.DecompressionBombError), Image.open(path) as image:
        return FaceRecord(file=path.name, size=max(image.size))
    return FaceRecord(file=path.name)


def _read_records(folder: Path) -> tuple[list[FaceRecord], tuple[str, ...]]:
    content = read_document(folder / FACESET_FILE, SCHEMA, VERSION, ErrorCode.FACESET_UNREADABLE)
    try:
        faces = content["faces"]
        arrays = _read_arrays(folder / ARRAYS_FILE, len(faces))
        size, coverage = int(content["size"]), float(content["coverage"])
        records = [
            FaceRecord(
                **{name: face[name] for name in _PLAIN_FIELDS if name in face or name not in _SINCE_VERSION_2},
                box=tuple(arrays["boxes"][i].tolist()),
                landmarks=arrays["landmarks"][i],
                image_to_face=arrays["image_to_face"][i],
                size=size,
                coverage=coverage,
                identity=None if np.isnan(arrays["identities"][i, 0]) else arrays["identities"][i],
            )
            for i, face in enumerate(faces)
        ]
        return records, tuple(content["searched"])
    except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise EngineError(
            ErrorCode.FACESET_UNREADABLE,
            f"The records of the faceset {folder} are damaged: {error}.",
            f"Extract again, or delete {FACESET_FILE} to use the pictures without records.",
        ) from error


def _read_arrays(path: Path, count: int) -> dict[str, np.ndarray]:
    shapes = {"landmarks": (68, 2), "boxes": (4,), "image_to_face": (2, 3), "identities": (128,)}
    with np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in shapes}
    for name, shape in shapes.items():
        if arrays[name].shape != (count, *shape):
            raise ValueError(f"{name} has the shape {arrays[name].shape} instead of {(count, *shape)}")
    return arrays


class FacesetWriter:
    """Writes a faceset face by face; a context manager that saves the records however its block ends.

    Args:
        folder: Folder of the faceset; created.
        size: Side of the aligned faces in pixels.
        coverage: Side of the aligned faces in canonical face squares.
        keep: Keep the faces that are there and add to them; otherwise the recorded ones are deleted first. Pictures
            without a record are never deleted.

    Raises:
        EngineError: `faceset_unreadable`, when faces to keep were cut in another size or coverage.
    """

    def __init__(self, folder: Path, size: int, coverage: float, keep: bool = False) -> None:
        self.folder, self.size, self.coverage = Path(folder), size, coverage
        self._records: list[FaceRecord] = []
        self._searched: dict[str, None] = {}
        if (self.folder / FACESET_FILE).is_file():
            self._take_over(keep)
        self._faces_of = Counter(record.picture for record in self._records)
        self._names = {record.file.casefold() for record in self._records}
        if self.folder.is_dir():
            self._names |= {path.name.casefold() for path in list_pictures(self.folder)}

    def _take_over(self, keep: bool) -> None:
        records, searched = _read_records(self.folder)
        if keep:
            if any((record.size, record.coverage) != (self.size, self.coverage) for record in records):
                raise EngineError(
                    ErrorCode.FACESET_UNREADABLE,
                    f"The faces in {self.folder} were cut with {records[0].size} px and coverage "
                    f"{records[0].coverage:g}, not {self.size} px and {self.coverage:g}.",
                    "Use the same face size and coverage, or another folder.",
                )
            self._records, self._searched = records, dict.fromkeys(searched)
            return
        for record in records:
            (self.folder / record.file).unlink(missing_ok=True)

    def __enter__(self) -> FacesetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.save()

    @property
    def records(self) -> tuple[FaceRecord, ...]:
        """The faces so far, kept ones included."""
        return tuple(self._records)

    def is_searched(self, picture: str) -> bool:
        """Whether the picture of this file name was searched before, whether or not its faces were deleted since."""
        return picture in self._searched

    def note_searched(self, picture: str) -> None:
        """Remember that the picture of this file name was searched."""
        self._searched[picture] = None

    def add(self, image: np.ndarray, record: FaceRecord) -> FaceRecord:
        """Write one aligned face.

        Args:
            image: uint8 or uint16 (size, size, 3) RGB.
            record: What is known; `file`, `size` and `coverage` are filled in here. `landmarks` and `image_to_face`
                are required.

        Returns:
            The record with its file name: `<frame>_t<track>.png` for footage, `<stem>_<number>.png` for pictures.

        Raises:
            EngineError: `disk_full` or `not_writable`.
        """
        if record.landmarks is None or record.image_to_face is None:
            raise ValueError("a face of a faceset needs landmarks and image_to_face")
        if image.shape != (self.size, self.size, 3):
            raise ValueError(f"an aligned face of {self.size} px was announced, not {image.shape}")
        record = replace(record, file=self._name(record), size=self.size, coverage=self.coverage)
        write_png(self.folder / record.file, image)
        self._records.append(record)
        self._faces_of[record.picture] += 1
        self._names.add(record.file.casefold())
        if record.picture:
            self.note_searched(record.picture)
        return record

    def rename_tracks(self, names: Mapping[int, int]) -> None:
        """Give the faces of some tracks another track id (old id -> new id), in their records and file names."""
        for index, record in enumerate(self._records):
            if record.track not in names:
                continue
            renamed = replace(record, track=names[record.track])
            renamed = replace(renamed, file=self._name(renamed))
            # A picture that the user deleted stays deleted under its new name too.
            if (self.folder / record.file).is_file():
                (self.folder / record.file).replace(self.folder / renamed.file)
            self._names.add(renamed.file.casefold())
            self._records[index] = renamed

    def revise(self, known: FaceRecord, record: FaceRecord, image: np.ndarray | None = None) -> FaceRecord:
        """Replace one face's record, and its picture where one is given; a face of another track is renamed.

        A picture that the user deleted stays deleted.

        Returns:
            The new record with its file name.

        Raises:
            EngineError: `disk_full` or `not_writable`.
        """
        index = next(place for place, item in enumerate(self._records) if item.file == known.file)
        is_renamed = (known.track, known.media_frame) != (record.track, record.media_frame)
        record = replace(record, file=self._name(record) if is_renamed else known.file)
        old, new = self.folder / known.file, self.folder / record.file
        if old.is_file():
            if image is not None:
                write_png(new, image)
            if is_renamed and image is None:
                old.replace(new)
            elif is_renamed:
                old.unlink()
        if is_renamed:
            self._names.discard(known.file.casefold())
            self._names.add(record.file.casefold())
        self._records[index] = record
        return record

    def remove(self, files: Collection[str]) -> None:
        """Delete some recorded faces by file name, pictures and records."""
        for record in self._records:
            if record.file in files:
                (self.folder / record.file).unlink(missing_ok=True)
                self._names.discard(record.file.casefold())
        self._records = [record for record in self._records if record.file not in files]

    def _name(self, record: FaceRecord) -> str:
        if not record.picture:
            stem, number = f"{record.media_frame:06d}_t{max(record.track, 0):02d}", -1
        else:
            stem = _cut(Path(record.picture).stem)
            number = self._faces_of[record.picture]
        variant = 1
        while True:
            # Pictures that differ in suffix only, and footage searched twice, must not overwrite each other.
            base = stem if variant == 1 else f"{stem}~{variant}"
            name = f"{base}.png" if number < 0 else f"{base}_{number}.png"
            if name.casefold() not in self._names:
                return name
            variant += 1

    def save(self) -> None:
        """Write the records as they are now."""
        records = self._records
        with written_whole(self.folder / ARRAYS_FILE) as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **_arrays(records))
        write_document(
            self.folder / FACESET_FILE,
            SCHEMA,
            VERSION,
            {
                "size": self.size,
                "coverage": self.coverage,
                "searched": list(self._searched),
                "faces": [_face_to_json(record) for record in records],
            },
        )


def _cut(stem: str) -> str:
    return stem.encode("utf-8", "ignore")[:_LONGEST_STEM].decode("utf-8", "ignore")


def _face_to_json(record: FaceRecord) -> dict[str, Any]:
    face = {name: getattr(record, name) for name in _PLAIN_FIELDS}
    return {name: round(float(value), 4) if isinstance(value, float) else value for name, value in face.items()}


def _arrays(records: Sequence[FaceRecord]) -> dict[str, np.ndarray]:
    count = len(records)
    unknown = np.full(128, np.nan, np.float32)
    return {
        "landmarks": np.array([r.landmarks for r in records], np.float32).reshape(count, 68, 2),
        "boxes": np.array([r.box for r in records], np.float32).reshape(count, 4),
        "image_to_face": np.array([r.image_to_face for r in records], np.float64).reshape(count, 2, 3),
        "identities": np.array([unknown if r.identity is None else r.identity for r in records], np.float32).reshape(
            count, 128
        ),
    }
