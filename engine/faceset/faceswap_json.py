# SPDX-License-Identifier: GPL-3.0-or-later
"""faceswap's alignments as it exports and imports them: JSON of boxes and landmarks.

The format is described in docs/reference/formats/faceswap.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..contract.files import write_text
from ..faces.geometry import box_of
from ..runtime.reporter import Reporter
from .foreign import ExportedFace, ForeignFace, ForeignFaces, checked_box, checked_name, checked_points
from .foreign_errors import read_bytes, unreadable

MOST_BYTES = 1 << 30


def is_faceswap_json(head: bytes) -> bool:
    """Whether a file that begins like this is one of these."""
    return head.lstrip()[:1] == b"{" and (b'"landmarks_2d"' in head or b'"detected"' in head)


def read_faceswap_json(path: Path, reporter: Reporter) -> ForeignFaces:
    """Read faceswap's exported alignments.

    A face without a box gets the one around its landmarks.

    Raises:
        EngineError: `alignments_unreadable`, naming file and entry; faces with four corners instead of 68 landmarks
            are such an entry.
    """
    data = read_bytes(path, MOST_BYTES)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise unreadable(path, " ".join(str(error).split())) from error
    if not isinstance(content, dict):
        raise unreadable(path, "it holds no mapping of file names")
    found = ForeignFaces(path)
    for key, faces in content.items():
        try:
            frame = checked_name(key, "the name of a picture")
            if not isinstance(faces, list):
                raise ValueError("it is no list of faces")
            found.frames.setdefault(frame, [])
            for face in faces:
                found.add(_face(frame, face))
        except ValueError as error:
            raise unreadable(path, f"the entry {key} is wrong ({error})") from error
    return found


def _face(frame: str, face: Any) -> ForeignFace:
    if not isinstance(face, dict) or "landmarks_2d" not in face:
        raise ValueError("a face has no landmarks_2d")
    landmarks = checked_points(face["landmarks_2d"], "landmarks_2d")
    box = checked_box(face["detected"], "detected") if "detected" in face else tuple(box_of(landmarks).tolist())
    return ForeignFace(frame, landmarks, box)


def write_faceswap_json(path: Path, faces: Iterable[ExportedFace], searched: Sequence[str]) -> None:
    """Write alignments that faceswap imports with its detector and aligner "external".

    Boxes are whole pixels, as faceswap takes them; landmarks keep three decimals.

    Args:
        path: File to write.
        faces: The faces.
        searched: Pictures to list even when they show no face.

    Raises:
        EngineError: `disk_full` or `not_writable`.
    """
    content: dict[str, list[dict[str, Any]]] = {name: [] for name in searched}
    for face in faces:
        plain = {
            "detected": [round(value) for value in face.box],
            "landmarks_2d": face.landmarks.round(3).tolist(),
        }
        content.setdefault(face.frame, []).append(plain)
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
