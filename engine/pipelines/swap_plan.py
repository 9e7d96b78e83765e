# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap job asks for, checked against what is there: frames, faces, performers and their consent."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..comp.crop import Watch
from ..comp.stream import PlannedFace
from ..contract.errors import EngineError, ErrorCode
from ..contract.frame_mentions import Remark, mention
from ..contract.jobs import FaceAssignment, SwapJob
from ..contract.performers import Performer
from ..contract.preview_shot import EVERY_TRACK
from ..contract.settings import SwapSettings
from ..contract.timing import FrameRange, merge_ranges
from ..faces.fitness import hidden_frames
from ..faces.hand_paths import REACH
from ..faces.tracks import TrackSet
from .swap_hidden import watches


@dataclass(frozen=True)
class SwapPlan:
    """What will be written.

    Attributes:
        ranges: Media frames of the job, merged; each gets one picture.
        faces: Faces to swap by media frame, far ones first; frames without any are left out.
        warnings: Sentences the user should read.
        hidden: Of each track the frames in which its face is swapped and probably hidden in part.
        aside: Faces by media frame that stay as they are, but are looked at: near faces that are swapped, a hand in
            front of them tells where it is then.
        settings: How to comp; the bit depth is 8 or 16, also where the job leaves it to the footage.
    """

    ranges: tuple[FrameRange, ...]
    faces: dict[int, tuple[PlannedFace, ...]]
    warnings: list[Remark]
    hidden: dict[int, set[int]]
    aside: dict[int, tuple[PlannedFace, ...]]
    settings: SwapSettings

    @property
    def is_watched(self) -> bool:
        """Whether something is looked for in front of any face."""
        return any(face.watch is not Watch.NOTHING for faces in self.faces.values() for face in faces)

    @property
    def frames(self) -> list[int]:
        """All media frames of the job, ascending."""
        return [frame for item in self.ranges for frame in item]


def plan_swap(job: SwapJob, tracks: TrackSet, footage_bits: int) -> SwapPlan:
    """Return which face is swapped in which frame.

    Args:
        job: The job.
        tracks: Face tracks of its footage.
        footage_bits: Bits of each channel of its footage.

    Raises:
        EngineError: `tracks_missing`, when a face track that is assigned isn't there.
    """
    frame_count = tracks.frame_count
    ranges = merge_ranges(job.ranges) if job.ranges else (FrameRange(0, frame_count),)
    roles = _roles(job.assignments, tracks)
    skipped, skipped_faces = set(job.skip_frames), set(job.skip_faces)
    wanted = {frame for item in ranges for frame in item if frame < frame_count} - skipped
    faces: dict[int, list[PlannedFace]] = {}
    hidden: dict[int, set[int]] = {}
    aside: dict[int, list[PlannedFace]] = {}
    for track in tracks.tracks:
        if track.id not in roles:
            continue
        source, target = roles[track.id]
        marks, watched = hidden_frames(track).tolist(), watches(track, job.settings, tracks.tracks)
        is_swapped = [frame in wanted and (frame, track.id) not in skipped_faces for frame in track.frames.tolist()]
        is_aside = _is_aside(track.frames, is_swapped, [watch is not Watch.NOTHING for watch in watched])
        for index, (frame, landmarks) in enumerate(zip(track.frames.tolist(), track.landmarks, strict=True)):
            if is_swapped[index] or is_aside[index]:
                face = PlannedFace(track.id, source, landmarks, target, watched[index])
                (faces if is_swapped[index] else aside).setdefault(frame, []).append(face)
            if is_swapped[index] and marks[index]:
                hidden.setdefault(track.id, set()).add(frame)
    ordered = {frame: tuple(sorted(found, key=_face_size)) for frame, found in sorted(faces.items())}
    warnings = _range_warnings(ranges, tracks, frame_count) + _empty_warnings(job, ordered)
    kept = {frame: tuple(found) for frame, found in aside.items()}
    return SwapPlan(ranges, ordered, warnings, hidden, kept, job.settings.for_footage(footage_bits))


def _is_aside(frames: np.ndarray, swapped: Sequence[bool], watched: Sequence[bool]) -> np.ndarray:
    """Return which watched frames of a track stay as they are, but lie near such that are swapped; shape (n,), bool."""
    is_swapped, is_watched = np.array(swapped, bool), np.array(watched, bool)
    near = (frames[is_swapped & is_watched, None] + np.arange(-REACH, REACH + 1)).ravel()
    return np.isin(frames, near) & is_watched & ~is_swapped


def _roles(assignments: Sequence[FaceAssignment], tracks: TrackSet) -> dict[int, tuple[str, str]]:
    """Return who appears on each track that is swapped, and whose face that is."""
    ids = [track.id for track in tracks.tracks]
    missing = sorted({item.track for item in assignments} - {EVERY_TRACK, *ids})
    if missing:
        known = ", ".join(map(str, ids)) or "none"
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"The face track {missing[0]} isn't in {tracks.footage.path.name}; found there: {known}.",
            "Assign the faces again; extracting a shot anew can number them differently.",
        )
    general = {item.track: (item.source, item.target) for item in assignments}
    return {
        number: general.get(number, general.get(EVERY_TRACK, ("", "")))
        for number in ids
        if number in general or EVERY_TRACK in general
    }


def _face_size(face: PlannedFace) -> float:
    return float(np.ptp(face.landmarks[:, 0]) * np.ptp(face.landmarks[:, 1]))


def _range_warnings(ranges: Sequence[FrameRange], tracks: TrackSet, frame_count: int) -> list[Remark]:
    warnings = []
    frames = {frame for item in ranges for frame in item}
    beyond = sorted(frame for frame in frames if frame >= frame_count)
    if beyond:
        where = mention(beyond)
        count = f"{frame_count} frame{'' if frame_count == 1 else 's'}"
        text = f"The footage has {count}; the pictures of {where.words} are empty."
        warnings.append(Remark(text, (where,)))
    if tracks.ranges:
        searched = {frame for item in tracks.ranges for frame in item}
        unsearched = sorted(frames - searched - set(beyond))
        if unsearched:
            where = mention(unsearched)
            text = f"In {where.words} faces were not searched, so the pictures are empty; extract them."
            warnings.append(Remark(text, (where,)))
    return warnings


def _empty_warnings(job: SwapJob, faces: Mapping[int, object]) -> list[Remark]:
    text = f"No assigned face is in these frames of {job.footage.path.name}; all pictures are empty."
    return [] if faces else [Remark(text)]


def check_performers(job: SwapJob, performers: Sequence[str]) -> None:
    """Check that the model, which knows `performers`, knows who shall appear.

    Raises:
        EngineError: `performer_unknown`, naming the model's performers.
    """
    for item in job.assignments:
        if item.source not in performers:
            raise EngineError(
                ErrorCode.PERFORMER_UNKNOWN,
                f"The model {job.model.name} doesn't know the performer {item.source}; "
                f"it was trained on {', '.join(performers)}.",
                "Choose one of them, or train a model with this performer.",
            )


def assignment_notes(
    assignments: Sequence[FaceAssignment], performers: Mapping[str, Performer], today: datetime.date
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the assignments with the state of consent, and a warning for each consent that doesn't hold.

    Args:
        assignments: Who appears on which face.
        performers: Performers of the project by id.
        today: The day of the swap.

    Returns:
        Entries with `track`, `source`, `target`, `consent` (the worse of both: given, expired or missing),
        `source_consent` and `target_consent`; and sentences.
    """
    entries, warnings = [], []
    for item in assignments:
        states = [_consent(performers.get(person), today) for person in (item.source, item.target)]
        worse = max(states, key=("given", "expired", "missing").index)
        entries.append({
            "track": item.track, "source": item.source, "target": item.target,
            "consent": worse, "source_consent": states[0], "target_consent": states[1],
        })  # fmt: skip
        warnings += [
            _consent_warning(person, performers.get(person), state)
            for person, state in zip((item.source, item.target), states, strict=True)
            if state != "given"
        ]
    return entries, list(dict.fromkeys(warnings))


def _consent(performer: Performer | None, today: datetime.date) -> str:
    return "missing" if performer is None else performer.consent.state(today)


def _consent_warning(person: str, performer: Performer | None, state: str) -> str:
    if not person:
        return "The performer whose face is replaced is not named, so no consent is on record."
    name = performer.name if performer is not None else person
    if state == "expired" and performer is not None:
        return f"The consent of {name} expired on {performer.consent.valid_until}."
    return f"No consent of {name} is on record."
