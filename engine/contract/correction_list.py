# SPDX-License-Identifier: GPL-3.0-or-later
"""The ordered list of a footage's corrections in its file `corrections.json`: read, add, take back."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .corrections import (
    AddFace,
    AnyCorrection,
    DeleteFrames,
    DeleteTrack,
    KeepFound,
    MergeTracks,
    MoveFace,
    Realign,
    SetBox,
    SetLandmarks,
    SplitTrack,
    correction_from_json,
)
from .errors import ErrorCode
from .files import read_document_as, write_document, writing_error
from .project import CORRECTIONS_FILE

SCHEMA = "understudy.corrections"
VERSION = 1


def load_corrections(folder: Path) -> tuple[AnyCorrection, ...]:
    """Return the corrections of a footage in their order; none where there is no file.

    Args:
        folder: The footage's folder in the project.

    Raises:
        EngineError: `correction_invalid`, naming the file.
    """
    path = Path(folder) / CORRECTIONS_FILE
    if not path.exists():
        return ()
    hint = "Mend it or restore it from a backup; deleting it takes all corrections of this footage back."
    return read_document_as(path, SCHEMA, VERSION, ErrorCode.CORRECTION_INVALID, hint, _corrections)


def _corrections(content: dict[str, Any]) -> tuple[AnyCorrection, ...]:
    items = content.get("corrections")
    if not isinstance(items, list):
        raise TypeError("the list of corrections is missing")
    return tuple(correction_from_json(item) for item in items)


def save_corrections(folder: Path, corrections: Sequence[AnyCorrection]) -> None:
    """Write all corrections of a footage, whole or not at all; an empty list removes the file.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    path = Path(folder) / CORRECTIONS_FILE
    if not corrections:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise writing_error(path, error) from error
        return
    write_document(path, SCHEMA, VERSION, {"corrections": [item.to_json() for item in corrections]})


def append_corrections(folder: Path, corrections: Sequence[AnyCorrection]) -> tuple[AnyCorrection, ...]:
    """Add corrections behind those of a footage and return all; the engine applies them with its next `CorrectJob`."""
    whole = (*load_corrections(folder), *with_keys(corrections))
    save_corrections(folder, whole)
    return whole


def undo_last(folder: Path) -> AnyCorrection | None:
    """Take the last correction of a footage away and return it; None where there is none."""
    known = load_corrections(folder)
    if not known:
        return None
    save_corrections(folder, known[:-1])
    return known[-1]


def clear_corrections(folder: Path) -> None:
    """Take all corrections of a footage away."""
    save_corrections(folder, ())


def with_keys(corrections: Sequence[AnyCorrection]) -> tuple[AnyCorrection, ...]:
    """Return the corrections, those without a key with a new one."""
    return tuple(item if item.key else replace(item, key=uuid.uuid4().hex[:12]) for item in corrections)


def describe(correction: AnyCorrection) -> str:
    """Return what a correction does in a few words, as "move face track 1 in frame 40"."""
    item = correction
    if isinstance(item, MergeTracks):
        return f"merge face tracks {item.first} and {item.second}"
    if isinstance(item, AddFace):
        return f"add a face in frame {item.frame}"
    if isinstance(item, DeleteTrack):
        return f"delete face track {item.track}"
    if isinstance(item, DeleteFrames):
        return f"delete frames {item.start} to {item.end - 1} of face track {item.track}"
    verbs = {
        MoveFace: "move face track {0.track} in frame {0.frame}",
        SetLandmarks: "set the landmarks of face track {0.track} in frame {0.frame}",
        SetBox: "set the box of face track {0.track} in frame {0.frame}",
        KeepFound: "keep face track {0.track} as found in frame {0.frame}",
        Realign: "re-align face track {0.track} from frame {0.frame} on",
        SplitTrack: "split face track {0.track} at frame {0.frame}",
    }
    return verbs[type(item)].format(item)
