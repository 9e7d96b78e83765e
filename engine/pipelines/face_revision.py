# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the aligned faces and thumbnails of a footage in line with its corrected tracks; only what differs changes.

The records in the faceset say how each face was cut. A face whose record has the landmarks of its track is left alone;
one that moved is cut anew, one that now belongs to another track is renamed, one without a track goes. Because records
are compared, a run that was interrupted is made good by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError
from ..contract.project import FACESET_FILE
from ..contract.settings import ExtractSettings
from ..contract.timing import ranges_of
from ..faces.alignment import face_matrix
from ..faces.geometry import SAME_FACE, box_overlap
from ..faces.picture_part import FaceView, PicturePart
from ..faces.quality import measure_quality
from ..faces.tracks import FaceTrack, TrackSet, thumbnail_name
from ..faceset.record import FaceRecord
from ..faceset.records_file import read_records
from ..faceset.store import FacesetWriter
from ..media.images import write_png
from ..media.picture import ArrayPicture
from ..media.reader import FootageReader
from ..runtime.reporter import Reporter
from .footage_faces import StoppedError
from .track_recording import THUMBNAIL_SIDE, FaceCut, face_record


@dataclass(frozen=True)
class FaceChanges:
    """How many aligned faces were changed.

    Attributes:
        cut: Cut anew or for the first time.
        renamed: Given to another track, the picture unchanged.
        removed: Deleted with their track or frames.
    """

    cut: int = 0
    renamed: int = 0
    removed: int = 0


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is to be done.

    Attributes:
        renames: Records and the track they belong to now.
        cuts: Track, frame and the record to be cut anew, or None for a new face.
        removals: Files that go.
    """

    renames: tuple[tuple[FaceRecord, int], ...]
    cuts: tuple[tuple[FaceTrack, int, FaceRecord | None], ...]
    removals: frozenset[str]


def revise_faces(folder: Path, faceset: Path, before: TrackSet, after: TrackSet, reporter: Reporter) -> FaceChanges:
    """Change aligned faces and thumbnails so that they fit the corrected tracks.

    Args:
        folder: The footage's folder, for the thumbnails.
        faceset: Folder of the aligned faces; without records nothing is cut.
        before: The tracks that the faces were cut for; a face of theirs that has no record stays out.
        after: The corrected tracks.
        reporter: Hears of the progress.

    Raises:
        EngineError: What reading and writing raise.
        StoppedError: When the reporter asks to stop; faces cut so far are kept with their records.
    """
    settings = after.settings
    thumbnails = list(_wanted_thumbnails(folder, before, after))
    if not (faceset / FACESET_FILE).is_file():
        _look(after, [], thumbnails, None, folder, reporter)
        return FaceChanges()
    with FacesetWriter(faceset, settings.face_size, settings.coverage, keep=True) as writer:
        plan = _plan(writer.records, before, after)
        for record, track in plan.renames:
            writer.revise(record, replace(record, track=track))
        cut = _look(after, plan.cuts, thumbnails, writer, folder, reporter)
        writer.remove(plan.removals)
    return FaceChanges(cut, len(plan.renames), len(plan.removals))


def with_measured_quality(tracks: TrackSet, found: TrackSet, faceset: Path) -> TrackSet:
    """Return tracks whose moved faces have the sharpness and exposure that was measured when they were cut.

    Moving a face changes what lies under it; only the cutting sees the picture again.

    Args:
        tracks: Corrected tracks.
        found: The search's own result; faces that lie where it found them keep its figures.
        faceset: Folder of the aligned faces; without records the tracks are returned as they are.

    Raises:
        EngineError: `faceset_unreadable`.
    """
    if not (faceset / FACESET_FILE).is_file():
        return tracks
    measured = {(record.track, record.media_frame): record for record in read_records(faceset).records}

    def renewed(track: FaceTrack) -> FaceTrack:
        sharpness, exposure = track.sharpness.copy(), track.exposure.copy()
        for index, frame in enumerate(track.frames.tolist()):
            record = measured.get((track.id, frame))
            if record is None or track.bridged[index] or not _has_landmarks(track, record):
                continue
            if not any(_has_landmarks(item, record) for item in found.tracks):
                sharpness[index], exposure[index] = record.sharpness, record.exposure
        return replace(track, sharpness=sharpness, exposure=exposure)

    return replace(tracks, tracks=tuple(map(renewed, tracks.tracks)))


def _plan(records: tuple[FaceRecord, ...], before: TrackSet, after: TrackSet) -> _Plan:
    tracks = {track.id: track for track in after.tracks}
    claimed: set[tuple[int, int]] = set()
    renames: list[tuple[FaceRecord, int]] = []
    cuts: list[tuple[FaceTrack, int, FaceRecord | None]] = []
    rest: list[FaceRecord] = []
    for record in records:
        if record.media_frame < 0 or record.landmarks is None:
            continue
        owner = _exact_owner(record, after.tracks)
        if owner is None or (owner, record.media_frame) in claimed:
            rest.append(record)
            continue
        claimed.add((owner, record.media_frame))
        if owner != record.track:
            renames.append((record, owner))
    removals: set[str] = set()
    for record in rest:
        owner = _owner(record, tracks, claimed)
        if owner is None:
            removals.add(record.file)
        else:
            claimed.add((owner, record.media_frame))
            cuts.append((tracks[owner], record.media_frame, record))
    for track in after.tracks:
        cuts += [(track, frame, None) for frame in _new_frames(track, claimed, before, after.settings)]
    return _Plan(tuple(renames), tuple(cuts), frozenset(removals))


def _exact_owner(record: FaceRecord, tracks: tuple[FaceTrack, ...]) -> int | None:
    """Return the track with the very landmarks that the face was cut for, preferably the one it is recorded under."""
    owners = [track.id for track in tracks if _has_landmarks(track, record)]
    return record.track if record.track in owners else next(iter(owners), None)


def _has_landmarks(track: FaceTrack, record: FaceRecord) -> bool:
    index = track.index(record.media_frame)
    return (
        index is not None
        and record.landmarks is not None
        and bool(np.array_equal(track.landmarks[index], record.landmarks))
    )


def _owner(record: FaceRecord, tracks: dict[int, FaceTrack], claimed: set[tuple[int, int]]) -> int | None:
    frame = record.media_frame
    same = tracks.get(record.track)
    if same is not None and same.index(frame) is not None and (same.id, frame) not in claimed:
        return same.id
    box = np.array(record.box)
    near = [track.id for track in tracks.values() if _is_at(track, frame, box) and (track.id, frame) not in claimed]
    return next(iter(near), None)


def _is_at(track: FaceTrack, frame: int, box: NDArray[np.floating]) -> bool:
    index = track.index(frame)
    return index is not None and bool(box_overlap(track.boxes[index], box)[0, 0] > SAME_FACE)


def _new_frames(
    track: FaceTrack, claimed: set[tuple[int, int]], before: TrackSet, settings: ExtractSettings
) -> Iterator[int]:
    """Yield the frames whose faces have to be cut for the first time."""
    for index, frame in enumerate(track.frames.tolist()):
        is_saved = (frame - track.first) % settings.save_every == 0 and not track.bridged[index]
        if not is_saved or (track.id, frame) in claimed:
            continue
        if not any(_is_at(item, frame, track.boxes[index]) for item in before.tracks):
            yield frame


def _wanted_thumbnails(folder: Path, before: TrackSet, after: TrackSet) -> Iterator[tuple[FaceTrack, int]]:
    known = {track.id: track for track in before.tracks}
    for track in after.tracks:
        frame = _best_frame(track)
        old = known.get(track.id)
        index = None if old is None else old.index(frame)
        is_same = (
            old is not None
            and index is not None
            and np.array_equal(old.landmarks[index], track.landmarks[frame - track.first])
        )
        if not is_same or not (folder / thumbnail_name(track.id)).is_file():
            yield track, frame


def _best_frame(track: FaceTrack) -> int:
    turned = np.cos(np.radians(np.clip(track.yaw, -90, 90))) * np.cos(np.radians(np.clip(track.pitch, -90, 90)))
    merit = turned**2 * np.minimum(track.size, 200) * (1 + np.minimum(track.sharpness, 30)) * ~track.bridged
    return int(track.frames[int(np.argmax(merit))])


def _look(
    after: TrackSet,
    cuts: Sequence[tuple[FaceTrack, int, FaceRecord | None]],
    thumbnails: list[tuple[FaceTrack, int]],
    writer: FacesetWriter | None,
    folder: Path,
    reporter: Reporter,
) -> int:
    """Decode the frames of new cuts and thumbnails, each once, and write them; return how many faces were cut."""
    frames = {frame for _, frame, _ in cuts} | {frame for _, frame in thumbnails}
    if not frames:
        return 0
    reporter.stage("cutting", "Cutting corrected faces")
    count = 0
    with FootageReader(after.footage) as reader:
        for done, (frame, image) in enumerate(_readable(reader, frames, reporter), 1):
            for track in (item for item, number in thumbnails if number == frame):
                landmarks = track.landmarks[frame - track.first]
                view = FaceView.around(ArrayPicture(image), landmarks, THUMBNAIL_SIDE, 2.0)
                part = PicturePart.around(view, landmarks, THUMBNAIL_SIDE, 2.0)
                thumbnail = part.align(face_matrix(landmarks, THUMBNAIL_SIDE, 2.0), THUMBNAIL_SIDE)
                write_png(folder / thumbnail_name(track.id), thumbnail)
            for track, _, record in (item for item in cuts if item[1] == frame):
                assert writer is not None
                _cut(writer, image, track, frame, record)
                count += 1
            if reporter.progress(done, len(frames), "frames"):
                raise StoppedError
    return count


def _readable(reader: FootageReader, frames: set[int], reporter: Reporter) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the frames; one that can't be read is named and passed over."""
    rest = sorted(frames)
    while rest:
        try:
            for frame, image in reader.frames(ranges_of(rest)):
                rest = [item for item in rest if item > frame]
                yield frame, image
        except EngineError as error:
            reporter.warning(f"Skipped: {error.message}")
            rest = rest[1:]


def _cut(
    writer: FacesetWriter, image: NDArray[np.uint8], track: FaceTrack, frame: int, known: FaceRecord | None
) -> None:
    size, coverage = writer.size, writer.coverage
    index = frame - track.first
    landmarks = track.landmarks[index]
    matrix = face_matrix(landmarks, size, coverage)
    view = FaceView.around(ArrayPicture(image), landmarks, size, coverage)
    face = FaceCut(
        media_frame=frame,
        track=track.id,
        part=PicturePart.around(view, landmarks, size, coverage),
        image_to_face=matrix,
        landmarks=landmarks,
        score=float(track.scores[index]),
        quality=measure_quality(image, landmarks),
        rotation=0 if known is None else known.rotation,
    )
    aligned, record = face.image(size), face_record(face)
    if known is None:
        writer.add(aligned, replace(record, occlusion=float(track.occlusion[index])))
        return
    kept = replace(record, occlusion=known.occlusion, identity=known.identity, size=known.size, coverage=known.coverage)
    writer.revise(known, kept, aligned)
