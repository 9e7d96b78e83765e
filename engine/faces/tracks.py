# SPDX-License-Identifier: GPL-3.0-or-later
"""Face tracks of a footage, and the two files that keep them: tracks.npz for the engine, footage.json for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import WRONG_ARRAYS, damage, read_document, write_document, written_whole
from ..contract.project import FOOTAGE_FILE, TRACKS_FILE
from ..contract.settings import ExtractSettings, settings_from_json, settings_to_json
from ..contract.timing import Footage, FrameRange, frame_rate
from ..runtime.array_pieces import PiecedArray, write_pieced_arrays
from .smoothing import jitter

SCHEMA = "understudy.footage"
VERSION = 2
_HINT = "Extract the faces of this shot again."

# Per-frame arrays of a track and their shape behind the frame axis.
PER_FRAME = {
    "frames": ((), np.int32),
    "landmarks": ((68, 2), np.float32),
    "raw_landmarks": ((68, 2), np.float32),
    "boxes": ((4,), np.float32),
    "scores": ((), np.float32),
    "bridged": ((), np.bool_),
    "yaw": ((), np.float32),
    "pitch": ((), np.float32),
    "roll": ((), np.float32),
    "size": ((), np.float32),
    "sharpness": ((), np.float32),
    "exposure": ((), np.float32),
    "occlusion": ((), np.float32),
}
# Tracks of version 1 don't have these; they read as 0, "unknown".
_SINCE_VERSION_2 = ("exposure", "occlusion")


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """One face through a footage; all arrays have one entry for each of `frames`.

    Attributes:
        id: Number of the track, unique in the footage, from 1.
        frames: Media frames, ascending and without holes, int32 (n,).
        landmarks: Steadied landmarks, float32 (n, 68, 2), picture pixels.
        raw_landmarks: As fitted; in bridged frames interpolated, float32 (n, 68, 2).
        boxes: Boxes x0, y0, x1, y1 around the steadied landmarks, float32 (n, 4).
        scores: Confidence 0…1, 0 in bridged frames, float32 (n,).
        bridged: Frames in which the face was lost and its landmarks are interpolated, bool (n,).
        identity: Identity vector of the best frames, float32 (128,); zeros when none was measured.
        yaw: Degrees, positive to the subject's left, float32 (n,).
        pitch: Degrees, positive upwards, float32 (n,).
        roll: Degrees, positive clockwise on screen, float32 (n,).
        size: Side of the face square in picture pixels, float32 (n,).
        sharpness: As `engine.faces.quality`, 0 in bridged frames, float32 (n,).
        exposure: As `engine.faces.quality`, 0 in bridged frames, float32 (n,).
        occlusion: Guess of the hidden share of the face, 0…1; 1 in bridged frames, float32 (n,).
    """

    id: int
    frames: NDArray[np.int32]
    landmarks: NDArray[np.float32]
    raw_landmarks: NDArray[np.float32]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    bridged: NDArray[np.bool_]
    identity: NDArray[np.float32]
    yaw: NDArray[np.float32]
    pitch: NDArray[np.float32]
    roll: NDArray[np.float32]
    size: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    exposure: NDArray[np.float32]
    occlusion: NDArray[np.float32]

    @property
    def first(self) -> int:
        """First media frame."""
        return int(self.frames[0])

    @property
    def last(self) -> int:
        """Last media frame (inclusive)."""
        return int(self.frames[-1])

    def is_same_as(self, other: FaceTrack) -> bool:
        """Whether all values of two tracks are equal, to the bit."""
        names = (*PER_FRAME, "identity")
        return self.id == other.id and all(np.array_equal(getattr(self, n), getattr(other, n)) for n in names)

    def index(self, media_frame: int) -> int | None:
        """Return the position of a media frame in the arrays, or None where the track isn't."""
        position = int(np.searchsorted(self.frames, media_frame))
        is_there = position < len(self.frames) and self.frames[position] == media_frame
        return position if is_there else None


@dataclass(frozen=True, eq=False)
class TrackSet:
    """Everything found in one footage.

    Attributes:
        footage: What was searched.
        key: Its key in the project.
        width: Pixels of the upright picture.
        height: Pixels of the upright picture.
        rate: Frames per second of the media frames.
        frame_count: Media frames of the footage.
        ranges: Media frames that were searched.
        settings: How.
        tracks: The face tracks, ascending by id.
        steadiness: Figures of the steadying: `raw_jitter` and `jitter`, shares of the eye distance.
        references: Paths of the pictures of the person that was kept.
        rejects: Paths of the pictures of persons that were left out.
    """

    footage: Footage
    key: str
    width: int
    height: int
    rate: Fraction
    frame_count: int
    ranges: tuple[FrameRange, ...]
    settings: ExtractSettings
    tracks: tuple[FaceTrack, ...]
    steadiness: dict[str, float] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    rejects: tuple[str, ...] = ()

    def track(self, track_id: int) -> FaceTrack:
        """Return a track by id.

        Raises:
            EngineError: `tracks_missing`, naming footage and track.
        """
        for track in self.tracks:
            if track.id == track_id:
                return track
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"{self.footage.path.name} has no face track {track_id}.",
            "Extract the faces of this shot again and assign them anew.",
        )


def steadiness_of(tracks: Sequence[FaceTrack]) -> dict[str, float]:
    """Return the figures of the steadying over some tracks (`TrackSet.steadiness`); none without frames."""
    weights = [len(track.frames) for track in tracks]
    if not sum(weights):
        return {}
    raw = [jitter(track.raw_landmarks) for track in tracks]
    steadied = [jitter(track.landmarks) for track in tracks]
    return {
        "raw_jitter": float(np.average(raw, weights=weights)),
        "jitter": float(np.average(steadied, weights=weights)),
    }


def thumbnail_name(track_id: int) -> str:
    """Return the file name of a track's thumbnail in the footage's folder."""
    return f"t{track_id:02d}.png"


def save_tracks(
    folder: Path, track_set: TrackSet, arrays_file: str = TRACKS_FILE, document: str = FOOTAGE_FILE
) -> None:
    """Write tracks.npz and footage.json, or files of other names, into the footage's folder.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    arrays: dict[str, NDArray[Any]] = {"ids": np.array([track.id for track in track_set.tracks], dtype=np.int32)}
    for track in track_set.tracks:
        arrays[f"{track.id}/identity"] = track.identity
        for name in PER_FRAME:
            arrays[f"{track.id}/{name}"] = getattr(track, name)
    with written_whole(folder / arrays_file) as temporary:
        # In pieces, because a long track lies in a file and has to go to another.
        pieced = {name: PiecedArray.of(array) for name, array in arrays.items()}
        write_pieced_arrays(temporary, pieced, is_compressed=False)
    write_document(folder / document, SCHEMA, VERSION, _to_json(track_set))


def _to_json(track_set: TrackSet) -> dict[str, Any]:
    return {
        "key": track_set.key,
        "footage": track_set.footage.to_json(),
        "width": track_set.width,
        "height": track_set.height,
        "rate": str(track_set.rate),
        "frame_count": track_set.frame_count,
        "ranges": [[item.start, item.end] for item in track_set.ranges],
        "settings": settings_to_json(track_set.settings),
        "steadiness": {name: round(value, 6) for name, value in track_set.steadiness.items()},
        "references": list(track_set.references),
        "rejects": list(track_set.rejects),
        "tracks": [_summary(track) for track in track_set.tracks],
    }


def _summary(track: FaceTrack) -> dict[str, Any]:
    seen = ~track.bridged
    return {
        "id": track.id,
        "first": track.first,
        "last": track.last,
        "frames": len(track.frames),
        "bridged": int(track.bridged.sum()),
        "size_px": round(float(np.median(track.size)), 1),
        "score": round(float(track.scores[seen].mean()) if seen.any() else 0.0, 3),
        "thumbnail": thumbnail_name(track.id),
    }


def load_tracks(folder: Path, arrays_file: str = TRACKS_FILE, document: str = FOOTAGE_FILE) -> TrackSet:
    """Read what was found in a footage.

    Args:
        folder: The footage's folder.
        arrays_file: Name of the file with the tracks.
        document: Name of the file with everything else.

    Raises:
        EngineError: `tracks_missing`, naming the file that is missing or damaged.
    """
    content = read_document(folder / document, SCHEMA, VERSION, ErrorCode.TRACKS_MISSING, _HINT)
    path = folder / arrays_file
    try:
        with np.load(path) as arrays:
            tracks = tuple(_track(arrays, int(track_id)) for track_id in arrays["ids"])
        return TrackSet(
            footage=Footage.from_json(content["footage"]),
            key=content["key"],
            width=content["width"],
            height=content["height"],
            rate=frame_rate(content["rate"]),
            frame_count=content["frame_count"],
            ranges=tuple(FrameRange(start, end) for start, end in content["ranges"]),
            settings=settings_from_json(ExtractSettings, content["settings"]),
            tracks=tracks,
            steadiness=dict(content.get("steadiness", {})),
            references=tuple(content.get("references", ())),
            rejects=tuple(content.get("rejects", ())),
        )
    except WRONG_ARRAYS as error:
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"The face tracks in {path} can't be read: {damage(error)}.",
            _HINT,
        ) from error


def _track(arrays: Any, track_id: int) -> FaceTrack:
    count = len(arrays[f"{track_id}/frames"])
    values = {name: _values(arrays, track_id, name, count) for name in PER_FRAME}
    for name, (shape, dtype) in PER_FRAME.items():
        if values[name].shape != (count, *shape) or values[name].dtype != dtype:
            raise ValueError(f"{name} of track {track_id} has shape {values[name].shape}")
    return FaceTrack(id=track_id, identity=arrays[f"{track_id}/identity"], **values)


def _values(arrays: Any, track_id: int, name: str, count: int) -> NDArray[Any]:
    key = f"{track_id}/{name}"
    if key not in arrays and name in _SINCE_VERSION_2:
        return np.zeros(count, dtype=np.float32)
    return arrays[key]
