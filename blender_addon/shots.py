# SPDX-License-Identifier: GPL-3.0-or-later
"""The shots the user chose in the edit and their swaps, where their footage lies, and how finished frames get there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.messages import Done
from ..engine.contract.timing import Shot
from .insertion import insert_swap_steps, swap_strips_of
from .job_request import Finisher
from .project_view import FootageLocation, footage_location
from .sequencer import all_strips, sequencer_scene
from .strips import find_strip, is_swap, known_uid
from .swap_content import SEPARATOR
from .swap_strips import swap_strips_of_all, target_of

SHOT_KINDS = ("MOVIE", "IMAGE")


def chosen_strips(context: bpy.types.Context, name: str = "") -> list[Any]:
    """Return the shots to work on.

    Args:
        context: Blender's context.
        name: A strip by its name, wherever it lies; by default the selected strips of the level on screen, and what
            selected meta strips hold.

    Returns:
        Strips of any kind; for a swap of ours the shot under it. Empty when nothing fits.
    """
    scene = sequencer_scene(context)
    found = {strip.name: strip for strip in _shots(scene, _named_or_selected(scene, name))}
    return list(found.values())


def _named_or_selected(scene: bpy.types.Scene, name: str) -> list[Any]:
    editor = getattr(scene, "sequence_editor", None)
    if editor is None:
        return []
    if name:
        return [strip for strip in all_strips(scene) if strip.name == name]
    level = editor.meta_stack[-1].strips if editor.meta_stack else editor.strips
    return [strip for strip in level if strip.select]


def _shots(scene: bpy.types.Scene, strips: Any) -> Iterator[Any]:
    for strip in _outside_metas(strips):
        if is_swap(strip):
            shot = find_strip(scene, known_uid(strip))
            if shot is not None:
                yield shot
        elif strip.type not in {"SOUND", "MASK"}:
            # Sound comes along when an editor selects a shot; the rest is refused by name later.
            yield strip


def _outside_metas(strips: Any) -> Iterator[Any]:
    """Yield strips, and in place of meta strips what they hold."""
    for strip in strips:
        if strip.type == "META":
            yield from _outside_metas(strip.strips)
        else:
            yield strip


def location_of(strip: Any) -> FootageLocation | None:
    """Return where a strip's footage lies, or None for a strip without footage; cheap enough for drawing."""
    library = strip.id_data.library
    if strip.type == "MOVIE":
        return footage_location(bpy.path.abspath(strip.filepath, library=library))
    if strip.type == "IMAGE":
        names = [element.filename for element in strip.elements]
        return footage_location(bpy.path.abspath(strip.directory, library=library), names)
    return None


def shots_with_swap(context: bpy.types.Context, name: str = "") -> list[tuple[Any, list[Any]]]:
    """Return those of the chosen shots that have swaps in the edit, each with its swaps, from the lowest channel up."""
    scene = sequencer_scene(context)
    return [(strip, swaps) for strip, swaps in swap_strips_of_all(scene, chosen_strips(context, name)) if swaps]


def chosen_swaps(context: bpy.types.Context, name: str = "", target: str = "") -> list[Any]:
    """Return the swap strips to work on.

    Args:
        context: Blender's context.
        name: As for `chosen_strips`.
        target: Id of a performer; only swaps that replace them, by default anybody's.

    Returns:
        Of each chosen shot those swaps that are chosen themselves, or all when none of them is.
    """
    chosen, found = _chosen_names(context, name), []
    for _, swaps in shots_with_swap(context, name):
        found += [swap for swap in swaps if swap.name in chosen] or swaps
    return [swap for swap in found if not target or replaces(target_of(swap), target)]


def picked_swaps(context: bpy.types.Context, strip: Any, name: str = "") -> list[Any]:
    """Return those swaps of a shot that are chosen themselves, by their name or by being selected."""
    chosen = _chosen_names(context, name)
    return [swap for swap in swap_strips_of(sequencer_scene(context), strip) if swap.name in chosen]


def _chosen_names(context: bpy.types.Context, name: str) -> set[str]:
    return {item.name for item in _outside_metas(_named_or_selected(sequencer_scene(context), name))}


def replaces(targets: str, target: str) -> bool:
    """Whether the performer with this id is among those of `target_of`."""
    return target in targets.split(SEPARATOR)


_session = [0]


def note_loaded_file() -> None:
    """Remember that another file was loaded; results of the earlier one belong to its path alone from now on."""
    _session[0] += 1


def insertion_finisher(uid: str, name: str, shot: Shot, folder: Path) -> Finisher:
    """Return what puts finished frames over their shot, in the file that asked for them.

    Args:
        uid: Lasting id of the shot's strip (`strips.strip_uid`).
        name: Its name, for sentences.
        shot: The frames it showed when the job began.
        folder: Where the pictures are.
    """
    file, session = bpy.data.filepath, _session[0]

    def finish(done: Done) -> Iterator[None]:
        if done.stopped:
            # Half of the frames would show as missing pictures; running the swap again goes on from them.
            return
        # Saved under another name it is still the same edit; loaded from another path it isn't.
        if session != _session[0] and bpy.data.filepath != file:
            raise EngineError(
                ErrorCode.STRIP_MISSING,
                f"The frames of “{name}” are ready, but {Path(file).name} is not open any more.",
                "Open it, select the strip and press Insert Frames.",
            )
        yield from insertion_steps(uid, name, shot, folder)

    return finish


def insertion_steps(uid: str, name: str, shot: Shot, folder: Path) -> Iterator[None]:
    """Put frames over the strip of this id, in small steps.

    Raises:
        EngineError: `strip_missing`, when the strip was deleted.
    """
    for scene in bpy.data.scenes:
        strip = find_strip(scene, uid)
        if strip is not None:
            yield from insert_swap_steps(scene, strip, shot, folder)
            return
    raise EngineError(
        ErrorCode.STRIP_MISSING,
        f"The frames of “{name}” are ready, but the strip is no longer in the edit.",
        f"Undo its deletion and press Insert Frames; the frames are in {folder}.",
    )
