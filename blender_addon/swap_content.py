# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap folder holds, and how it is written onto the strip that shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.files import read_document
from ..engine.contract.project import OUTLINES_FILE, SWAP_FILE
from ..engine.contract.swap_folder import DIGITAL_SOURCE_TYPE, SCHEMA, VERSION, picture_name
from ..engine.contract.timing import Shot
from .outlines import Outlines, read_outlines
from .strips import SWAP, TARGET

SOURCE = "understudy_source"
MODEL, STEP, SETTINGS = "understudy_model", "understudy_step", "understudy_settings"
# Between the ids of several performers; no id holds a comma.
SEPARATOR = ", "


@dataclass(frozen=True)
class SwapContent:
    """What a swap folder holds, checked against the shot.

    Attributes:
        folder: The folder.
        names: File name of the picture for each timeline frame of the shot.
        report: What `swap.json` says.
        outlines: Outlines of the blend masks, if there are any.
    """

    folder: Path
    names: tuple[str, ...]
    report: dict[str, Any]
    outlines: Outlines | None

    @property
    def plate_size(self) -> tuple[int, int]:
        """Width and height of the pictures in px."""
        return int(self.report["width"]), int(self.report["height"])

    @property
    def target(self) -> str:
        """Whose faces are replaced: their ids, each once, with `SEPARATOR` between."""
        return _ids(self.report, "target")


def read_swap(shot: Shot, folder: Path) -> SwapContent:
    """Read what a swap folder holds and check that it covers the shot.

    Raises:
        EngineError: `frame_missing`, naming the first picture that isn't there; `project_unreadable` for a damaged
            `swap.json`; `picture_unreadable` for damaged outlines.
    """
    folder = Path(folder)
    report = read_document(folder / SWAP_FILE, SCHEMA, VERSION, ErrorCode.PROJECT_UNREADABLE, "Swap the shot again.")
    names = tuple(picture_name(frame) for frame in shot.used)
    there = {path.name for path in folder.iterdir()}
    missing = sorted(set(names) - there)
    if missing:
        raise EngineError(
            ErrorCode.FRAME_MISSING,
            f"The swap {folder} lacks {len(missing)} of the shot's pictures, the first is {missing[0]}.",
            "The shot shows frames that weren't swapped: swap it again.",
        )
    outlines = folder / OUTLINES_FILE
    return SwapContent(folder, names, report, read_outlines(outlines) if outlines.is_file() else None)


def describe(swap: Any, content: SwapContent) -> None:
    """Write onto the strip what made its pictures."""
    report = content.report
    swap[SWAP] = stored_folder(content.folder)
    swap[MODEL] = str(report.get("model", ""))
    swap[STEP] = int(report.get("step", 0))
    swap["understudy_model_fingerprint"] = str(report.get("model_fingerprint", ""))
    swap[SETTINGS] = json.dumps(report.get("settings", {}), ensure_ascii=False)
    swap[SOURCE], swap[TARGET] = _ids(report, "source"), content.target
    consent = {str(a.get("source", "")): str(a.get("consent", "missing")) for a in report.get("assignments", [])}
    swap["understudy_consent"] = json.dumps(consent, ensure_ascii=False)
    swap["understudy_engine_version"] = str(report.get("engine_version", ""))
    swap["understudy_created"] = str(report.get("created", ""))
    swap["understudy_digital_source_type"] = DIGITAL_SOURCE_TYPE


def folder_target(folder: Path) -> str:
    """Return whose faces the pictures in a swap folder replace, as `SwapContent.target`; "" when nothing says so."""
    try:
        return _ids(read_document(folder / SWAP_FILE, SCHEMA, VERSION, ErrorCode.PROJECT_UNREADABLE, ""), "target")
    except EngineError:
        return ""


def _ids(report: dict[str, Any], role: str) -> str:
    """Return the ids of those who have a role in a swap, each once."""
    return SEPARATOR.join(dict.fromkeys(str(a.get(role, "")) for a in report.get("assignments", [])))


def stored_folder(folder: Path) -> str:
    """Return the folder as Blender stores it: relative to the .blend, if that is saved and the user wants it so."""
    if bpy.data.filepath and bpy.context.preferences.filepaths.use_relative_paths:
        try:
            return bpy.path.relpath(str(folder)) + "/"
        except ValueError:  # another drive
            pass
    return str(folder)
