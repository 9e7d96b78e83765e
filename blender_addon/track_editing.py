# SPDX-License-Identifier: GPL-3.0-or-later
"""Corrections of face tracks from the edit: what is meant at the playhead, as the engine's corrections.

Whatever a script gives as picture pixels may also be given as the preview shows it, in pixels of the edit's frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import bpy
import numpy as np

from ..engine.contract.corrections import (
    DEFAULT_REACH,
    AddFace,
    AnyCorrection,
    DeleteFrames,
    DeleteTrack,
    KeepFound,
    MergeTracks,
    MoveFace,
    Realign,
    SplitTrack,
)
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.timing import ranges_of
from .correction_requests import correct_request
from .edited_frame import EditedFrame, edited_footage_steps, edited_frame_steps
from .job_request import Preparation
from .preview_geometry import box_around, corners


class Space(StrEnum):
    """What pixels are counted in."""

    PICTURE = "PICTURE"
    FRAME = "FRAME"


# Says what to correct in a frame.
Edit = Callable[[EditedFrame], Sequence[AnyCorrection]]


def correction_steps(
    context: bpy.types.Context, title: str, edit: Edit, strip: str = "", media_frame: int = -1
) -> Preparation:
    """Find the request that corrects the chosen shot's footage.

    Args:
        context: Blender's context.
        title: What the user sees.
        edit: Says what to correct.
        strip: Name of the strip; by default the chosen shot under the playhead.
        media_frame: Frame to work in; by default the one at the playhead.

    Raises:
        EngineError: When there is no shot, no face, or the correction makes no sense.
    """
    frame = yield from edited_frame_steps(context, strip, media_frame)
    return [correct_request(frame.target, title, edit(frame))]


def move_face(
    frame: EditedFrame,
    number: int,
    shift: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    turn: float = 0.0,
    space: Space = Space.PICTURE,
    reach: int | None = DEFAULT_REACH,
) -> list[AnyCorrection]:
    """Return the key frame that moves a face.

    Args:
        frame: Where.
        number: Face track; 0 takes the only one in the frame.
        shift: Pixels to the right and down.
        scale: Factor, about the middle of the face's box.
        turn: Degrees clockwise, as seen in `space`.
        space: What the pixels are counted in.
        reach: Over how many frames it fades out beyond the outermost key frames; None holds it.
    """
    track = frame.track(number)
    box = track.boxes[frame.row(track)].astype(float)
    if space is Space.FRAME:
        middle = ((box[:2] + box[2:]) / 2)[None]
        there = frame.placement.from_frame(frame.placement.to_frame(middle) + shift)
        shift = _pair(_finite(there - middle)[0])
        turn = turn * (-1 if frame.placement.is_mirrored else 1) + 0.0  # never -0.0
    return [MoveFace(track.id, frame.media_frame, *shift, scale=scale, turn_deg=turn, reach=reach)]


def keep_face(frame: EditedFrame, number: int) -> list[AnyCorrection]:
    """Return the key frame at which corrections before and after it end: the face is right here."""
    track = frame.track(number)
    frame.row(track)
    return [KeepFound(track.id, frame.media_frame)]


def realign_face(frame: EditedFrame, number: int) -> list[AnyCorrection]:
    """Return the correction that follows a face anew from the frame on."""
    track = frame.track(number)
    frame.row(track)
    return [Realign(track.id, frame.media_frame)]


def add_face(
    frame: EditedFrame, box: tuple[float, float, float, float], space: Space = Space.PICTURE
) -> list[AnyCorrection]:
    """Return the correction that adds a face by its box from brows to chin: x0, y0, x1, y1 in `space`.

    Raises:
        EngineError: `correction_invalid`, when the box is empty or outside of the picture.
    """
    if space is Space.FRAME:
        box = box_around(_finite(frame.placement.from_frame(corners(box))))
    wide, high = frame.target.found.size
    if not (box[0] < wide and box[1] < high and box[2] > 0 and box[3] > 0):
        raise EngineError(
            ErrorCode.CORRECTION_INVALID,
            f"The box {', '.join(f'{value:.0f}' for value in box)} lies outside of the picture of {wide} × {high} px.",
            "Draw it around a face in the shot.",
        )
    return [AddFace(frame.media_frame, box)]


def split_track(frame: EditedFrame, number: int) -> list[AnyCorrection]:
    """Return the correction that begins a new face track at the frame.

    Raises:
        EngineError: `correction_invalid`, at the track's first frame, where nothing would be left before.
    """
    track = frame.track(number)
    if frame.row(track) == 0:
        raise EngineError(
            ErrorCode.CORRECTION_INVALID,
            f"Face track {track.id} begins in {frame.words(frame.media_frame)}, so nothing would be left before it.",
            "Move the playhead to the first frame of the other face.",
        )
    return [SplitTrack(track.id, frame.media_frame)]


def merge_tracks(frame: EditedFrame, number: int, other: int) -> list[AnyCorrection]:
    """Return the correction that makes two face tracks one; the first keeps its number."""
    if not number or not other:
        raise EngineError(ErrorCode.CORRECTION_INVALID, "Merging needs two face tracks.", "Give the numbers of both.")
    return [MergeTracks(frame.track(number).id, frame.track(other).id)]


def delete_track(frame: EditedFrame, number: int) -> list[AnyCorrection]:
    """Return the correction that takes a face track away."""
    return [DeleteTrack(frame.track(number).id)]


def delete_frames(frame: EditedFrame, number: int, start: int = -1, end: int = -1) -> list[AnyCorrection]:
    """Return the corrections that take frames of a face track away.

    Args:
        frame: Where.
        number: Face track; 0 takes the only one in the frame.
        start: First media frame; by default those the edit's preview range shows, or only `frame`.
        end: Media frame behind the last one.

    Raises:
        EngineError: `correction_invalid`, when the track has none of these frames.
    """
    track = frame.track(number)
    chosen = range(start, end) if start >= 0 else frame.marked
    there = [item for item in chosen if track.index(item) is not None]
    if not there:
        raise EngineError(
            ErrorCode.CORRECTION_INVALID,
            f"Face track {track.id} has {frame.words(*map(int, track.frames))} and none of these.",
            "Choose frames inside of it.",
        )
    # From behind, so that the frames before keep their track's number.
    return [DeleteFrames(track.id, part.start, part.end) for part in reversed(ranges_of(there))]


def undo_steps(context: bpy.types.Context, strip: str = "", is_everything: bool = False) -> Preparation:
    """Find the request that takes the last correction of the chosen shot's footage back, or all of them."""
    target, _ = yield from edited_footage_steps(context, strip)
    title = "Undo All Corrections" if is_everything else "Undo Correction"
    return [correct_request(target, title, undo=0 if is_everything else 1, clear=is_everything)]


def _finite(points: np.ndarray) -> np.ndarray:
    if not np.isfinite(points).all():
        raise EngineError(
            ErrorCode.CORRECTION_INVALID, "The strip is scaled to nothing here.", "Work in a frame that shows it."
        )
    return points


def _pair(values: np.ndarray) -> tuple[float, float]:
    x, y = values.tolist()
    return (x, y)
