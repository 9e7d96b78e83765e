# SPDX-License-Identifier: GPL-3.0-or-later
"""What a faceset knows, written for another program."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..contract.messages import Done
from ..media.images import list_pictures
from ..runtime.reporter import Reporter
from .foreign import ExportedFace
from .formats import Format, export_format
from .frame_source import Frame, open_frames
from .record import FaceRecord
from .store import Faceset, load_faceset
from .writer import cut_stem

# How ffmpeg numbers the pictures of a movie in the ancestor's instructions.
FRAME_PATTERN = "%d.png"


@dataclass(frozen=True)
class ExportPlan:
    """What to write.

    Attributes:
        faceset: Folder of the faceset.
        target: File to write, or folder of face pictures to fill.
        format: A name of `EXPORT_FORMATS`.
        pattern: Name of a footage's pictures with a place for the number, as ffmpeg takes it.
        first: Number of the footage's first picture.
        frames: Folder of the frames, or the movie, for face pictures that show more than our aligned faces do; or None.
        size: Side of the face pictures in pixels; None keeps the faces as large as they are.
    """

    faceset: Path
    target: Path
    format: str = "ancestor"
    pattern: str = FRAME_PATTERN
    first: int = 1
    frames: Path | None = None
    size: int | None = None


def export_faces(plan: ExportPlan, reporter: Reporter | None = None) -> Done:
    """Write a faceset's faces in the format of another program.

    Faces whose picture was deleted are left out, and so are plain ones, of which no landmarks are known. Coordinates
    are of the unturned picture.

    Returns:
        Last message; `result` has `target`, `pictures` (frames named), `faces` and `left_out` (plain faces).

    Raises:
        EngineError: `faceset_unreadable`; `no_faces` for a faceset of plain faces; `settings_invalid` for a wrong
            format or pattern; `not_writable` for a folder that holds pictures already; or what writing raises.
    """
    reporter = reporter or Reporter()
    foreign = export_format(plan.format)
    faceset = load_faceset(plan.faceset)
    records = [record for record in faceset.records if record.landmarks is not None]
    if faceset.records and not records:
        raise EngineError(
            ErrorCode.NO_FACES,
            f"The pictures in {plan.faceset} have no landmarks, so no other program could place them.",
            "Extract the faces from their frames first.",
        )
    if foreign.has_pictures:
        _check_empty(plan.target)
    reporter.stage("write", f"Writing {foreign.title}")
    faces = _Faces(plan, faceset, records, foreign, reporter)
    if foreign.write_folder is not None and foreign.side is not None:
        size = plan.size or foreign.side(*_density(plan, records))
        foreign.write_folder(plan.target, faces, faceset.searched, size)
    elif foreign.write_file is not None:
        foreign.write_file(plan.target, faces, faceset.searched)
    return _done(plan, faces, faceset, len(faceset.records) - len(records), reporter)


def _done(plan: ExportPlan, faces: _Faces, faceset: Faceset, left_out: int, reporter: Reporter) -> Done:
    if left_out:
        reporter.warning(f"{left_out} plain pictures of {plan.faceset} have no landmarks and were left out.")
    pictures = len(faces.counts.keys() | set(faceset.searched))
    result = {"target": str(plan.target), "pictures": pictures, "faces": faces.counts.total(), "left_out": left_out}
    return reporter.done(f"{faces.counts.total()} faces of {pictures} pictures are in {plan.target}.", result)


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or list_pictures(folder)):
        raise EngineError(
            ErrorCode.NOT_WRITABLE,
            f"{folder} isn't an empty folder, and nothing of others is ever overwritten.",
            "Choose a new folder.",
        )


def _density(plan: ExportPlan, records: list[FaceRecord]) -> tuple[float, float]:
    """Return the pixels per face square of the aligned faces, and the coverage there is to cut from."""
    if not records:
        return 128.0, 2.0
    return records[0].size / records[0].coverage, records[0].coverage if plan.frames is None else math.inf


class _Faces:
    """The faces one after the other, counted as they are given out; ends early when the user stops."""

    def __init__(
        self, plan: ExportPlan, faceset: Faceset, records: list[FaceRecord], foreign: Format, reporter: Reporter
    ) -> None:
        self._plan, self._faceset, self._records = plan, faceset, records
        self._has_pictures, self._reporter = foreign.has_pictures, reporter
        self._stems: set[str] = set()
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[ExportedFace]:
        groups: dict[str, list[FaceRecord]] = {}
        for record in self._records:
            name = record.picture or frame_name(self._plan.pattern, record.media_frame + self._plan.first)
            groups.setdefault(name, []).append(record)
        done = 0
        for frame in self._frames(groups):
            for record in groups[frame.name]:
                face = self._face(record, frame)
                if face is not None:
                    yield face
                    self.counts[frame.name] += 1
            done += len(groups[frame.name])
            if self._reporter.progress(done, len(self._records), "faces"):
                return

    def _frames(self, groups: dict[str, list[FaceRecord]]) -> Iterator[Frame]:
        """Yield every frame once, without its picture where that isn't needed or isn't there."""
        found: list[str] = []
        if self._plan.frames is not None and self._has_pictures:
            source = open_frames(self._plan.frames, self._plan.first)
            found = source.find(list(groups))
            yield from source.read(found)
        missing = groups.keys() - set(found)
        if found and missing:
            self._reporter.warning(
                f"{min(missing)}{f' (and {len(missing) - 1} more)' if len(missing) > 1 else ''} isn't in "
                f"{self._plan.frames}; its face is taken from the faceset."
            )
        yield from (Frame(name, name, -1, None) for name in groups if name in missing)

    def _face(self, record: FaceRecord, frame: Frame) -> ExportedFace | None:
        assert record.landmarks is not None and record.image_to_face is not None
        landmarks = record.landmarks.astype(np.float64)
        face = ExportedFace(
            frame.name,
            self.counts[frame.name],
            self._stem(frame.name),
            landmarks,
            record.box,
            record.image_to_face,
            record.coverage,
        )
        if not self._has_pictures:
            return face
        if frame.image is not None:
            height, width = frame.image.shape[:2]
            whole = np.eye(3)[:2]
            return replace(
                face, picture=frame.image, image_to_face=whole, frame_size=(height, width), coverage=math.inf
            )
        if frame.problem:
            self._reporter.warning(f"{frame.problem} Its faces are taken from the faceset.")
        try:
            return replace(face, picture=self._faceset.image(record))
        except EngineError as error:
            self._reporter.warning(f"Skipped: {error.message}")
            return None

    def _stem(self, frame: str) -> str:
        base, variant = cut_stem(PurePath(frame).stem), 1
        while True:
            # Frames whose names differ in their suffix only must not overwrite each other.
            stem = f"{base}{'' if variant == 1 else f'~{variant}'}_{self.counts[frame]}"
            if stem.casefold() not in self._stems:
                self._stems.add(stem.casefold())
                return stem
            variant += 1


def frame_name(pattern: str, number: int) -> str:
    """Return the file name of a numbered picture.

    Raises:
        EngineError: `settings_invalid`, when the pattern has no single place for a number.
    """
    try:
        return pattern % number
    except (TypeError, ValueError) as error:
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"{pattern!r} is no pattern for numbered pictures.",
            "Write one place for the number, for example %d.png or frame_%06d.png.",
        ) from error
