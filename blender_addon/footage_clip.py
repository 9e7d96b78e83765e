# SPDX-License-Identifier: GPL-3.0-or-later
"""The movie clip of a shot's footage, and which clip frame shows which media frame.

A clip's marker frames count its pictures from 1, wherever `frame_start` puts them on the timeline; only `frame_offset`
shifts the pictures against them (seen in every supported Blender; the tests render it).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from .strips import unsupported


def clip_frame(clip: Any, media_frame: int) -> int:
    """Return the marker frame of a clip that shows a media frame; below 0 there can't be a marker."""
    return media_frame + 1 - int(clip.frame_offset)


def media_frame(clip: Any, frame: int) -> int:
    """Return the media frame that a clip shows at a marker frame."""
    return frame - 1 + int(clip.frame_offset)


def find_clip(strip: Any) -> Any | None:
    """Return the movie clip data-block of a strip's footage, or None while there is none; changes nothing."""
    return clip_at(place_of(strip))


def clip_at(place: tuple[str, str]) -> Any | None:
    """Return the movie clip data-block of a place that `place_of` returned, or None."""
    path, source = place
    for clip in bpy.data.movieclips:
        if clip.source == source and _same(bpy.path.abspath(clip.filepath, library=clip.library), path):
            return clip
    return None


def footage_clip(strip: Any) -> Any:
    """Return the movie clip data-block of a strip's footage, loading it if there is none.

    Raises:
        EngineError: `strip_unsupported`, when Blender can't show the footage as a clip.
    """
    path, _ = place_of(strip)
    if strip.type == "IMAGE":
        _require_numbered(strip)
    clip = find_clip(strip)
    if clip is None:
        try:
            clip = bpy.data.movieclips.load(path)
        except RuntimeError as error:
            raise unsupported(strip, f"has no footage: {path} is missing", "Reconnect the file, then try again.") from (
                error
            )
    if not all(clip.size):
        raise EngineError(
            ErrorCode.FOOTAGE_UNREADABLE,
            f"Blender can't show {path} as a movie clip.",
            "Convert the footage to another format.",
        )
    if not clip.users:
        # Nobody shows it yet, and Blender doesn't save what nobody uses.
        clip.use_fake_user = True
    return clip


def place_of(strip: Any) -> tuple[str, str]:
    """Return the file that a clip of this footage is loaded from, and the clip's source."""
    if strip.type not in ("MOVIE", "IMAGE"):
        raise unsupported(strip, "has no footage of its own", "Choose a movie or image strip.")
    library = strip.id_data.library
    if strip.type == "MOVIE":
        return os.path.normpath(bpy.path.abspath(strip.filepath, library=library)), "MOVIE"
    folder = bpy.path.abspath(strip.directory, library=library)
    return os.path.normpath(Path(folder) / strip.elements[0].filename), "SEQUENCE"


def _same(one: str, other: str) -> bool:
    return os.path.normcase(os.path.normpath(one)) == os.path.normcase(os.path.normpath(other))


def _require_numbered(strip: Any) -> None:
    """Refuse pictures that a clip can't show in this order: it counts up the number in the first one's name."""
    names = [element.filename for element in strip.elements]
    first = re.fullmatch(r"(.*?)(\d*)(\D*)", names[0], re.DOTALL)
    if first is None or (len(names) > 1 and not first[2]):
        raise _unnumbered(strip, names[0])
    digits = len(first[2])
    for index, name in enumerate(names):
        number = f"{int(first[2] or 0) + index:0{digits}d}" if digits else ""
        if name != f"{first[1]}{number}{first[3]}":
            raise _unnumbered(strip, name)


def _unnumbered(strip: Any, name: str) -> EngineError:
    return unsupported(
        strip,
        f"has pictures that aren't numbered one after another ({name}), which a movie clip can't show",
        "Rename them with consecutive numbers, or render them to a movie.",
    )
