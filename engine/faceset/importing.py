# SPDX-License-Identifier: GPL-3.0-or-later
"""Facesets from other programs' faces: cut from the frames, or from the face pictures where there are no frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.face_formats import AUTO
from ..contract.messages import Done
from ..faces.alignment import align_face, face_matrix
from ..faces.geometry import transform_points
from ..faces.pose import head_pose
from ..faces.quality import measure_quality
from ..media.images import read_image
from ..runtime.reporter import Reporter
from .ancestor import turn_back
from .face_cutting import recut, shown_share
from .foreign import ForeignFace, ForeignFaces
from .formats import Format, import_format
from .frame_source import Frame, FrameSource, open_frames
from .pickle_machine import ReadingStopped
from .record import FaceRecord
from .store import FacesetWriter


@dataclass(frozen=True)
class ImportPlan:
    """What to make a faceset of.

    Attributes:
        source: The other program's file, or its folder of face pictures.
        frames: Folder of the pictures, or the movie, that the faces were found in. None: beside a file; for face
            pictures it means that the faces are cut from those.
        faceset: Folder of the faceset to write.
        size: Side of the aligned faces in pixels.
        coverage: Side of the aligned faces in face squares.
        format: A name of `IMPORT_FORMATS`, or "auto".
    """

    source: Path
    frames: Path | None
    faceset: Path
    size: int = 256
    coverage: float = 2.0
    format: str = AUTO


def import_faces(plan: ImportPlan, reporter: Reporter | None = None) -> Done:
    """Make a faceset of the faces that another program found.

    What is missing, unreadable or can't be carried is named in warnings.

    Returns:
        Last message; `result` has `faceset_folder`, `format` (what it was), `pictures` (frames or face pictures that
        were looked at), `faces` and `missing` (names of frames).

    Raises:
        EngineError: What reading the source, the frames or writing the faceset raises; `settings_invalid` when both
            are the same folder; `no_faces` when nothing was cut.
    """
    reporter = reporter or Reporter()
    foreign = import_format(plan.format, plan.source)
    if plan.faceset.resolve() == plan.source.resolve():
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"{plan.source} would be mixed with the faceset that is made of it.",
            "Choose another folder for the faceset.",
        )
    reporter.stage("read", f"Reading {foreign.title}")
    try:
        found = foreign.read(plan.source, reporter)
    except ReadingStopped:
        return _done(plan, foreign, reporter, _Import(plan, ForeignFaces(plan.source), reporter), 0)
    work = _Import(plan, found, reporter)
    work.warn_of_losses()
    with FacesetWriter(plan.faceset, plan.size, plan.coverage) as writer:
        if plan.frames is None and foreign.has_pictures:
            work.cut_pictures(found.frames.values(), writer)
        else:
            work.cut_frames(open_frames(plan.frames or plan.source.parent), writer)
    work.warn_of_edges()
    return _done(plan, foreign, reporter, work, len(writer.records))


def _done(plan: ImportPlan, foreign: Format, reporter: Reporter, work: _Import, faces: int) -> Done:
    if not faces and not reporter.is_stopped:
        beside = plan.frames or (plan.source if foreign.has_pictures else plan.source.parent)
        raise EngineError(
            ErrorCode.NO_FACES,
            f"{plan.source} names no face in a picture of {beside}.",
            "Check that both belong together.",
        )
    result = {
        "faceset_folder": str(plan.faceset),
        "format": foreign.title,
        "pictures": work.pictures,
        "faces": faces,
        "missing": work.missing,
    }
    return reporter.done(f"{faces} faces of {work.pictures} pictures are in {plan.faceset}.", result)


class _Import:
    """One import: what was found, and what is to be said about it."""

    def __init__(self, plan: ImportPlan, found: ForeignFaces, reporter: Reporter) -> None:
        self._plan, self._found, self._reporter = plan, found, reporter
        self._shares: list[float] = []
        self.pictures = 0
        self.missing: list[str] = []

    def warn_of_losses(self) -> None:
        """Say what isn't carried."""
        for sentence in self._found.skipped:
            self._reporter.warning(f"Skipped: {sentence}")
        if self._found.lost:
            self._reporter.warning(f"Not carried into the faceset: {', '.join(sorted(self._found.lost))}.")

    def warn_of_edges(self) -> None:
        """Say for how many faces the face pictures show less than the faceset wants."""
        short = sum(share < 1 for share in self._shares)
        if short:
            fitting = self._plan.coverage * min(self._shares)
            self._reporter.warning(
                f"{short} of {len(self._shares)} face pictures show less than a coverage of {self._plan.coverage:g}; "
                f"their edges are repeated. All show {np.floor(fitting * 20) / 20:.2f}; or give the frames."
            )

    def cut_frames(self, source: FrameSource, writer: FacesetWriter) -> None:
        """Cut every face from its frame; where the frame is missing, from its face picture if there is one."""
        names = source.find(list(self._found.frames))
        self._warn_about("has no face in it that is known", _unnamed(source, self._found))
        present = set(names)
        self.missing = [name for name in self._found.frames if name not in present]
        self._warn_about(f"isn't in {self._plan.frames or self._plan.source.parent}", self.missing)
        self._reporter.stage("cut", "Cutting out the faces")
        for number, frame in enumerate(source.read(names), start=1):
            self._cut_frame(frame, writer)
            if self._reporter.progress(number, len(names), "pictures"):
                return
        self.cut_pictures([self._found.frames[name] for name in self.missing], writer)

    def cut_pictures(self, groups: Iterable[list[ForeignFace]], writer: FacesetWriter) -> None:
        """Cut faces from their face pictures."""
        faces = [face for group in groups for face in group if face.picture is not None]
        if not faces:
            return
        self._reporter.stage("cut", "Taking over the face pictures")
        for number, face in enumerate(faces, start=1):
            self._cut_picture(face, writer)
            if self._reporter.progress(number, len(faces), "pictures"):
                return

    def _cut_frame(self, frame: Frame, writer: FacesetWriter) -> None:
        self.pictures += 1
        if frame.picture:
            writer.note_searched(frame.picture)
        if frame.image is None:
            self._reporter.warning(f"Skipped: {frame.problem}")
            return
        height, width = frame.image.shape[:2]
        for face in self._found.frames[frame.name]:
            upright = _upright(face, width, height)
            matrix = face_matrix(upright.landmarks, writer.size, writer.coverage)
            aligned = align_face(frame.image, matrix, writer.size)
            record = _record(upright, matrix, frame.image, upright.landmarks)
            writer.add(aligned, _at(record, frame))

    def _cut_picture(self, face: ForeignFace, writer: FacesetWriter) -> None:
        assert face.picture is not None and face.image_to_picture is not None
        self.pictures += 1
        try:
            picture = read_image(face.picture, upright=False)
        except EngineError as error:
            self._reporter.warning(f"Skipped: {error.message}")
            return
        matrix = face_matrix(face.landmarks, writer.size, writer.coverage)
        aligned = recut(picture, face.image_to_picture, matrix, writer.size)
        self._shares.append(shown_share(picture.shape, face.image_to_picture, matrix, writer.size))
        in_picture = transform_points(face.image_to_picture, face.landmarks)
        writer.add(aligned, _record(face, matrix, picture, in_picture))

    def _warn_about(self, what: str, names: list[str]) -> None:
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            self._reporter.warning(f"{names[0]}{more} {what}.")


def _unnamed(source: FrameSource, found: ForeignFaces) -> list[str]:
    return [name for name in source.names() or () if name not in found.frames]


def _upright(face: ForeignFace, width: int, height: int) -> ForeignFace:
    if not face.rotation:
        return face
    corners = turn_back(np.array([face.box[:2], face.box[2:]], np.float64), face.rotation, width, height)
    low, high = corners.min(axis=0), corners.max(axis=0)
    return ForeignFace(
        face.frame,
        turn_back(face.landmarks, face.rotation, width, height),
        (float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        face.rotation,
    )


def _record(
    face: ForeignFace, matrix: NDArray[np.float64], image: NDArray[np.uint8], landmarks: NDArray[np.float64]
) -> FaceRecord:
    """Return the record of a face that is seen in `image` at `landmarks`."""
    quality = measure_quality(image, landmarks)
    yaw, pitch, roll = head_pose(face.landmarks)
    return FaceRecord(
        file="",
        picture=face.frame,
        rotation=face.rotation,
        box=face.box,
        landmarks=face.landmarks.astype(np.float32),
        image_to_face=matrix,
        sharpness=quality.sharpness,
        exposure=quality.exposure,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
    )


def _at(record: FaceRecord, frame: Frame) -> FaceRecord:
    return replace(record, picture=frame.picture, media_frame=frame.media_frame)
