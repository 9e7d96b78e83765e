# SPDX-License-Identifier: GPL-3.0-or-later
"""Views: new folders that show faces in an order or in groups, while the faceset stays as it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import writing_error
from ..contract.project import safe_name
from .record import FaceRecord
from .store import Faceset


class ShownFace(Protocol):
    """A face in an order."""

    @property
    def record(self) -> FaceRecord:
        """Which face."""
        ...


class ShownGroup(Protocol):
    """Faces that belong together."""

    @property
    def name(self) -> str:
        """What they share."""
        ...

    @property
    def records(self) -> Sequence[FaceRecord]:
        """Which faces."""
        ...


def write_view(folder: Path, faceset: Faceset, faces: Sequence[ShownFace]) -> None:
    """Fill a new folder with the faces in their order, numbered, for looking through in an image viewer.

    The pictures are hard links where the file system allows it, otherwise copies; the faceset stays as it is.

    Raises:
        EngineError: `not_writable` or `disk_full`; also when the folder holds something already.
    """
    _fill(folder, faceset, _numbered([face.record for face in faces]))


def write_group_view(folder: Path, faceset: Faceset, groups: Sequence[ShownGroup]) -> None:
    """Fill a new folder with one numbered folder for each group; links and errors as `write_view`."""
    digits = len(str(len(groups)))
    places = (
        (Path(f"{number:0{digits}d}_{safe_name(group.name)}") / name, record)
        for number, group in enumerate(groups, start=1)
        for name, record in _numbered(group.records)
    )
    _fill(folder, faceset, places)


def _numbered(records: Sequence[FaceRecord]) -> Iterator[tuple[Path, FaceRecord]]:
    digits = len(str(len(records)))
    for number, record in enumerate(records, start=1):
        yield Path(f"{number:0{digits}d}_{record.file}"), record


def _fill(folder: Path, faceset: Faceset, places: Iterator[tuple[Path, FaceRecord]]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise EngineError(ErrorCode.NOT_WRITABLE, f"The folder {folder} isn't empty.", "Choose a new folder.")
        for name, record in places:
            (folder / name).parent.mkdir(exist_ok=True)
            _link(faceset.folder / record.file, folder / name)
    except OSError as error:
        raise writing_error(folder, error) from error


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
