# SPDX-License-Identifier: GPL-3.0-or-later
"""Where corrections belong: which track an anchor means, and what a track may join or run into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..contract.corrections import Anchor
from ..contract.errors import EngineError, ErrorCode
from ..contract.frame_mentions import FrameMention, mention
from .edited_track import EditedTrack
from .face_paths import FacePath
from .geometry import SAME_FACE, SAME_PLACE, box_of, box_overlap
from .tracks import TrackSet

# A track of the right number is preferred to one that overlaps the anchor by hardly more.
_HARDLY_MORE = 0.1
_LONGEST_BRIDGE_S = 0.5
_LEAST_FACE_PX = 2.0


def invalid(message: str, hint: str = "", frames: Sequence[FrameMention] = ()) -> EngineError:
    """Return the failure of a correction that has no place; `frames` are those that the message names."""
    return EngineError(ErrorCode.CORRECTION_INVALID, message, hint, frames)


def find_track(tracks: Mapping[int, EditedTrack], number: int, anchor: Anchor | None, name: str) -> EditedTrack:
    """Return the track that a correction means: the one at its anchor, else the one of its number.

    Args:
        tracks: The tracks by number.
        number: The track's number when the correction was made.
        anchor: Where its face was then.
        name: File name of the footage.

    Raises:
        EngineError: `correction_invalid`, when there is neither.
    """
    if anchor is not None:
        overlaps = {
            track.id: _overlap(track.box(anchor.frame), anchor.box)
            for track in tracks.values()
            if track.base.index(anchor.frame) is not None
        }
        best = max(overlaps, key=lambda item: overlaps[item], default=None)
        if best is not None and overlaps[best] >= SAME_PLACE:
            is_as_good = overlaps.get(number, 0.0) >= overlaps[best] - _HARDLY_MORE
            return tracks[number if is_as_good else best]
    if number in tracks:
        return tracks[number]
    known = ", ".join(map(str, sorted(tracks))) or "none"
    raise invalid(f"{name} has no face track {number}.", f"Its face tracks: {known}.")


def anchor_of(track: EditedTrack, frame: int | None = None) -> Anchor:
    """Return the anchor of a track in a frame; by default in the middle one of those in which it was seen."""
    if frame is None:
        seen = track.base.frames[~track.base.bridged]
        frames = seen if len(seen) else track.base.frames
        frame = int(frames[len(frames) // 2])
    x0, y0, x1, y1 = track.box(frame).tolist()
    return Anchor(frame, (x0, y0, x1, y1))


def require_frame(track: EditedTrack, frame: int) -> None:
    """Refuse a frame in which a track isn't.

    Raises:
        EngineError: `correction_invalid`, naming track and frame.
    """
    if track.base.index(frame) is None:
        first, last = track.base.first, track.base.last
        there = FrameMention(f"from frame {first} to {last}", ((first, last + 1),))
        raise invalid(
            f"Face track {track.id} is not in frame {frame}; it runs {there.words}.",
            "Choose a frame of the track, or add the face there by hand and merge the two.",
            [mention([frame]), there],
        )


def check_place(landmarks: NDArray[np.floating], found: TrackSet, frame: int) -> None:
    """Refuse landmarks that are no face of the picture.

    Raises:
        EngineError: `correction_invalid`, naming the frame.
    """
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    if not np.isfinite(landmarks).all() or (high - low).min() < _LEAST_FACE_PX:
        text = f"The landmarks for frame {frame} are no face: they lie in one point or line."
        raise invalid(text, frames=[mention([frame])])
    x, y = (low + high) / 2
    if not (0 <= x < found.width and 0 <= y < found.height):
        raise invalid(
            f"The face would lie outside of the picture in frame {frame}, around {x:.0f}, {y:.0f}; the picture has "
            f"{found.width} x {found.height} pixels.",
            "Keep the middle of the face inside the picture, or delete these frames of the track.",
            [mention([frame])],
        )


def track_at(tracks: Iterable[EditedTrack], frame: int, landmarks: NDArray[np.floating]) -> EditedTrack | None:
    """Return the track that has a face's place in a frame, or None."""
    box = box_of(landmarks)
    for track in tracks:
        if track.base.index(frame) is not None and _overlap(track.box(frame), box) > SAME_FACE:
            return track
    return None


def free_part(path: FacePath, others: Sequence[EditedTrack]) -> FacePath:
    """Return a followed face up to where other tracks have it already, on both sides of its start."""
    first, end = int(path.frames[0]), int(path.frames[-1]) + 1
    for frame in range(path.start + 1, end):
        if track_at(others, frame, path.landmarks[frame - first]) is not None:
            end = frame
            break
    for frame in range(path.start - 1, first - 1, -1):
        if track_at(others, frame, path.landmarks[frame - first]) is not None:
            return path.part(frame + 1, end)
    return path.part(first, end)


def joining_order(first: EditedTrack, second: EditedTrack, rate: float) -> list[EditedTrack]:
    """Return the parts of two tracks of one face in their order in time; where both are, the first one's frames count.

    Raises:
        EngineError: `correction_invalid`, when the tracks are in different places at the same time, or too far apart.
    """
    shared = np.intersect1d(first.base.frames, second.base.frames).tolist()
    apart = [frame for frame in shared if _overlap(first.box(frame), second.box(frame)) < SAME_PLACE]
    if apart:
        raise invalid(
            f"Face tracks {first.id} and {second.id} are in different places in {len(apart)} frames, first in frame "
            f"{apart[0]}; they can't be one face.",
            "Split them, so that they don't overlap in time, and merge the parts that belong together.",
        )
    parts = [first]
    if second.base.first < first.base.first:
        parts.insert(0, second.cut(second.base.first, min(second.base.last, first.base.first - 1), second.id))
    if second.base.last > first.base.last:
        parts.append(second.cut(max(second.base.first, first.base.last + 1), second.base.last, second.id))
    for before, behind in zip(parts, parts[1:], strict=False):
        gap = behind.base.first - before.base.last - 1
        if gap > _LONGEST_BRIDGE_S * rate:
            raise invalid(
                f"Between face tracks {first.id} and {second.id} lie {gap} frames without the face; at most "
                f"{int(_LONGEST_BRIDGE_S * rate)} can be bridged.",
                "Assign both tracks to the same performer instead, or add the face by hand in between.",
            )
    return parts


def _overlap(box: NDArray[np.floating], other: Sequence[float] | NDArray[np.floating]) -> float:
    return float(box_overlap(np.asarray(box, float), np.asarray(other, float))[0, 0])
