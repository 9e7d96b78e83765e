# SPDX-License-Identifier: GPL-3.0-or-later
"""Face tracks as Blender's tracking data: one tracking object for each face in the clip of the footage.

Anything in Blender can be stuck to its tracks. What was written is kept in the clip too, so that reading back finds
exactly what the editor moved. Frames in which the face was lost get muted markers: what is stuck to the face goes on
along the interpolated way, and the Clip Editor shows that nothing was seen there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..engine.contract.errors import EngineError, ErrorCode
from .face_points import CENTER, NAMES, Motion, motion_between, named_points
from .footage_clip import clip_frame, media_frame
from .slices import SLICE_S
from .track_arrays import TrackArrays

# Share of the face square that a pattern covers: nearly all of the face around its center, an eye around an eye.
_PATTERN = {CENTER: 0.8}
_FEATURE_PATTERN = 0.25
# Blender searches for a pattern in an area this many times as large.
_SEARCH = 2.0
# Less is rounding: single precision of a position in an 8K picture is 0.0005 px.
MOVED_PX = 0.05
_WRITTEN = "understudy_face_"


@dataclass(frozen=True, eq=False)
class MovedFace:
    """What an editor did to one face in one frame of the tracking data.

    Attributes:
        track: Face track id.
        media_frame: The frame.
        motion: Where the face went; its shift is the center's.
        center: Where the center was written, px.
    """

    track: int
    media_frame: int
    motion: Motion
    center: tuple[float, float]


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
    for column, name in enumerate(NAMES):
        clip = _clip(clip_name)
        objects = clip.tracking.objects
        face = objects.get(object_name(track.id)) or objects.new(object_name(track.id))
        frames = np.array([clip_frame(clip, frame) for frame in rows.media_frames])
        there = frames >= 0
        markers = _emptied(face, name, int(frames[there][0]))
        started = time.perf_counter()
        for frame, (u, v) in zip(frames[there].tolist(), places[rows.index[there], column].tolist(), strict=True):
            markers.insert_frame(frame, co=(u, v))
            if time.perf_counter() - started > SLICE_S:
                yield
                clip = _clip(clip_name)
                markers = clip.tracking.objects[object_name(track.id)].tracks[name].markers
                started = time.perf_counter()
        share = _PATTERN.get(name, _FEATURE_PATTERN)
        half = share / 2 * track.size[rows.index[there], None] / np.array(size, np.float32)
        _shape_markers(markers, half, rows.is_muted[there])
    clip = _clip(clip_name)
    _note_written(clip, track.id, track.frames, places)
    yield


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


def _emptied(face: Any, name: str, frame: int) -> Any:
    """Return the markers of a face's track with one marker at `frame`; a new track if there is none."""
    track = face.tracks.get(name) or face.tracks.new(name=name, frame=frame)
    markers = track.markers
    frames = np.empty(len(markers), np.int32)
    markers.foreach_get("frame", frames)
    # Blender keeps a track's last marker; from behind, so that nothing has to be moved up.
    for found in frames[:0:-1].tolist():
        markers.delete_frame(found)
    markers[0].frame = frame
    return markers


def _shape_markers(markers: Any, half: np.ndarray, is_muted: np.ndarray) -> None:
    """Give every marker its pattern and search area, and say that no hand placed it.

    Args:
        markers: (n) markers in the order of frames.
        half: (n, 2) half the pattern's size, share of the picture.
        is_muted: (n,) whether the face was lost there.
    """
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    count = len(markers)
    markers.foreach_set("pattern_corners", (corners[None] * half[:, None]).astype(np.float32).ravel())
    markers.foreach_set("search_min", (-half * _SEARCH).astype(np.float32).ravel())
    markers.foreach_set("search_max", (half * _SEARCH).astype(np.float32).ravel())
    markers.foreach_set("mute", np.asarray(is_muted, bool))
    markers.foreach_set("is_keyed", np.zeros(count, bool))


def written_tracks(clip: Any) -> tuple[int, ...]:
    """Return the face tracks that were written into a clip and are still there, ascending."""
    numbers = [key.removeprefix(_WRITTEN) for key in clip.keys() if key.startswith(_WRITTEN)]
    return tuple(sorted(int(n) for n in numbers if n.isdigit() and object_name(int(n)) in clip.tracking.objects.keys()))


def moved_faces(clip: Any, size: tuple[int, int]) -> list[MovedFace]:
    """Return where the editor moved markers of our faces, in the order of tracks and frames.

    Muted markers, and those in frames the face track doesn't have, say nothing. A face of which only the center was
    moved is shifted; of one whose features were moved the similarity through the moved points is taken.

    Args:
        clip: Movie clip that faces were written into.
        size: Width and height of the pictures in px.
    """
    found = []
    for track in written_tracks(clip):
        frames, written = _as_written(clip, track)
        now, is_there = _as_found(clip, track, frames, written)
        before, after = to_pixels(written, size), to_pixels(now, size)
        is_moved = is_there & (np.linalg.norm(after - before, axis=-1) > MOVED_PX)
        for row in np.flatnonzero(is_moved.any(axis=1)).tolist():
            chosen = is_moved[row]
            motion = motion_between(before[row, chosen], after[row, chosen], before[row, 0])
            x, y = before[row, 0].tolist()
            found.append(MovedFace(track, int(frames[row]), motion, (x, y)))
    return found


def note_read(clip: Any) -> None:
    """Take what the clip holds now as written, so that the same changes aren't read a second time."""
    for track in written_tracks(clip):
        frames, written = _as_written(clip, track)
        now, is_there = _as_found(clip, track, frames, written)
        places = np.where(is_there[..., None], now, written).astype(np.float32)
        _note_written(clip, track, frames, places)


def _note_written(clip: Any, track: int, frames: np.ndarray, places: np.ndarray) -> None:
    # Plain numbers, because Blender 4.5 and 5.0 keep the length of bytes that others replace.
    clip[f"{_WRITTEN}{track}"] = [*frames.astype(float).tolist(), *places.astype(float).ravel().tolist()]


def _as_written(clip: Any, track: int) -> tuple[np.ndarray, np.ndarray]:
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


def _as_found(clip: Any, track: int, frames: np.ndarray, written: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places float32 (n, 7, 2) as they are now and where there is an enabled marker, bool (n, 7)."""
    places, is_there = written.copy(), np.zeros(written.shape[:2], bool)
    face = clip.tracking.objects[object_name(track)]
    row_of = {frame: row for row, frame in enumerate(frames.tolist())}
    for column, name in enumerate(NAMES):
        if name not in face.tracks:
            continue
        for frame, place in enabled_markers(clip, face.tracks[name]):
            row = row_of.get(frame)
            if row is not None:
                places[row, column], is_there[row, column] = place, True
    return places, is_there


def enabled_markers(clip: Any, track: Any) -> list[tuple[int, np.ndarray]]:
    """Return media frame and place, float32 (2,), of each marker of a track that isn't muted."""
    count = len(track.markers)
    frames, co, muted = np.empty(count, np.int32), np.empty(2 * count, np.float32), np.empty(count, bool)
    track.markers.foreach_get("frame", frames)
    track.markers.foreach_get("co", co)
    track.markers.foreach_get("mute", muted)
    kept = zip(frames.tolist(), co.reshape(-1, 2), muted.tolist(), strict=True)
    return [(media_frame(clip, frame), place) for frame, place, is_muted in kept if not is_muted]
