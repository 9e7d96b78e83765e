# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user names as input, a movie or a folder of pictures, as footage, and the frames of it that are meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.linear_light import HINT, linear_kind, linear_reason
from ..engine.contract.project import FOOTAGE_FILE, Project
from ..engine.contract.timing import Footage, FrameRange, merge_ranges, ranges_of
from .arguments import clip_ranges


def picture_names(folder: Path) -> tuple[str, ...]:
    """Return the names of a folder's pictures in natural order.

    Raises:
        EngineError: `footage_missing`, when there are none; `footage_unreadable`, when there are only such as hold
            linear light.
    """
    from ..engine.media.images import list_pictures

    names = tuple(path.name for path in list_pictures(folder))
    linear = "" if names else next((path.name for path in sorted(folder.iterdir()) if linear_kind(path.name)), "")
    if linear:
        reason = linear_reason(linear_kind(linear))
        raise EngineError(ErrorCode.FOOTAGE_UNREADABLE, f"{folder / linear} can't be read: {reason}.", HINT)
    if not names:
        raise EngineError(ErrorCode.FOOTAGE_MISSING, f"There are no pictures in {folder}.", "Choose another folder.")
    return names


def footage_of(path: Path) -> Footage:
    """Return a movie file, or all pictures of a folder, as footage.

    Raises:
        EngineError: `footage_missing`, for a folder without pictures.
    """
    return Footage(path, picture_names(path)) if path.is_dir() else Footage(path)


def footage_folder(project: Project, name: str) -> Path | None:
    """Return the folder of a footage that the user gave by its key in the project; None where it is no such key."""
    folder = project.footage(name)
    return folder if Path(name).name == name and (folder / FOOTAGE_FILE).is_file() else None


def key_of(project: Project, name: str) -> str:
    """Return the key of a footage, given by its path or by its key in the project.

    Raises:
        EngineError: `footage_missing` or `footage_unreadable`, naming what can't be read.
    """
    if footage_folder(project, name) is not None:
        return name
    from ..engine.media.fingerprint import footage_key

    return footage_key(footage_of(Path(name).expanduser().absolute()))


def extracted_folder(project: Project, name: str) -> Path:
    """Return the folder of a footage whose faces were extracted, given by its path or by its key in the project.

    Raises:
        EngineError: `tracks_missing`, when it wasn't extracted into the project; what `key_of` raises.
    """
    folder = project.footage(key_of(project, name))
    if not (folder / FOOTAGE_FILE).is_file():
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"The faces of {Path(name).name} were not extracted into {project.root}.",
            "Extract them first: understudy extract FOOTAGE --project DIR.",
        )
    return folder


def pictures_in_ranges(names: Sequence[str], ranges: Sequence[FrameRange]) -> list[int]:
    """Return the indices of pictures whose number, the last one in the name, lies in one of the ranges."""
    numbers = [re.findall(r"\d+", Path(name).stem) for name in names]
    return [index for index, found in enumerate(numbers) if found and any(int(found[-1]) in item for item in ranges)]


def frames_in_ranges(footage: Footage, ranges: Sequence[FrameRange], frame_count: int) -> tuple[FrameRange, ...]:
    """Return the media frames of the ranges a user gave: of a movie by frame, of pictures by the number in the name.

    Args:
        footage: Movie or pictures.
        ranges: What the user gave, at least one.
        frame_count: Frames of a movie; not used for pictures.

    Raises:
        EngineError: `frame_missing`, when no frame lies in them.
    """
    wanted = tuple(ranges)
    is_movie = footage.is_movie
    found = clip_ranges(wanted, frame_count) if is_movie else ranges_of(pictures_in_ranges(footage.pictures, wanted))
    count = frame_count if is_movie else len(footage.pictures)
    if not any(item.start < min(item.end, count) for item in found):
        raise EngineError(
            ErrorCode.FRAME_MISSING,
            f"{footage.path.name} has {count} frame{'' if count == 1 else 's'}; none of them is in the given ranges.",
            "Choose ranges inside of the footage.",
        )
    return merge_ranges(found)
