# SPDX-License-Identifier: GPL-3.0-or-later
"""The face pictures that faceswap extracts: PNG whose header says where they are from.

A text chunk with the keyword `faceswap` holds a dictionary written as Python writes it. It is parsed as literals only,
after its length and depth were looked at. The format is described in docs/reference/formats/faceswap.md.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..contract.errors import EngineError
from ..media.images import list_pictures, write_png
from ..media.png_chunks import PNG_SIGNATURE, png_chunks, png_size, png_text
from ..runtime.reporter import Reporter
from .face_cutting import recut
from .faceswap_alignments import face_of
from .foreign import ExportedFace, ForeignFace, ForeignFaces, checked_name
from .foreign_errors import read_bytes, unreadable
from .mean_face import HEAD_PADDING, faceswap_matrix
from .pickle_machine import ReadingStopped

KEYWORD = b"faceswap"
MOST_BYTES = 256 << 20
MOST_TEXT_BYTES = 8 << 20
_MOST_DEPTH = 32
_VERSION = 2.4
_LEGACY_BEFORE = 2.0
_LARGEST_SIDE = 1 << 14


def has_faceswap_header(data: bytes) -> bool:
    """Whether the beginning of a file shows faceswap's header."""
    kinds = (b"iTXt", b"zTXt", b"tEXt")
    return data.startswith(PNG_SIGNATURE) and any(kind + KEYWORD + b"\0" in data for kind in kinds)


def read_faceswap_pictures(folder: Path, reporter: Reporter) -> ForeignFaces:
    """Read the headers of a folder of face pictures.

    Pictures without a header, or with a damaged one, are named in `skipped`.

    Raises:
        EngineError: `footage_missing` for a folder that isn't there.
        ReadingStopped: The user stopped.
    """
    found = ForeignFaces(folder)
    pictures = list_pictures(folder)
    for number, path in enumerate(pictures, start=1):
        try:
            found.add(read_faceswap_picture(path, found.lost))
        except EngineError as error:
            found.skipped.append(error.message)
        if reporter.progress(number, len(pictures), "pictures"):
            raise ReadingStopped
    return found


def read_faceswap_picture(path: Path, lost: set[str] | None = None) -> ForeignFace:
    """Return what the header of one face picture says.

    Raises:
        EngineError: `alignments_unreadable`, when there is no header or it is damaged.
    """
    data = read_bytes(path, MOST_BYTES)
    try:
        header = _header(data)
        if header is None:
            raise ValueError("it has no header of faceswap")
        size = png_size(data)
        if size is None or size[0] != size[1] or not 0 < size[0] <= _LARGEST_SIDE:
            raise ValueError("it is no square picture")
        return _face(header, path, size[0], set() if lost is None else lost)
    except ValueError as error:
        raise unreadable(path, str(error)) from error


def _header(data: bytes) -> Any:
    for kind, body in png_chunks(data):
        text = png_text(kind, body, KEYWORD, MOST_TEXT_BYTES)
        if text is not None:
            return _literal(text)
    return None


def _literal(text: bytes) -> Any:
    depth = deepest = 0
    # Brackets inside of texts are counted too: that refuses too much at worst.
    for byte in text:
        depth += (byte in b"([{") - (byte in b")]}")
        deepest = max(deepest, depth)
    if deepest > _MOST_DEPTH:
        raise ValueError("its header is nested too deep")
    try:
        return ast.literal_eval(text.decode("utf-8"))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError("its header is no plain dictionary") from error


def _face(header: Any, path: Path, size: int, lost: set[str]) -> ForeignFace:
    source = header.get("source") if isinstance(header, dict) else None
    if not isinstance(source, dict):
        raise ValueError("its header has no source")
    frame = checked_name(source.get("source_filename"), "source_filename")
    version = source.get("alignments_version", _VERSION)
    is_legacy = isinstance(version, int | float) and version < _LEGACY_BEFORE
    face = face_of(frame, header.get("alignments"), lost)
    matrix = faceswap_matrix(face.landmarks, size, is_legacy)
    return ForeignFace(frame, face.landmarks, face.box, 0, path, matrix)


def write_faceswap_pictures(folder: Path, faces: Iterable[ExportedFace], searched: Sequence[str], size: int) -> None:
    """Write face pictures that faceswap trains with.

    What our aligned face doesn't show of faceswap's larger crop stays black.

    Args:
        folder: Folder to write to.
        faces: The faces.
        searched: Not carried by this format: pictures without faces leave no trace.
        size: Side in pixels.

    Raises:
        EngineError: `disk_full` or `not_writable`.
    """
    for face in faces:
        matrix = faceswap_matrix(face.landmarks, size)
        name = f"{face.stem}.png"
        picture = recut(face.aligned_picture, face.image_to_face, matrix, size, is_edge_black=True)
        write_png(folder / name, picture, text={KEYWORD.decode(): str(_header_of(face, name))})


def faceswap_side(px_per_square: float, coverage: float) -> int:
    """Return the even side at which a face keeps its size; faceswap's unit square is about a face square."""
    return max(16, 2 * round(px_per_square / (1 - HEAD_PADDING) / 2))


def _header_of(face: ExportedFace, name: str) -> dict[str, Any]:
    x0, y0, x1, y1 = face.box
    return {
        "alignments": {
            "x": round(x0),
            "y": round(y0),
            "w": round(x1 - x0),
            "h": round(y1 - y0),
            "landmarks_xy": face.landmarks.tolist(),
            "mask": {},
            "identity": {},
        },
        "source": {
            "alignments_version": _VERSION,
            "original_filename": name,
            "face_index": face.index,
            "source_filename": face.frame,
            "source_is_video": False,
            "source_frame_dims": face.frame_size or _least_frame(face),
        },
    }


def _least_frame(face: ExportedFace) -> tuple[int, int]:
    """Return height and width of the smallest frame that holds the face; faceswap wants some size."""
    x1, y1 = np.maximum(face.landmarks.max(axis=0), face.box[2:])
    return max(1, math.ceil(y1)), max(1, math.ceil(x1))
