# SPDX-License-Identifier: GPL-3.0-or-later
"""Facesets from the ancestor's alignments, and the ancestor's alignments from facesets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..contract.messages import Done
from ..faces.alignment import align_face, face_matrix
from ..media.images import list_pictures, read_image
from ..runtime.reporter import Reporter
from .ancestor import Alignments, AncestorFace, read_alignments, turn_back, write_alignments
from .curate import laplacian_sharpness
from .record import FaceRecord
from .store import FacesetWriter, load_faceset

# How ffmpeg numbers the pictures of a movie in the ancestor's instructions.
FRAME_PATTERN = "%d.png"


@dataclass(frozen=True)
class ImportPlan:
    """What to make of an alignments file.

    Attributes:
        alignments: The alignments file, wherever it lies.
        pictures: Folder of the pictures it names.
        faceset: Folder of the faceset to write.
        size: Side of the aligned faces in pixels.
        coverage: Side of the aligned faces in face squares.
    """

    alignments: Path
    pictures: Path
    faceset: Path
    size: int = 256
    coverage: float = 2.0


def import_alignments(plan: ImportPlan, reporter: Reporter | None = None) -> Done:
    """Cut the faces that the ancestor found into a faceset of ours.

    Pictures that are missing or unreadable, and pictures without an entry, are named in warnings.

    Returns:
        Last message; `result` has `faceset_folder`, `pictures`, `faces` and `missing` (names).

    Raises:
        EngineError: What reading the alignments or writing the faceset raises; `no_faces` when nothing was cut.
    """
    reporter = reporter or Reporter()
    alignments = read_alignments(plan.alignments)
    present = {path.name: path for path in list_pictures(plan.pictures)}
    _warn_about(reporter, "has no entry in the alignments", [n for n in present if n not in alignments])
    missing = [name for name in alignments if name not in present]
    _warn_about(reporter, f"isn't in {plan.pictures}", missing)
    names = [name for name in present if name in alignments]
    reporter.stage("cut", "Cutting out the faces")
    with FacesetWriter(plan.faceset, plan.size, plan.coverage) as writer:
        for number, name in enumerate(names, start=1):
            _import_picture(present[name], alignments[name], writer, reporter)
            if reporter.progress(number, len(names), "pictures"):
                break
    count = len(writer.records)
    if not count and not reporter.is_stopped:
        raise EngineError(
            ErrorCode.NO_FACES,
            f"The alignments {plan.alignments} name no face in a picture of {plan.pictures}.",
            "Check that both belong together.",
        )
    result = {"faceset_folder": str(plan.faceset), "pictures": len(names), "faces": count, "missing": missing}
    return reporter.done(f"{count} faces of {len(names)} pictures are in {plan.faceset}.", result)


def _warn_about(reporter: Reporter, what: str, names: list[str]) -> None:
    if names:
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        reporter.warning(f"{names[0]}{more} {what}.")


def _import_picture(path: Path, faces: Iterable[AncestorFace], writer: FacesetWriter, reporter: Reporter) -> None:
    writer.note_searched(path.name)
    try:
        image = read_image(path)
    except EngineError as error:
        reporter.warning(f"Skipped: {error.message}")
        return
    height, width = image.shape[:2]
    for face in faces:
        landmarks = turn_back(face.landmarks, face.rotation, width, height)
        x, y, w, h = face.box
        corners = turn_back(np.array([[x, y], [x + w, y + h]], np.float64), face.rotation, width, height)
        low, high = corners.min(axis=0), corners.max(axis=0)
        matrix = face_matrix(landmarks, writer.size, writer.coverage)
        aligned = align_face(image, matrix, writer.size)
        writer.add(
            aligned,
            FaceRecord(
                file="",
                picture=path.name,
                rotation=face.rotation,
                box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
                landmarks=landmarks.astype(np.float32),
                image_to_face=matrix,
                sharpness=laplacian_sharpness(aligned, writer.coverage),
            ),
        )


def export_alignments(faceset: Path, path: Path, pattern: str = FRAME_PATTERN, first: int = 1) -> Done:
    """Write what a faceset knows as an alignments file of the ancestor.

    Faces whose picture was deleted are left out. Coordinates are of the unturned picture, so `r` is 0.

    Args:
        faceset: Folder of the faceset.
        path: JSON or YAML file to write.
        pattern: Name of a footage's pictures with a place for the number, as ffmpeg takes it.
        first: Number of the footage's first picture.

    Returns:
        Last message; `result` has `alignments`, `pictures` and `faces`.

    Raises:
        EngineError: `faceset_unreadable`, `settings_invalid` for a wrong pattern, or what writing raises.
    """
    loaded = load_faceset(faceset)
    alignments: Alignments = {name: [] for name in loaded.searched}
    for record in loaded.records:
        if record.landmarks is None:
            continue
        name = record.picture or frame_name(pattern, record.media_frame + first)
        x0, y0, x1, y1 = record.box
        box = (round(x0), round(y0), round(x1 - x0), round(y1 - y0))
        alignments.setdefault(name, []).append(AncestorFace(0, box, record.landmarks.astype(np.float64)))
    write_alignments(path, alignments)
    count = sum(map(len, alignments.values()))
    result = {"alignments": str(path), "pictures": len(alignments), "faces": count}
    return Done(False, f"{count} faces of {len(alignments)} pictures are in {path}.", result)


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
