# SPDX-License-Identifier: GPL-3.0-or-later
"""How fit a strip is for a swap of one face: the track's fitness in the frames the strip uses, by timeline frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.fitness import ShotFitness, TrackFitness
from ..engine.contract.heat import ABSENT, BACKGROUND, bar_height, columns, heat_color
from . import frame_maps, previews
from .mapping import StripTiming, shown_frames
from .project_view import FoundFootage
from .sequencer import visible_frames
from .strips import quick_timing, strip_shot

# The strip is drawn in square tiles side by side: Blender fits every icon into a square.
TILES = 7
_TILE_SIDE = 36
_MOST_REMEMBERED = 64


@dataclass(frozen=True)
class StripFitness:
    """What the frames of a strip are worth for one face.

    Attributes:
        shot: Judged by timeline frame; by media frame while it isn't known which ones a retimed strip shows, all frames
            of the footage then.
        values: Fitness in each of the frames, in order; None where the face isn't.
        is_of_footage: Whether it is the footage's instead of the strip's.
    """

    shot: ShotFitness
    values: tuple[float | None, ...]
    is_of_footage: bool


# What decides: the numbers of a strip, or for a retimed one its first timeline frame and the media frames shown.
_Shown = StripTiming | tuple[int, tuple[int, ...]] | None
_Key = tuple[str, int, _Shown]
_remembered: dict[_Key, tuple[TrackFitness, StripFitness]] = {}


def strip_fitness(
    scene: bpy.types.Scene, strip: Any, found: FoundFootage, track: TrackFitness | None
) -> StripFitness | None:
    """Return what a strip is worth for a face, cheap enough for drawing; None when nothing is known.

    Args:
        scene: The scene the strip is in.
        strip: A movie or image strip.
        found: What was found in its footage.
        track: The fitness of the face's track.
    """
    if track is None:
        return None
    shown: _Shown = quick_timing(scene, strip, found.frame_count)
    if shown is None and (used := frame_maps.frames_shown(strip)) is not None:
        shown = (visible_frames(strip).start, used)
    key = (found.key, track.track, shown)
    known = _remembered.get(key)
    if known is None or known[0] is not track:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        known = _remembered[key] = (track, _judge(track, shown))
    return known[1]


def _judge(track: TrackFitness, shown: _Shown) -> StripFitness:
    if shown is None:
        return StripFitness(track.judge(), track.fitness, True)
    start, used = (shown.left, shown_frames(shown)) if isinstance(shown, StripTiming) else shown
    frames = list(enumerate(used, start=start))
    found = [track.at(media_frame) for _, media_frame in frames]
    return StripFitness(track.judge(frames), tuple(item[0] if item else None for item in found), False)


def judge_exactly(scene: bpy.types.Scene, strip: Any, track: TrackFitness) -> ShotFitness:
    """Return what a strip is worth for a face, by timeline frame; takes its time with a retimed strip.

    Raises:
        EngineError: `strip_unsupported`, when the frames of the strip can't be determined; `no_faces`, when the face
            isn't in them.
    """
    shot = track.judge(enumerate(strip_shot(scene, strip).used, start=visible_frames(strip).start))
    if shot.worst is None:
        raise EngineError(
            ErrorCode.NO_FACES,
            f"Face {track.track} isn't in the frames that “{strip.name}” uses.",
            "Choose another face or another strip.",
        )
    return shot


def heat_tiles(key: str, values: tuple[float | None, ...]) -> list[int]:
    """Return the icons of a heat strip, from left to right; `key` tells it from other strips."""
    shown = columns(values, TILES * _TILE_SIDE)
    tiles = [tuple(shown[number * _TILE_SIDE : (number + 1) * _TILE_SIDE]) for number in range(TILES)]
    return [
        previews.drawn_icon(f"{key} {number}", tile, lambda tile=tile: _tile(tile)) for number, tile in enumerate(tiles)
    ]


def _tile(values: tuple[float | None, ...]) -> NDArray[np.float32]:
    pixels = np.ones((_TILE_SIDE, len(values), 4), dtype=np.float32)
    pixels[..., :3] = np.array(BACKGROUND, dtype=np.float32) / 255
    for column, value in enumerate(values):
        height = round(_TILE_SIDE * (1.0 if value is None else bar_height(value)))
        color = ABSENT if value is None else heat_color(value)
        pixels[_TILE_SIDE - height :, column, :3] = np.array(color, dtype=np.float32) / 255
    return pixels
