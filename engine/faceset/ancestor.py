# SPDX-License-Identifier: GPL-3.0-or-later
"""The ancestor's alignments files: JSON and YAML read and written, pickle refused.

One mapping of file name -> list of faces; a face has `r` (turn before detection), `x`, `y`, `w`, `h` (box) and
`landmarksXY` (68 pairs), all in pixels of the picture after the turn (docs/reference/formats/alignments.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ..contract.files import write_text
from ..faces.rotations import turn_back_points
from .foreign_errors import read_bytes, unreadable, unsafe

MOST_BYTES = 1 << 30
_YAML_SUFFIXES = (".yml", ".yaml")
_PICKLE_SUFFIXES = (".p", ".pkl", ".pickle")
# Protocols 2 and later begin with 0x80, protocols 0 and 1 with the opcodes for a mapping and a stored mark.
_PICKLE_STARTS = (b"\x80", b"(dp", b"}q", b"(d.", b"c__builtin__", b"ccollections")


@dataclass(frozen=True, eq=False)
class AncestorFace:
    """A face as the ancestor describes it.

    Attributes:
        rotation: Turn of the picture before detection, degrees counterclockwise: 0, 90, 180 or 270.
        box: x, y, width, height in whole pixels of the turned picture.
        landmarks: (68, 2) float64, pixels of the turned picture; kept as they are in the file, never rounded.
    """

    rotation: int
    box: tuple[int, int, int, int]
    landmarks: NDArray[np.float64]


Alignments = dict[str, list[AncestorFace]]


def read_alignments(path: Path) -> Alignments:
    """Read an alignments file; JSON or YAML is told by the suffix.

    Raises:
        EngineError: `alignments_unsafe` for pickle (by name or content) and for YAML that asks for Python objects;
            `alignments_unreadable` for anything else, naming file and entry.
    """
    path = Path(path)
    _refuse_pickle_name(path)
    data = read_bytes(path, MOST_BYTES)
    if data.startswith(_PICKLE_STARTS):
        raise unsafe(path, "it is a pickle file, whatever its name says")
    return _parse(path, _load(path, data))


def write_alignments(path: Path, alignments: Mapping[str, Sequence[AncestorFace]]) -> None:
    """Write an alignments file; JSON or YAML is told by the suffix.

    Box values are whole numbers, as the ancestor needs them; landmarks keep three decimals.

    Raises:
        EngineError: `alignments_unsafe` for a pickle name, `not_writable` or `disk_full`.
    """
    path = Path(path)
    _refuse_pickle_name(path)
    content = {name: [_face_to_plain(face) for face in faces] for name, faces in alignments.items()}
    if path.suffix.lower() in _YAML_SUFFIXES:
        write_text(path, yaml.safe_dump(content, allow_unicode=True, sort_keys=False, default_flow_style=None))
    else:
        write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def is_ancestor(head: bytes) -> bool:
    """Whether a file that begins like this is one of the ancestor's."""
    return b"landmarksXY" in head and not head.startswith(_PICKLE_STARTS)


def turn_back(points: NDArray[np.floating], rotation: int, width: int, height: int) -> NDArray[np.float64]:
    """Return points of a picture that was turned counterclockwise in coordinates of the unturned picture.

    Args:
        points: (n, 2) pixels of the turned picture, pixel centers at integers.
        rotation: 0, 90, 180 or 270 degrees counterclockwise.
        width: Width of the unturned picture.
        height: Height of the unturned picture.
    """
    return turn_back_points(points, rotation // 90, width, height)


def _load(path: Path, data: bytes) -> Any:
    try:
        if path.suffix.lower() in _YAML_SUFFIXES:
            return yaml.safe_load(data)
        return json.loads(data)
    except yaml.constructor.ConstructorError as error:
        raise unsafe(path, f"it asks for {error.problem or 'Python objects'}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise unreadable(path, " ".join(str(error).split())) from error


def _parse(path: Path, content: Any) -> Alignments:
    if not isinstance(content, dict):
        raise unreadable(path, "it holds no mapping of file names")
    alignments: Alignments = {}
    for name, faces in content.items():
        try:
            alignments[str(name)] = [_face_from_plain(face) for face in faces]
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable(path, f"the entry {name} is wrong ({error})") from error
    return alignments


def _face_from_plain(face: Any) -> AncestorFace:
    landmarks = np.array(face["landmarksXY"], np.float64)
    box = tuple(int(face[key]) for key in "xywh")
    rotation = int(face.get("r", 0)) % 360
    if landmarks.shape != (68, 2) or not np.isfinite(landmarks).all():
        raise ValueError(f"landmarksXY must be 68 pairs of numbers, not {landmarks.shape}")
    if rotation not in (0, 90, 180, 270):
        raise ValueError(f"r must be 0, 90, 180 or 270, not {rotation}")
    return AncestorFace(rotation, (box[0], box[1], box[2], box[3]), landmarks)


def _face_to_plain(face: AncestorFace) -> dict[str, Any]:
    plain: dict[str, Any] = {"r": face.rotation, **dict(zip("xywh", map(int, face.box), strict=True))}
    plain["landmarksXY"] = np.round(face.landmarks, 3).tolist()
    return plain


def has_pickle_name(path: Path) -> bool:
    """Whether a file is called like the ancestor's pickled alignments, which are refused."""
    return path.suffix.lower() in _PICKLE_SUFFIXES


def _refuse_pickle_name(path: Path) -> None:
    if has_pickle_name(path):
        raise unsafe(path, "it is a pickle file")
