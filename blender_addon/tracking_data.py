# SPDX-License-Identifier: GPL-3.0-or-later
"""Face tracks as Blender's tracking data: one tracking object for each face in the clip of the footage.

Anything in Blender can be stuck to its tracks. What was written is kept in the clip too, so that reading back
(`tracking_reading`) finds exactly what the editor moved. Frames in which the face was lost get muted markers: what is
stuck to the face goes on along the interpolated way, and the Clip Editor shows that nothing was seen there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..engine.contract.errors import EngineError, ErrorCode
from .face_points import CENTER, NAMES, named_points
from .footage_clip import clip_frame
from .slices import SLICE_S
from .track_arrays import TrackArrays

# Share of the face square that a pattern covers: nearly all of the face around its center, an eye around an eye.
_PATTERN = {CENTER: 0.8}
_FEATURE_PATTERN = 0.25
# Blender searches for a pattern in an area this many times as large.
_SEARCH = 2.0
_WRITTEN = "understudy_face_"


def object_name(track: int) -> str:
    """Return the name of the tracking object of a face track."""
    return f"Face {track}"


def to_clip(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return picture pixels (…, 2), y down and centers at integers, as a clip's 0…1 with y up, float64."""
    shares = (np.asarray(points, float) + 0.5) / np.array(size, float)
    return np.stack([shares[..., 0], 1 - shares[..., 1]], axis=-1)


def to_pixels(co: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the inverse of `to_clip`, float64."""
    co = np.asarray(co, float)
    return np.stack([co[..., 0], 1 - co[..., 1]], axis=-1) * np.array(size, float) - 0.5


def write_faces(clip_name: str, tracks: Sequence[TrackArrays], size: tuple[int, int]) -> Iterator[None]:
    """Write face tracks into a clip, in slices; a face that was written before is brought up to date.

    Tracks that the editor added to a face's tracking object stay.

    Args:
        clip_name: Name of the movie clip; looked up in every slice, because undo may run in between.
        tracks: What to write.
        size: Width and height of the pictures the tracks were found in.

    Raises:
        EngineError: `footage_unreadable`, when the clip's pictures have another shape.
    """
    clip = _clip(clip_name)
    wide, high = clip.size
    if abs(wide * size[1] - high * size[0]) > max(wide, high):
        raise EngineError(
            ErrorCode.FOOTAGE_UNREADABLE,
            f"The clip “{clip.name}” has {wide} × {high} px, but the faces were found in {size[0]} × {size[1]} px.",
            "Extract the faces of this shot again.",
        )
    for track in tracks:
        yield from _write_face(clip_name, track, size)


def _write_face(clip_name: str, track: TrackArrays, size: tuple[int, int]) -> Iterator[None]:
    places = to_clip(named_points(track.landmarks), size).astype(np.float32)
    rows = _closed_rows(track)
    clip = _clip(clip_name)
    objects = clip.tracking.objects
    face = objects.get(object_name(track.id)) or objects.new(object_name(track.id))
    frames = np.array([clip_frame(clip, frame) for frame in rows.media_frames], np.int32)
    there = frames >= 0
    frames, index = frames[there], rows.index[there]
    for column, name in enumerate(NAMES):
        if name not in face.tracks:
            face.tracks.new(name=name, frame=int(frames[0]))
        yield from _set_frames(clip_name, track.id, name, frames)
        share = _PATTERN.get(name, _FEATURE_PATTERN)
        half = share / 2 * track.size[index, None] / np.array(size, np.float32)
        for attribute, values in _marker_values(places[index, column], half, rows.is_muted[there]).items():
            _markers(clip_name, track.id, name).foreach_set(attribute, values)
            yield
        face = _clip(clip_name).tracking.objects[object_name(track.id)]
    clip = _clip(clip_name)
    _note_written(clip, track.id, track.frames, places)
    # What is stuck to the face goes there now, not with the next frame.
    clip.update_tag()
    yield


def _set_frames(clip_name: str, track: int, name: str, frames: np.ndarray) -> Iterator[None]:
    """Give a track a marker at each of the frames and nowhere else, in slices.

    Blender copies all markers for each one that comes or goes, so those that are there already are used again.
    """
    markers = _markers(clip_name, track, name)
    old = np.empty(len(markers), np.int32)
    markers.foreach_get("frame", old)
    # New ones first, because Blender keeps a track's last marker; both from where the least has to be moved.
    steps = [(frame, True) for frame in np.setdiff1d(frames, old).tolist()]
    steps += [(frame, False) for frame in np.setdiff1d(old, frames)[::-1].tolist()]
    started = time.perf_counter()
    for frame, is_new in steps:
        if is_new:
            markers.insert_frame(frame)
        else:
            markers.delete_frame(frame)
        if time.perf_counter() - started > SLICE_S:
            yield
            markers, started = _markers(clip_name, track, name), time.perf_counter()


def _markers(clip_name: str, track: int, name: str) -> Any:
    face = _clip(clip_name).tracking.objects.get(object_name(track))
    if face is None or name not in face.tracks:
        raise EngineError(
            ErrorCode.STRIP_MISSING,
            f"The tracking data of face {track} was removed from “{clip_name}” meanwhile.",
            "Write the tracking data again.",
        )
    return face.tracks[name].markers


@dataclass(frozen=True, eq=False)
class _Rows:
    """Which row of a track each marker takes; the ends are closed by muted markers, as Blender's tracker does."""

    media_frames: np.ndarray
    index: np.ndarray
    is_muted: np.ndarray


def _closed_rows(track: TrackArrays) -> _Rows:
    count = len(track.frames)
    index = np.concatenate([[0], np.arange(count), [count - 1]])
    frames = np.concatenate([[track.frames[0] - 1], track.frames, [track.frames[-1] + 1]])
    return _Rows(frames, index, np.concatenate([[True], track.bridged, [True]]))


def _clip(name: str) -> Any:
    clip = bpy.data.movieclips.get(name)
    if clip is None:
        raise EngineError(
            ErrorCode.STRIP_MISSING, f"The clip “{name}” was removed meanwhile.", "Write the tracking data again."
        )
    return clip


def _marker_values(places: np.ndarray, half: np.ndarray, is_muted: np.ndarray) -> dict[str, np.ndarray]:
    """Return what `foreach_set` takes for n markers: place, pattern, search area, and that no hand placed them.

    Args:
        places: float32 (n, 2), as the clip counts.
        half: (n, 2) half the pattern's size, share of the picture.
        is_muted: (n,) whether the face was lost there.
    """
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    return {
        "co": places.ravel(),
        "pattern_corners": (corners[None] * half[:, None]).astype(np.float32).ravel(),
        "search_min": (-half * _SEARCH).astype(np.float32).ravel(),
        "search_max": (half * _SEARCH).astype(np.float32).ravel(),
        "mute": np.asarray(is_muted, bool),
        "is_keyed": np.zeros(len(places), bool),
    }


def _note_written(clip: Any, track: int, frames: np.ndarray, places: np.ndarray) -> None:
    # Plain numbers, because Blender 4.5 and 5.0 keep the length of bytes that others replace.
    clip[f"{_WRITTEN}{track}"] = [*frames.astype(float).tolist(), *places.astype(float).ravel().tolist()]


def as_written(clip: Any, track: int) -> tuple[np.ndarray, np.ndarray]:
    """Return media frames int32 (n,) and places float32 (n, 7, 2) as they were written."""
    values = np.array(clip[f"{_WRITTEN}{track}"], float)
    count, rest = divmod(len(values), 1 + 2 * len(NAMES))
    if rest:
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"What was written of face track {track} into “{clip.name}” is damaged.",
            "Write the tracking data again.",
        )
    return values[:count].astype(np.int32), values[count:].astype(np.float32).reshape(count, len(NAMES), 2)


def written_tracks(clip: Any) -> tuple[int, ...]:
    """Return the face tracks that were written into a clip and are still there, ascending."""
    objects = {item.name for item in clip.tracking.objects}
    numbers = [key.removeprefix(_WRITTEN) for key in dict(clip) if key.startswith(_WRITTEN)]
    return tuple(sorted(int(n) for n in numbers if n.isdigit() and object_name(int(n)) in objects))
