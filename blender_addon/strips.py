# SPDX-License-Identifier: GPL-3.0-or-later
"""Strips of the edit: their lasting ids, and the shot that a strip stands for.

References to strips don't survive undo, a file load or a timer tick: keep `strip_uid` and look the strip up again.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.linear_light import HINT, linear_kind, linear_reason
from ..engine.contract.timing import Footage, Shot, frame_rate
from . import retiming
from .edit_frames import StripFrames
from .mapping import StripTiming, playback_factor, shown_frames
from .sequencer import all_strips, sequencer_scene, timing, visible_frames
from .slices import finished

__all__ = [
    "find_strip",
    "is_swap",
    "known_uid",
    "quick_timing",
    "sequencer_scene",
    "strip_frames",
    "strip_shot",
    "strip_shot_steps",
    "strip_uid",
]

UID = "understudy_uid"
SWAP = "understudy_swap"
# Ids of the performers whose faces a swap replaces; with the shot's id it says which swap a strip is.
TARGET = "understudy_target"
# Blender copies custom properties when a strip is split or duplicated; the name tells the original from its copies.
_NAMED = "understudy_uid_name"

_KINDS = {
    "SCENE": "a scene strip; render it to a movie first",
    "META": "a meta strip; open it (Tab) and choose a movie or image strip inside",
    "SOUND": "a sound strip; choose the picture strip of the shot",
    "MOVIECLIP": "a movie clip strip; add its file to the edit as a movie strip",
    "MASK": "a mask strip; choose the movie or image strip of the shot",
    "TEXT": "a text strip; choose the movie or image strip of the shot",
    "COLOR": "a color strip; choose the movie or image strip of the shot",
    "SPEED": "a speed effect; choose the strip it works on, the effect is taken into account",
}


def is_swap(strip: Any) -> bool:
    """Whether the strip is a result that Understudy inserted."""
    return SWAP in strip


def known_uid(strip: Any) -> str:
    """Return the strip's lasting id, or "" if it has none yet; changes nothing, so panels may ask while drawing."""
    return str(strip.get(UID, ""))


def strip_uid(strip: Any) -> str:
    """Return the strip's lasting id, giving it one if it has none or shares its id with the strip it was copied from.

    The id is a custom property, so it is saved, undone and redone with the strip.
    """
    uid = known_uid(strip)
    sharing = [s for s in all_strips(strip.id_data) if uid and known_uid(s) == uid and not is_swap(s)]
    if uid and (len(sharing) < 2 or strip.get(_NAMED) == strip.name):
        return uid
    fresh = uuid.uuid4().hex
    _take_swaps_along(strip, sharing, fresh)
    strip[UID] = fresh
    strip[_NAMED] = strip.name
    return fresh


def _take_swaps_along(strip: Any, sharing: list[Any], uid: str) -> None:
    """Hand `strip` the swaps that lie over it, not over those that share its id: a shot was split with its swap."""
    for swap in all_strips(strip.id_data) if sharing else ():
        if is_swap(swap) and known_uid(swap) == known_uid(strip):
            owner = max(sharing, key=lambda s: (_overlap(s, swap), s.get(_NAMED) == s.name))
            if owner.name == strip.name:
                swap[UID] = uid


def _overlap(one: Any, other: Any) -> int:
    a, b = visible_frames(one), visible_frames(other)
    shared = min(a.stop, b.stop) - max(a.start, b.start)
    return shared if one.parent_meta() == other.parent_meta() else min(shared, 0)


def find_strip(scene: bpy.types.Scene, uid: str) -> Any | None:
    """Return the strip with that lasting id, or None; never a swap. Of copies that share it, the original."""
    found = [s for s in all_strips(scene) if known_uid(s) == uid and not is_swap(s)] if uid else []
    return min(found, key=lambda s: s.get(_NAMED) != s.name, default=None)


def strip_shot(scene: bpy.types.Scene, strip: Any, handles: int = 0) -> Shot:
    """Return the shot a strip stands for: its footage and the media frame shown on each of its timeline frames.

    Args:
        scene: The scene the strip is in.
        strip: A movie strip or an image strip, however trimmed, moved, slipped, transformed, nested or retimed.
        handles: Extra media frames to keep around the used ones.

    Returns:
        The shot; `used[k]` is shown at timeline frame `left handle + k`.

    Raises:
        EngineError: `strip_unsupported` naming the strip, when it has no footage or its frames can't be determined.
    """
    return finished(strip_shot_steps(scene, strip, handles))


def strip_shot_steps(scene: bpy.types.Scene, strip: Any, handles: int = 0) -> Generator[None, None, Shot]:
    """Find `strip_shot`'s result in steps of some milliseconds: retimed strips take some time, others one step."""
    _refuse_unmappable(strip)
    footage, media_timing = _movie(scene, strip) if strip.type == "MOVIE" else _pictures(scene, strip)
    if not media_timing.right > media_timing.left:
        raise unsupported(strip, "shows no frame")
    if retiming.is_retimed(strip):
        assert footage.rate is not None
        used = yield from retiming.retimed_frames(strip, media_timing.media_length, footage.rate)
    else:
        used = shown_frames(media_timing)
    return Shot(footage=footage, used=used, handles=handles)


def strip_frames(scene: bpy.types.Scene, strip: Any, used: tuple[int, ...], uid: str = "") -> StripFrames:
    """Return what a strip shows, in the form that outlives the strip.

    Args:
        scene: The scene it is in.
        strip: The strip.
        used: Media frame shown on each of its timeline frames.
        uid: Its lasting id where it has one.
    """
    rate = scene.render.fps / scene.render.fps_base
    return StripFrames(uid, strip.name, visible_frames(strip).start, used, rate)


def quick_timing(scene: bpy.types.Scene, strip: Any, media_length: int) -> StripTiming | None:
    """Return which frames a strip shows, without opening its footage: cheap enough for drawing.

    Args:
        scene: The scene the strip is in.
        strip: Any strip.
        media_length: Pictures in the footage, as an extraction counted them.

    Returns:
        The numbers for `mapping.shown_frames`; None for a retimed strip, which takes longer (`strip_shot_steps`), and
        for one that shows no footage.
    """
    if strip.type == "IMAGE":
        return _timing(strip, len(strip.elements), 1.0) if len(visible_frames(strip)) else None
    if strip.type != "MOVIE" or not strip.fps > 0 or not len(visible_frames(strip)) or retiming.is_retimed(strip):
        return None
    scene_rate = scene.render.fps / scene.render.fps_base
    trims = int(timing(strip, "content_trim_start")) + int(timing(strip, "content_trim_end"))
    length = media_length or int(_content_duration(strip)) + trims
    factor = 1.0
    if abs(strip.fps - scene_rate) > 1e-4:
        factor = playback_factor(_content_duration(strip), length - trims, strip.fps, scene_rate)
    return _timing(strip, length, factor)


def unsupported(strip: Any, reason: str, hint: str = "") -> EngineError:
    """Return the refusal of a strip: `reason` continues a sentence that begins with the strip's name."""
    return EngineError(ErrorCode.STRIP_UNSUPPORTED, f"The strip “{strip.name}” {reason}.", hint)


def _refuse_unmappable(strip: Any) -> None:
    if is_swap(strip):
        raise unsupported(strip, "is itself a swap", "Choose the shot it was made for.")
    if strip.type not in ("MOVIE", "IMAGE"):
        what = _KINDS.get(strip.type, "an effect; choose the movie or image strip it works on")
        kind, _, hint = what.partition("; ")
        raise unsupported(strip, f"is {kind} and has no footage of its own", f"{hint[0].upper()}{hint[1:]}.")
    if getattr(strip, "use_multiview", False):
        raise unsupported(strip, "is stereoscopic", "Switch off Multi-View for the strip, or use one of its views.")
    if getattr(strip, "stream_index", 0):
        raise unsupported(
            strip, f"shows the video stream {strip.stream_index} of its file", "Export that stream to its own file."
        )


def _movie(scene: bpy.types.Scene, strip: Any) -> tuple[Footage, StripTiming]:
    path = _absolute(scene, strip.filepath)
    if not path.is_file():
        raise unsupported(strip, f"has no footage: {path} is missing", "Reconnect the file, then try again.")
    if not strip.fps > 0:
        raise unsupported(strip, f"can't be read by Blender: {path}", "Convert the file to another format.")
    scene_rate = scene.render.fps / scene.render.fps_base
    content = _content_duration(strip)
    trims = int(timing(strip, "content_trim_start")) + int(timing(strip, "content_trim_end"))
    length, factor = int(content) + trims, 1.0
    if abs(strip.fps - scene_rate) > 1e-4 or retiming.is_retimed(strip):
        length = _movie_length(path)
    if abs(strip.fps - scene_rate) > 1e-4 and not retiming.is_retimed(strip):
        factor = playback_factor(content, length - trims, strip.fps, scene_rate)
        if abs(content * factor - (length - trims)) > max(1.0, factor):
            raise unsupported(
                strip,
                f"was added when {path.name} had another length",
                "Reload the strip with its length (Strip > Reload Strips and Adjust Length), then try again.",
            )
    return Footage(path, rate=frame_rate(strip.fps)), _timing(strip, length, factor)


def _pictures(scene: bpy.types.Scene, strip: Any) -> tuple[Footage, StripTiming]:
    folder = _absolute(scene, strip.directory)
    names = tuple(element.filename for element in strip.elements)
    linear = next((name for name in names if linear_kind(name)), "")
    if linear:
        raise unsupported(strip, f"shows {linear}, which can't be swapped: {linear_reason(linear_kind(linear))}", HINT)
    content = _timing(strip, len(names), 1.0)
    try:
        there = {path.name for path in folder.iterdir()}
    except OSError:
        there = set()
    missing = sorted(set(names) - there)
    if missing:
        raise unsupported(
            strip,
            f"misses {len(missing)} of its {len(names)} pictures, the first is {folder / missing[0]}",
            "Reconnect the pictures, then try again.",
        )
    rate = Fraction(scene.render.fps) / Fraction(scene.render.fps_base).limit_denominator(1001)
    return Footage(folder, pictures=names, rate=frame_rate(rate)), content


def _timing(strip: Any, media_length: int, factor: float) -> StripTiming:
    frames = visible_frames(strip)
    return StripTiming(
        left=frames.start,
        right=frames.stop,
        content_start=timing(strip, "content_start"),
        content_duration=_content_duration(strip),
        media_length=media_length,
        trim_start=int(timing(strip, "content_trim_start")),
        trim_end=int(timing(strip, "content_trim_end")),
        factor=factor,
        is_reversed=strip.use_reverse_frames,
        strobe=strip.strobe,
    )


def _content_duration(strip: Any) -> float:
    return sum(timing(strip, name) for name in ("left_handle_offset", "duration", "right_handle_offset"))


def _movie_length(path: Path) -> int:
    """Return how many pictures Blender counts in a movie; a strip that adjusts its playback rate doesn't tell."""
    scene = bpy.data.scenes.new("understudy length")
    try:
        strip = scene.sequence_editor_create().strips.new_movie("length", str(path), channel=1, frame_start=1)
        return int(timing(strip, "duration"))
    finally:
        bpy.data.scenes.remove(scene)


def _absolute(scene: bpy.types.Scene, path: str) -> Path:
    return Path(os.path.normpath(bpy.path.abspath(path, library=scene.library)))
