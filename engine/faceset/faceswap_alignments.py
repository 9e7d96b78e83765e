# SPDX-License-Identifier: GPL-3.0-or-later
"""faceswap's own alignments file, `.fsa`: pickled data packed with zlib, read only.

The format is described in docs/reference/formats/faceswap.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..runtime.reporter import Reporter
from .foreign import ForeignFace, ForeignFaces, checked_box, checked_name, checked_points
from .foreign_errors import read_bytes, unreadable
from .plain_pickle import inflate, read_plain

MOST_BYTES = 1 << 30
NEWEST_VERSION = 2.4
# Names of zlib's four levels of effort in its header: with a window of 32 KiB the first byte is 0x78.
_ZLIB_HEADERS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def is_faceswap_alignments(head: bytes) -> bool:
    """Whether a file that begins like this is one of these."""
    return head.startswith(_ZLIB_HEADERS)


def read_faceswap_alignments(path: Path, reporter: Reporter) -> ForeignFaces:
    """Read an `.fsa` file of any version up to 2.4.

    Raises:
        EngineError: `alignments_unsafe`, when its pickle asks for more than plain data; `alignments_unreadable`
            for everything else, naming file and entry.
        ReadingStopped: The user stopped.
    """
    content = read_plain(inflate(read_bytes(path, MOST_BYTES), path, MOST_BYTES), path, reporter)
    if not isinstance(content, dict):
        raise unreadable(path, "it holds no mapping of file names")
    meta = content.get("__meta__")
    version = meta.get("version", 1.0) if isinstance(meta, dict) else 1.0
    if not isinstance(version, int | float) or version >= 3:
        raise unreadable(path, f"its version is newer than {NEWEST_VERSION}")
    frames = content.get("__data__", content)
    if not isinstance(frames, dict):
        raise unreadable(path, "it holds no mapping of file names")
    found = ForeignFaces(path)
    for key, entry in frames.items():
        _read_frame(found, key, entry)
    return found


def _read_frame(found: ForeignFaces, key: Any, entry: Any) -> None:
    try:
        frame = checked_name(key, "the name of a picture")
        # Before version 2.0 an entry was the list itself.
        faces = entry.get("faces") if isinstance(entry, dict) else entry
        if not isinstance(faces, list | tuple):
            raise ValueError("it has no list of faces")
        found.frames.setdefault(frame, [])
        for face in faces:
            found.add(face_of(frame, face, found.lost))
    except ValueError as error:
        shown = key if isinstance(key, str) else "of a picture without a name"
        raise unreadable(found.source, f"the entry {shown} is wrong ({error})") from error


def face_of(frame: str, face: Any, lost: set[str]) -> ForeignFace:
    """Return the face of one of faceswap's dictionaries, in an `.fsa` file or a picture's header.

    Args:
        frame: File name of its picture.
        face: Dictionary with `x`, `y`, `w`, `h` and `landmarks_xy`; before 2020 with `landmarksXY`.
        lost: What can't be carried is added here.

    Raises:
        ValueError: It is no such dictionary, or its numbers are wrong.
    """
    if not isinstance(face, dict):
        raise ValueError("a face is no dictionary")
    landmarks = checked_points(face.get("landmarks_xy", face.get("landmarksXY")), "landmarks_xy")
    x, y, w, h = checked_box([face.get(key) for key in ("x", "y", "w", "h")], "x, y, w, h")
    if face.get("mask"):
        lost.add("faceswap's masks")
    if face.get("identity"):
        lost.add("faceswap's identity vectors")
    return ForeignFace(frame, landmarks, (x, y, x + w, y + h))
