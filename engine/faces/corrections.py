# SPDX-License-Identifier: GPL-3.0-or-later
"""Corrections by hand on top of what a search found: the whole list is applied, one after the other.

Arithmetic only. The two kinds that need pictures, `Realign` and `AddFace`, ask a `FaceFinder` for them, and only when
nothing valid is stored of an earlier time. The same list on the same tracks gives the same result, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..contract.corrections import (
    AddFace,
    Anchor,
    AnyCorrection,
    DeleteFrames,
    DeleteTrack,
    KeepFound,
    KeyFrameCorrection,
    MergeTracks,
    MoveFace,
    Realign,
    SetBox,
    SetLandmarks,
    SplitTrack,
)
from ..contract.errors import EngineError
from ..contract.frame_mentions import mention
from .correction_places import (
    anchor_of,
    check_place,
    find_track,
    free_part,
    invalid,
    joining_order,
    require_frame,
    track_at,
)
from .edited_track import EditedTrack, track_of_path
from .face_offsets import NO_OFFSET, Key, Keys, corrected_landmarks, offset_between
from .face_paths import CorrectionResults, FaceFinder, FacePath
from .tracks import TrackSet, steadiness_of

FIRST_MADE_TRACK = 1001
"""Tracks that corrections make are numbered from here on, so that no later search gives a face the same number."""


@dataclass(frozen=True, eq=False)
class Corrected:
    """What a list of corrections made of a search's result.

    Attributes:
        tracks: The corrected face tracks.
        corrections: The list, with anchors and the numbers of new tracks filled in.
        results: What to store, so that the next time nobody has to decode.
        problems: Why some corrections could not be placed, by key.
        parents: For each track that was cut off another one, the number of that one.
    """

    tracks: TrackSet
    corrections: tuple[AnyCorrection, ...]
    results: CorrectionResults
    problems: Mapping[str, EngineError]
    parents: Mapping[int, int]


def apply_corrections(
    found: TrackSet,
    corrections: Sequence[AnyCorrection],
    results: CorrectionResults,
    finder: FaceFinder | None = None,
) -> Corrected:
    """Return a search's result with corrections; what can't be placed is left out and reported.

    Args:
        found: The search's own result.
        corrections: In their order, each with a key.
        results: What applying them gave before.
        finder: Looks at the footage; None takes stored results whether or not they are still valid.
    """
    run = _Application(found, corrections, results, finder)
    done, problems = [], {}
    for item in corrections:
        try:
            done.append(run.apply(item))
        except EngineError as error:
            problems[item.key] = error
            done.append(item)
    # Tracks that nobody touched stay the very same.
    tracks = tuple(run.tracks[number].finished() for number in sorted(run.tracks))
    keys = {item.key for item in done}
    kept = CorrectionResults(
        {key: value for key, value in run.targets.items() if key in keys},
        {key: value for key, value in run.paths.items() if key in keys},
    )
    corrected = replace(found, tracks=tracks, steadiness=steadiness_of(tracks))
    return Corrected(corrected, tuple(done), kept, problems, run.parents)


class _Application:
    """The tracks while corrections are applied one after the other; a correction that fails changes nothing."""

    def __init__(
        self,
        found: TrackSet,
        corrections: Sequence[AnyCorrection],
        results: CorrectionResults,
        finder: FaceFinder | None,
    ) -> None:
        self.tracks = {track.id: EditedTrack(track) for track in found.tracks}
        self.targets = dict(results.targets)
        self.paths = dict(results.paths)
        self.parents: dict[int, int] = {}
        self._found = found
        self._finder = finder
        self._taken = {track.id for track in found.tracks}
        self._promised = {getattr(item, "new_track", 0) for item in corrections}

    def apply(self, correction: AnyCorrection) -> AnyCorrection:
        """Apply one correction and return it with its anchor."""
        return _APPLY[type(correction)](self, correction)

    def key_frame(self, correction: KeyFrameCorrection) -> AnyCorrection:
        frame = correction.frame
        track = self._track(correction.track, correction.anchor)
        require_frame(track, frame)
        if isinstance(correction, KeepFound):
            key = Key(NO_OFFSET, correction.reach)
        else:
            target = self.targets.get(correction.key)
            if target is None:
                target = corrected_landmarks(track.shown(frame), correction)
            check_place(target, self._found, frame)
            key = Key(offset_between(track.found(frame), target), correction.reach, target)
            self.targets[correction.key] = target
        self.tracks[track.id] = track.with_key(frame, key)
        return replace(correction, anchor=correction.anchor or anchor_of(track, frame))

    def realign(self, correction: Realign) -> AnyCorrection:
        track = self._track(correction.track, correction.anchor)
        require_frame(track, correction.frame)
        stored = self.paths.get(correction.key)
        start = track.shown(correction.frame) if stored is None else stored.start_landmarks
        path = self._follow(correction.key, correction.frame, start, backwards=False)
        path = free_part(path, self._others(track.id))
        self.tracks[track.id] = track.followed(path, self._strength)
        return replace(correction, anchor=correction.anchor or anchor_of(track, correction.frame))

    def add(self, correction: AddFace) -> AnyCorrection:
        frame, stored = correction.frame, self.paths.get(correction.key)
        if not any(frame in item for item in self._found.ranges):
            raise invalid(
                f"Frame {frame} of {self._found.footage.path.name} was not searched.", "Extract this frame first."
            )
        if stored is not None:
            start = stored.start_landmarks
        elif correction.landmarks is not None:
            start = np.array(correction.landmarks, dtype=np.float32)
        else:
            start = self._pictures().fit(frame, correction.box)
        check_place(start, self._found, frame)
        known = track_at(self.tracks.values(), frame, start)
        if known is not None:
            text = f"The face in frame {frame} is face track {known.id} already."
            raise invalid(text, "Correct that track instead.", [mention([frame])])
        path = self._follow(correction.key, frame, start, backwards=True)
        path = free_part(path, self._others(None))
        number = self._new_number(correction.new_track)
        track = track_of_path(path, number, self._strength, path.identity)
        self.tracks[number] = EditedTrack(track, Keys({frame: Key(NO_OFFSET)}))
        return replace(correction, new_track=number, anchor=correction.anchor or anchor_of(self.tracks[number], frame))

    def split(self, correction: SplitTrack) -> AnyCorrection:
        track, frame = self._track(correction.track, correction.anchor), correction.frame
        require_frame(track, frame)
        if frame == track.base.first:
            raise invalid(
                f"Face track {track.id} begins in frame {frame}; there is nothing to split off before it.",
                "Choose a later frame.",
                [mention([frame])],
            )
        number = self._new_number(correction.new_track)
        self.tracks[track.id] = track.cut(track.base.first, frame - 1, track.id)
        self._add_part(track.cut(frame, track.base.last, number), track.id)
        return replace(correction, new_track=number, anchor=correction.anchor or anchor_of(track, frame))

    def merge(self, correction: MergeTracks) -> AnyCorrection:
        first = self._track(correction.first, correction.anchor)
        second = self._track(correction.second, correction.second_anchor)
        filled = replace(
            correction,
            anchor=correction.anchor or anchor_of(first),
            second_anchor=correction.second_anchor or anchor_of(second),
        )
        # A later search may have found the two as one.
        if first.id != second.id:
            parts = joining_order(first, second, float(self._found.rate))
            whole = parts[0]
            for part in parts[1:]:
                whole = whole.joined(part, self._strength)
            del self.tracks[second.id]
            self.tracks[first.id] = whole.cut(whole.base.first, whole.base.last, first.id)
        return filled

    def delete_track(self, correction: DeleteTrack) -> AnyCorrection:
        track = self._track(correction.track, correction.anchor)
        del self.tracks[track.id]
        return replace(correction, anchor=correction.anchor or anchor_of(track))

    def delete_frames(self, correction: DeleteFrames) -> AnyCorrection:
        track = self._track(correction.track, correction.anchor)
        first, last = track.base.first, track.base.last
        start, end = max(correction.start, first), min(correction.end, last + 1)
        if end <= start:
            require_frame(track, correction.start)
        parts = [(first, start - 1)] if start > first else []
        parts += [(end, last)] if end <= last else []
        # The anchor lies in the part that keeps the number, so that it also does when more is searched.
        anchor = correction.anchor or anchor_of(track, sum(parts[0]) // 2 if parts else start)
        filled = replace(correction, anchor=anchor)
        keeper = next((part for part in parts if part[0] <= anchor.frame <= part[1]), parts[0] if parts else None)
        del self.tracks[track.id]
        for part in parts:
            if part == keeper:
                self.tracks[track.id] = track.cut(*part, track.id)
            else:
                new = self._new_number(correction.new_track)
                filled = replace(filled, new_track=new)
                self._add_part(track.cut(*part, new), track.id)
        return filled

    @property
    def _strength(self) -> float:
        return self._found.settings.smoothing

    def _track(self, number: int, anchor: Anchor | None) -> EditedTrack:
        return find_track(self.tracks, number, anchor, self._found.footage.path.name)

    def _others(self, number: int | None) -> list[EditedTrack]:
        return [track for track in self.tracks.values() if track.id != number]

    def _add_part(self, track: EditedTrack, parent: int) -> None:
        self.tracks[track.id] = track
        self.parents[track.id] = parent

    def _new_number(self, wanted: int) -> int:
        if wanted and wanted not in self._taken:
            number = wanted
        else:
            number = max(FIRST_MADE_TRACK - 1, *self._taken, *self._promised) + 1
        self._taken.add(number)
        return number

    def _pictures(self) -> FaceFinder:
        if self._finder is None:
            raise invalid("A face can't be followed before the footage is looked at again.", "Apply corrections again.")
        return self._finder

    def _follow(self, key: str, frame: int, start: Any, backwards: bool) -> FacePath:
        stored = self.paths.get(key)
        if stored is None or (self._finder is not None and not self._finder.is_valid(stored)):
            stored = self.paths[key] = self._pictures().follow(frame, start, backwards)
        return stored


_APPLY: dict[type, Callable[[_Application, Any], AnyCorrection]] = {
    MoveFace: _Application.key_frame,
    SetLandmarks: _Application.key_frame,
    SetBox: _Application.key_frame,
    KeepFound: _Application.key_frame,
    Realign: _Application.realign,
    AddFace: _Application.add,
    SplitTrack: _Application.split,
    MergeTracks: _Application.merge,
    DeleteTrack: _Application.delete_track,
    DeleteFrames: _Application.delete_frames,
}
