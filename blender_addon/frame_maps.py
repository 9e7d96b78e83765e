# SPDX-License-Identifier: GPL-3.0-or-later
"""Which media frames strips show, for drawing: remembered, and found out outside of drawing.

Blender allows no change while it draws, but finding out needs one for some strips. What isn't known yet is asked for
here, worked off by a timer in slices, and followed by a redraw.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..engine.contract.errors import EngineError
from ..engine.contract.timing import Shot
from .sequencer import all_strips, effects_over, timing, visible_frames
from .slices import SLICE_S
from .strips import strip_shot_steps

_TIMING = ("content_start", "left_handle_offset", "right_handle_offset", "content_trim_start", "content_trim_end")
_SPEED = ("speed_control", "speed_factor", "speed_length", "speed_frame_number", "use_frame_interpolate", "mute")
_Name = tuple[str, str]

# By names of scene and strip: what decided, and the frames, or None for a strip whose frames can't be told.
_known: dict[_Name, tuple[Any, tuple[int, ...] | None]] = {}
_wanted: dict[_Name, Any] = {}
_running: list[tuple[_Name, Any, Generator[None, None, Shot]]] = []


def media_frame(strip: Any, timeline_frame: int) -> int | None:
    """Return the media frame a strip shows at a timeline frame; None when it shows none or that isn't known yet."""
    frames = visible_frames(strip)
    used = frames_shown(strip) if timeline_frame in frames else None
    return None if used is None else used[timeline_frame - frames.start]


def frames_shown(strip: Any) -> tuple[int, ...] | None:
    """Return the media frame shown on each of a strip's timeline frames; None when it shows none or not known yet."""
    name = (strip.id_data.name, strip.name)
    stamp = _stamp(strip)
    known = _known.get(name)
    if known is None or known[0] != stamp:
        _want(name, stamp)
        return None
    return known[1]


def _stamp(strip: Any) -> Any:
    """Return everything that decides which frames a movie or image strip shows."""
    frames, render = visible_frames(strip), strip.id_data.render
    speeds = [
        tuple(getattr(effect, name) for name in _SPEED) for effect in effects_over(strip) if effect.type == "SPEED"
    ]
    return (
        strip.type,
        strip.filepath if strip.type == "MOVIE" else _pictures(strip),
        (frames.start, frames.stop, strip.use_reverse_frames, strip.strobe),
        tuple(timing(strip, name) for name in _TIMING),
        # Not the footage's own rate: Blender opens the file to tell it, for each redraw anew.
        (render.fps, render.fps_base),
        tuple(key.timeline_frame for key in strip.retiming_keys),
        tuple(speeds),
    )


def _pictures(strip: Any) -> tuple[Any, ...]:
    elements = strip.elements
    return (strip.directory, len(elements), elements[0].filename, elements[-1].filename) if len(elements) else ()


def _want(name: _Name, stamp: Any) -> None:
    if _wanted.get(name) != stamp:
        _wanted[name] = stamp
    if not bpy.app.background and not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=0.0, persistent=True)


def work() -> bool:
    """Do a slice of what was asked for; return whether there is more. Never called while Blender draws."""
    deadline = time.perf_counter() + SLICE_S
    while (_running or _wanted) and time.perf_counter() < deadline:
        if not _running:
            _start(next(iter(_wanted)))
            continue
        name, stamp, steps = _running[0]
        try:
            next(steps)
        except StopIteration as end:
            _end(name, stamp, end.value.used)
        except EngineError:
            # Drawing shows nothing then; the operators say why.
            _end(name, stamp, None)
    return bool(_running or _wanted)


def _start(name: _Name) -> None:
    stamp = _wanted.pop(name)
    scene = bpy.data.scenes.get(name[0])
    strip = next((s for s in all_strips(scene) if s.name == name[1]), None) if scene else None
    if scene is not None and strip is not None:
        _running.append((name, stamp, strip_shot_steps(scene, strip)))


def _end(name: _Name, stamp: Any, frames: tuple[int, ...] | None) -> None:
    _running.clear()
    _known[name] = (stamp, frames)


@persistent
def stop(*_: object) -> None:
    """Let go of what is being looked at: an undo step replaces every strip; whoever draws asks again."""
    for _name, _stamp_then, steps in _running:
        steps.close()
    _running.clear()
    _wanted.clear()


@persistent
def forget(*_: object) -> None:
    """Forget everything; another file may have other footage under the same relative path."""
    stop()
    _known.clear()


def _on_timer() -> float | None:
    try:
        is_more = work()
    except ReferenceError:
        # A strip went away between two slices.
        stop()
        is_more = False
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR" and not is_more:
                area.tag_redraw()
    return 0.02 if is_more else None


_HANDLERS = (("undo_post", stop), ("redo_post", stop), ("load_post", forget))


def register() -> None:
    """Watch for undo and file loads."""
    for name, function in _HANDLERS:
        getattr(bpy.app.handlers, name).append(function)


def unregister() -> None:
    """Leave no timer and no handler behind."""
    forget()
    if bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.unregister(_on_timer)
    for name, function in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(function)
