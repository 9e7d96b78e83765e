# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping the search's own result beside the corrected one, and applying corrections to it again.

`tracks.npz` and `footage.json` are what everybody reads; while there are corrections, they hold the corrected tracks,
and `found.npz` and `found.json` hold what the search gave. Corrections always start from those.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..contract.correction_list import describe, load_corrections, save_corrections, with_keys
from ..contract.corrections import AnyCorrection, DeleteFrames
from ..contract.errors import EngineError
from ..contract.files import writing_error
from ..contract.frame_mentions import FrameMention, Remark, mention
from ..contract.project import CORRECTIONS_FILE, FOUND_FOOTAGE_FILE, FOUND_TRACKS_FILE
from ..faces.corrections import Corrected, apply_corrections
from ..faces.face_paths import CorrectionResults, load_results, save_results
from ..faces.fitness import save_fitness
from ..faces.tracks import TrackSet, load_tracks, save_tracks, thumbnail_name
from ..runtime.reporter import Reporter
from .face_revision import FaceChanges, revise_faces, with_measured_quality
from .footage_faces import FootageFaces, StoppedError


@dataclass(frozen=True, eq=False)
class Reapplied:
    """A footage after its corrections were applied.

    Attributes:
        corrected: Tracks and list.
        faces: What became of the aligned faces.
        unplaced: A sentence for each correction that could not be placed.
    """

    corrected: Corrected
    faces: FaceChanges
    unplaced: tuple[str, ...]


def load_found(folder: Path) -> TrackSet:
    """Read the search's own result, without corrections.

    Raises:
        EngineError: `tracks_missing`, naming the file that is missing or damaged.
    """
    if (folder / FOUND_FOOTAGE_FILE).exists():
        return load_tracks(folder, FOUND_TRACKS_FILE, FOUND_FOOTAGE_FILE)
    return load_tracks(folder)


def save_found(folder: Path, found: TrackSet) -> None:
    """Write a search's result where it belongs: with corrections beside the corrected tracks.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    if (folder / CORRECTIONS_FILE).exists():
        save_tracks(folder, found, FOUND_TRACKS_FILE, FOUND_FOOTAGE_FILE)
    else:
        save_tracks(folder, found)
        save_fitness(folder, found)
        _forget_found(folder)


def _forget_found(folder: Path) -> None:
    for name in (FOUND_FOOTAGE_FILE, FOUND_TRACKS_FILE):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise writing_error(folder / name, error) from error


def reapply_corrections(folder: Path, faceset: Path, found: TrackSet, reporter: Reporter) -> TrackSet:
    """Apply a footage's corrections to a new search's result; what can't be placed is kept, and warned of.

    Args:
        folder: The footage's folder.
        faceset: Folder of its aligned faces, cut for `found` by now.
        found: The search's own result, already saved by `save_found`.
        reporter: Hears of progress and warnings.

    Returns:
        The corrected tracks, saved; `found` where there are no corrections.

    Raises:
        EngineError: What reading and writing raise.
    """
    try:
        corrections = load_corrections(folder)
    except EngineError as error:
        # A long search must not be lost for a damaged list.
        reporter.warning(f"{error} The tracks are left as found.")
        save_tracks(folder, found)
        save_fitness(folder, found)
        return found
    if not corrections:
        return found
    results = known_results(folder, reporter)
    try:
        done = run_corrections(folder, faceset, found, found, with_keys(corrections), results, reporter)
    except StoppedError:
        # The tracks at least: without looking at the footage, as far as stored results reach.
        corrected = apply_corrections(found, with_keys(corrections), results)
        save_corrected(folder, found, corrected)
        reporter.warning("Stopped: corrected faces are cut when corrections are applied the next time.")
        return corrected.tracks
    return done.corrected.tracks


def run_corrections(
    folder: Path,
    faceset: Path,
    found: TrackSet,
    before: TrackSet,
    corrections: Sequence[AnyCorrection],
    results: CorrectionResults,
    reporter: Reporter,
    required: Collection[str] = (),
) -> Reapplied:
    """Apply corrections to a search's result, cut the faces that changed, and save everything.

    Args:
        folder: The footage's folder.
        faceset: Folder of its aligned faces.
        found: The search's own result.
        before: The tracks that the aligned faces were cut for.
        corrections: The whole list, each with a key.
        results: What applying them gave before.
        reporter: Hears of progress and warnings.
        required: Keys of corrections that must be placed.

    Raises:
        EngineError: Of the first required correction that can't be placed, or what reading and writing raise; then
            tracks and list stay as they were.
        StoppedError: When the reporter asks to stop; likewise.
    """
    with FootageFaces(found, reporter) as finder:
        corrected = apply_corrections(found, corrections, results, finder)
    for key in required:
        if key in corrected.problems:
            raise corrected.problems[key]
    unplaced = tuple(_remark(item, corrected) for item in corrected.corrections if item.key in corrected.problems)
    for remark in unplaced:
        reporter.warning(remark.text, remark.frames)
    faces = revise_faces(folder, faceset, before, corrected.tracks, reporter)
    corrected = replace(corrected, tracks=with_measured_quality(corrected.tracks, found, faceset))
    save_corrected(folder, found, corrected)
    return Reapplied(corrected, faces, tuple(remark.text for remark in unplaced))


def _remark(item: AnyCorrection, corrected: Corrected) -> Remark:
    problem = corrected.problems[item.key]
    text = f"A correction could not be placed ({describe(item)}): {problem.message} It is kept."
    return Remark(text, (*problem.frames, *_named(item)))


def _named(item: AnyCorrection) -> tuple[FrameMention, ...]:
    """Return the frames that `describe` names."""
    if isinstance(item, DeleteFrames):
        return (FrameMention(f"frames {item.start} to {item.end - 1}", ((item.start, item.end),)),)
    frame = getattr(item, "frame", None)
    return () if frame is None else (mention([frame]),)


def save_corrected(folder: Path, found: TrackSet, corrected: Corrected) -> None:
    """Write corrected tracks, list and results; without corrections the search's own result takes their place."""
    if corrected.corrections:
        save_tracks(folder, found, FOUND_TRACKS_FILE, FOUND_FOOTAGE_FILE)
        save_results(folder, corrected.results)
        save_corrections(folder, corrected.corrections)
        save_tracks(folder, corrected.tracks)
        save_fitness(folder, corrected.tracks)
        _forget_thumbnails(folder, found, corrected.tracks)
        return
    save_tracks(folder, found)
    save_fitness(folder, found)
    save_corrections(folder, ())
    save_results(folder, CorrectionResults())
    _forget_found(folder)
    _forget_thumbnails(folder, found, corrected.tracks)


def _forget_thumbnails(folder: Path, found: TrackSet, corrected: TrackSet) -> None:
    """Delete thumbnails of tracks that there aren't any more; those of found tracks stay for an undo."""
    wanted = {thumbnail_name(track.id) for track in (*found.tracks, *corrected.tracks)}
    for path in folder.glob("t*.png"):
        if path.name not in wanted:
            path.unlink(missing_ok=True)


def known_results(folder: Path, reporter: Reporter) -> CorrectionResults:
    """Return the stored results of a footage's corrections; damaged ones are made anew."""
    try:
        return load_results(folder)
    except EngineError as error:
        reporter.warning(f"{error.message} Corrections are worked out anew.")
        return CorrectionResults()
