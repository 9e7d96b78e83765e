# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a faceset face by face, so that what the user took out before stays out; memory doesn't grow with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..media.images import list_pictures, write_png
from .absence import find_absence
from .record import FaceRecord
from .record_spool import RecordSpool
from .records_file import StoredRecords, note_replacing, read_records, write_records
from .removals import load_removals, save_removals
from .taken_names import TakenNames, footage_name

# File systems take 255 bytes; the face's number, the suffix and a temporary name's additions must fit too.
_LONGEST_STEM = 180


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
        self._records = RecordSpool()
        self._searched: dict[str, None] = {}
        pictures = {path.name for path in list_pictures(self.folder)} if self.folder.is_dir() else set()
        stored = read_records(self.folder)
        self._absence = find_absence(self.folder, stored, pictures, keep)
        if keep:
            self._take_over(stored)
        elif stored.records:
            self._clear(stored)
            pictures -= {record.file for record in stored.records}
        self._faces_of = Counter(values["picture"] for values in self._records.values())
        self._names = TakenNames(pictures)
        for values in self._records.values():
            self._names.add(values["file"])

    def _take_over(self, stored: StoredRecords) -> None:
        records = stored.records
        if any((record.size, record.coverage) != (self.size, self.coverage) for record in records):
            raise EngineError(
                ErrorCode.FACESET_UNREADABLE,
                f"The faces in {self.folder} were cut with {records[0].size} px and coverage "
                f"{records[0].coverage:g}, not {self.size} px and {self.coverage:g}.",
                "Use the same face size and coverage, or another folder.",
            )
        self._records, self._searched = RecordSpool(records), dict.fromkeys(stored.searched)

    def _clear(self, stored: StoredRecords) -> None:
        # In this order a crash at any point loses no removal, and takes no picture that we delete for the user's doing.
        self._save_removals()
        note_replacing(self.folder)
        for record in stored.records:
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

        A face whose picture the user deleted before it was found anew gets a record only.

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
        if not self._absence.is_deleted(record):
            write_png(self.folder / record.file, image)
        self._records.append(record)
        self._faces_of[record.picture] += 1
        self._names.add(record.file)
        if record.picture:
            self.note_searched(record.picture)
        return record

    def rename_tracks(self, names: Mapping[int, int]) -> None:
        """Give the faces of some tracks another track id (old id -> new id), in their records and file names."""
        for index, record in enumerate(self._records if names else ()):
            if record.track not in names:
                continue
            renamed = replace(record, track=names[record.track])
            renamed = replace(renamed, file=self._name(renamed))
            # A picture that the user deleted stays deleted under its new name too.
            if (self.folder / record.file).is_file():
                (self.folder / record.file).replace(self.folder / renamed.file)
            self._names.add(renamed.file)
            self._records[index] = renamed

    def revise(self, known: FaceRecord, record: FaceRecord, image: np.ndarray | None = None) -> FaceRecord:
        """Replace one face's record, and its picture where one is given; a face of another track is renamed.

        A picture that the user deleted stays deleted.

        Returns:
            The new record with its file name.

        Raises:
            EngineError: `disk_full` or `not_writable`.
        """
        index = self._records.place_of(known.file)
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
            self._names.discard(known.file)
            self._names.add(record.file)
        self._records[index] = record
        return record

    def remove(self, files: Collection[str]) -> None:
        """Delete some recorded faces by file name, pictures and records."""
        for file in (values["file"] for values in self._records.values()):
            if file in files:
                (self.folder / file).unlink(missing_ok=True)
                self._names.discard(file)
        self._records = RecordSpool(record for record in self._records if record.file not in files)

    def _name(self, record: FaceRecord) -> str:
        if not record.picture:
            stem, number = footage_name(record.media_frame, record.track), -1
        else:
            stem = cut_stem(Path(record.picture).stem)
            number = self._faces_of[record.picture]
        variant = 1
        while True:
            # Pictures that differ in suffix only, and footage searched twice, must not overwrite each other.
            base = stem if variant == 1 else f"{stem}~{variant}"
            name = f"{base}.png" if number < 0 else f"{base}_{number}.png"
            if name not in self._names:
                return name
            variant += 1

    def save(self) -> None:
        """Write the records and removals as they are now."""
        self._save_removals()
        write_records(self.folder, self.size, self.coverage, self._records, list(self._searched))

    def _save_removals(self) -> None:
        written = load_removals(self.folder)
        self._absence.take_newer(written)
        removals = self._absence.placed(self._records)
        if removals != written:
            save_removals(self.folder, removals)


def cut_stem(stem: str) -> str:
    """Return the beginning of a name that a file system takes with a number and a suffix behind it."""
    return stem.encode("utf-8", "ignore")[:_LONGEST_STEM].decode("utf-8", "ignore")
