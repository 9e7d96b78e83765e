# SPDX-License-Identifier: GPL-3.0-or-later
"""What an editor changed in a clip's tracking data, as corrections of the face tracks.

A marker counts as moved where it isn't where it was written. How far the face goes is told from where the face track
has it now: reading the same markers again, after undo for instance, changes nothing a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.contract.corrections import LARGEST_SCALE, AddFace, AnyCorrection, MoveFace, SetLandmarks
from .face_points import CENTER, NAMES, Motion, box_around, motion_between, named_points
from .footage_clip import media_frame
from .track_arrays import TrackArrays
from .tracking_data import as_written, object_name, to_pixels, written_tracks

# Less is rounding: single precision of a position in an 8K picture is 0.0005 px.
MOVED_PX = 0.05


def read_corrections(clip: Any, tracks: Sequence[TrackArrays], size: tuple[int, int]) -> list[AnyCorrection]:
    """Return what the editor's markers say about the faces of a footage: moved faces first, then new ones.

    Args:
        clip: Movie clip of the footage.
        tracks: Its face tracks as they are now.
        size: Width and height of the pictures in px.
    """
    return [*_moved_faces(clip, tracks, size), *_new_faces(clip, tracks, size)]


def has_moved_markers(clip: Any, size: tuple[int, int]) -> bool:
    """Whether the editor moved markers of written faces since they were written."""
    for number in written_tracks(clip):
        frames, places = as_written(clip, number)
        if _moved_from(clip, number, frames, places, size)[1].any():
            return True
    return False


def _moved_faces(clip: Any, tracks: Sequence[TrackArrays], size: tuple[int, int]) -> list[AnyCorrection]:
    """Return a key frame for each frame in which markers of a written face were moved.

    Muted markers, and those in frames the face track doesn't have, say nothing. A face of which only the center was
    moved is shifted; else the similarity through the moved points is taken. One moved frame is told as a movement,
    several as places: a movement counts from where the key frames before have put the face.
    """
    written = set(written_tracks(clip))
    return [item for track in tracks if track.id in written for item in _moves(clip, track, size)]


def _moves(clip: Any, track: TrackArrays, size: tuple[int, int]) -> list[AnyCorrection]:
    frames, places = as_written(clip, track.id)
    after, is_moved = _moved_from(clip, track.id, frames, places, size)
    moves = []
    for row in np.flatnonzero(is_moved.any(axis=1)).tolist():
        index = track.index(int(frames[row]))
        if index is None:
            continue
        chosen = is_moved[row]
        before = named_points(track.landmarks[index : index + 1])[0, chosen]
        if np.linalg.norm(after[row, chosen] - before, axis=-1).max() > MOVED_PX:
            box = track.boxes[index].astype(float)
            motion = motion_between(before, after[row, chosen], (box[:2] + box[2:]) / 2)
            moves.append((index, motion.limited(LARGEST_SCALE)))
    if len(moves) == 1:
        ((index, motion),) = moves
        return [MoveFace(track.id, int(track.frames[index]), *motion.shift, scale=motion.scale, turn_deg=motion.turn)]
    return [_placed(track, index, motion) for index, motion in moves]


def _placed(track: TrackArrays, index: int, motion: Motion) -> SetLandmarks:
    box = track.boxes[index].astype(float)
    places = motion.moved(track.landmarks[index], (box[:2] + box[2:]) / 2)
    return SetLandmarks(track.id, int(track.frames[index]), tuple((float(x), float(y)) for x, y in places))


def _moved_from(
    clip: Any, track: int, frames: np.ndarray, written: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return places in px, float64 (n, 7, 2), as they are now, and which of them were moved, bool (n, 7)."""
    now, is_there = _as_found(clip, track, frames, written)
    after = to_pixels(now, size)
    return after, is_there & (np.linalg.norm(after - to_pixels(written, size), axis=-1) > MOVED_PX)


def _as_found(clip: Any, track: int, frames: np.ndarray, written: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places float32 (n, 7, 2) as they are now and where there is an enabled marker, bool (n, 7)."""
    places, is_there = written.copy(), np.zeros(written.shape[:2], bool)
    face = clip.tracking.objects[object_name(track)]
    row_of = {frame: row for row, frame in enumerate(frames.tolist())}
    for column, name in enumerate(NAMES):
        if name not in face.tracks:
            continue
        for frame, place in _enabled_markers(clip, face.tracks[name]).items():
            row = row_of.get(frame)
            if row is not None:
                places[row, column], is_there[row, column] = place, True
    return places, is_there


def _enabled_markers(clip: Any, track: Any) -> dict[int, np.ndarray]:
    """Return the place, float32 (2,), of each marker that isn't muted, by media frame."""
    count = len(track.markers)
    frames, co, muted = np.empty(count, np.int32), np.empty(2 * count, np.float32), np.empty(count, bool)
    track.markers.foreach_get("frame", frames)
    track.markers.foreach_get("co", co)
    track.markers.foreach_get("mute", muted)
    kept = zip(frames.tolist(), co.reshape(-1, 2), muted.tolist(), strict=True)
    return {media_frame(clip, frame): place for frame, place, is_muted in kept if not is_muted}


def _new_faces(clip: Any, tracks: Sequence[TrackArrays], size: tuple[int, int]) -> list[AnyCorrection]:
    """Return a new face for each tracking object of the editor's own whose tracks have our names, where none is yet."""
    ours = {object_name(number) for number in written_tracks(clip)}
    found: list[AnyCorrection] = []
    for item in clip.tracking.objects:
        named = {name: item.tracks[name] for name in NAMES if name in item.tracks}
        if item.name in ours or not (CENTER in named or len(named) > 1):
            continue
        face = _first_face(clip, named, size)
        if face is not None and not any(_is_there(track, face) for track in tracks):
            found.append(face)
    return found


def _first_face(clip: Any, named: dict[str, Any], size: tuple[int, int]) -> AddFace | None:
    """Return the face at the first frame in which most of its points are marked."""
    markers = {name: _enabled_markers(clip, track) for name, track in named.items()}
    frames = sorted({frame for places in markers.values() for frame in places if frame >= 0})
    if not frames:
        return None
    frame = max(frames, key=lambda f: (sum(f in places for places in markers.values()), -f))
    points = {name: to_pixels(places[frame], size) for name, places in markers.items() if frame in places}
    if len(points) > 1:
        return AddFace(frame, box_around(points))
    ((name, point),) = points.items()
    # A single point says no size; its pattern does, when the editor drew it about the face.
    marker = named[name].markers.find_frame(frame + 1 - int(clip.frame_offset))
    half = np.abs(np.array([tuple(corner) for corner in marker.pattern_corners])).max(axis=0) * size
    x0, y0, x1, y1 = *(point - half).tolist(), *(point + half).tolist()
    return AddFace(frame, (x0, y0, x1, y1))


def _is_there(track: TrackArrays, face: AddFace) -> bool:
    """Whether a face track has a face at the new one's place already: one holds the middle of the other."""
    index = track.index(face.frame)
    if index is None:
        return False
    one, other = track.boxes[index].astype(float), np.array(face.box)
    return _holds(one, (other[:2] + other[2:]) / 2) or _holds(other, (one[:2] + one[2:]) / 2)


def _holds(box: np.ndarray, point: np.ndarray) -> bool:
    return bool((box[:2] <= point).all() and (point <= box[2:]).all())
