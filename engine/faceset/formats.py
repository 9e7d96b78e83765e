# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of other programs' formats: how each is recognized by its content, read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contract.errors import EngineError, ErrorCode
from ..contract.face_formats import AUTO, EXPORT_FORMATS
from ..media.images import list_pictures
from ..runtime.reporter import Reporter
from .ancestor import AncestorFace, has_pickle_name, is_ancestor, read_alignments, write_alignments
from .deepfacelab import PACKED_NAME, deepfacelab_side, has_deepfacelab_data, read_deepfacelab, write_deepfacelab
from .faceswap_alignments import is_faceswap_alignments, read_faceswap_alignments
from .faceswap_json import is_faceswap_json, read_faceswap_json, write_faceswap_json
from .faceswap_pictures import (
    faceswap_side,
    has_faceswap_header,
    read_faceswap_pictures,
    write_faceswap_pictures,
)
from .foreign import ExportedFace, ForeignFace, ForeignFaces
from .foreign_errors import unreadable

# Texts put their keys well within this. DeepFaceLab's older PNG has its data at its very end, so this holds a picture.
_HEAD_BYTES = 1 << 22
_PICTURES_TRIED = 32

FileWriter = Callable[[Path, Iterable[ExportedFace], Sequence[str]], None]
FolderWriter = Callable[[Path, Iterable[ExportedFace], Sequence[str], int], None]


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        title: What it is, for sentences.
        detect: Says from the beginning of a file whether it is of this format; for folders that of a picture.
        read: Reads a file or folder.
        write_file: Writes a file of faces, given those and the pictures without any; None where it isn't written.
        write_folder: The same for a folder of face pictures of a given side.
        side: Side of the face pictures that keeps faces as large as they are, from pixels per face square and coverage.
    """

    title: str
    detect: Callable[[bytes], bool]
    read: Callable[[Path, Reporter], ForeignFaces]
    write_file: FileWriter | None = None
    write_folder: FolderWriter | None = None
    side: Callable[[float, float], int] | None = None
    has_pictures: bool = False


def _read_ancestor(path: Path, _: Reporter) -> ForeignFaces:
    found = ForeignFaces(path)
    for name, faces in read_alignments(path).items():
        found.frames[name] = []
        for face in faces:
            x, y, w, h = face.box
            found.add(ForeignFace(name, face.landmarks, (x, y, x + w, y + h), face.rotation))
    return found


def _write_ancestor(path: Path, faces: Iterable[ExportedFace], searched: Sequence[str]) -> None:
    alignments: dict[str, list[AncestorFace]] = {name: [] for name in searched}
    for face in faces:
        x0, y0, x1, y1 = face.box
        box = (round(x0), round(y0), round(x1 - x0), round(y1 - y0))
        alignments.setdefault(face.frame, []).append(AncestorFace(0, box, face.landmarks))
    write_alignments(path, alignments)


FORMATS: dict[str, Format] = {
    "ancestor": Format("the ancestor's alignments", is_ancestor, _read_ancestor, _write_ancestor),
    "faceswap-json": Format(
        "faceswap's exported alignments", is_faceswap_json, read_faceswap_json, write_faceswap_json
    ),
    "faceswap-fsa": Format("faceswap's alignments file", is_faceswap_alignments, read_faceswap_alignments),
    "faceswap-faces": Format(
        "faceswap's face pictures",
        has_faceswap_header,
        read_faceswap_pictures,
        write_folder=write_faceswap_pictures,
        side=faceswap_side,
        has_pictures=True,
    ),
    "deepfacelab": Format(
        "DeepFaceLab's face pictures",
        has_deepfacelab_data,
        read_deepfacelab,
        write_folder=write_deepfacelab,
        side=deepfacelab_side,
        has_pictures=True,
    ),
}


def import_format(name: str, source: Path) -> Format:
    """Return the format of this name, or for "auto" the one that the content shows.

    Raises:
        EngineError: `alignments_unreadable`, when the content is of none; `settings_invalid` for an unknown name, or
            when a file is given where a folder belongs.
    """
    if name == AUTO:
        return _detected(source)
    found = _named(name)
    if found.has_pictures != source.is_dir() and source.exists():
        wanted, given = ("folder of pictures", "file") if found.has_pictures else ("file", "folder")
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"{source} is a {given}; {found.title} are a {wanted}.",
            "Name the right path, or leave the format to be recognized.",
        )
    return found


def export_format(name: str) -> Format:
    """Return a format that is written.

    Raises:
        EngineError: `settings_invalid` for an unknown name or a format that is only read.
    """
    if name not in EXPORT_FORMATS:
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"{name} is no format that is written.",
            f"Choose one of {', '.join(EXPORT_FORMATS)}.",
        )
    return FORMATS[name]


def _named(name: str) -> Format:
    if name not in FORMATS:
        raise EngineError(
            ErrorCode.SETTINGS_INVALID, f"{name} is no known format.", f"Choose one of {', '.join(FORMATS)}."
        )
    return FORMATS[name]


def _detected(source: Path) -> Format:
    if source.is_dir():
        heads = [_head(path) for path in list_pictures(source)[:_PICTURES_TRIED]]
        if not heads and (source / PACKED_NAME).is_file():
            return FORMATS["deepfacelab"]
    elif has_pickle_name(source):
        return FORMATS["ancestor"]
    else:
        heads = [_head(source)]
    for found in FORMATS.values():
        if found.has_pictures == source.is_dir() and any(map(found.detect, heads)):
            return found
    if source.is_dir():
        raise unreadable(source, "none of its pictures carries data of faceswap or DeepFaceLab")
    # The ancestor's reader names what is wrong with any other text, and refuses a bare pickle.
    return FORMATS["ancestor"]


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else error.strerror
        raise unreadable(path, str(reason)) from error
