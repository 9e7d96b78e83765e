# SPDX-License-Identifier: GPL-3.0-or-later
"""Correcting by hand what a search found: add corrections or take them back, and bring tracks and faces in line."""

from __future__ import annotations

from ..contract.correction_list import load_corrections, with_keys
from ..contract.errors import EngineError, ErrorCode
from ..contract.jobs import CorrectJob
from ..contract.messages import Done
from ..contract.project import Project, ProjectLock
from ..faces.tracks import TrackSet, load_tracks
from ..media.fingerprint import footage_key
from ..runtime.reporter import Reporter
from .footage_faces import StoppedError
from .reapply import Reapplied, known_results, load_found, run_corrections


def correct(job: CorrectJob, reporter: Reporter) -> Done:
    """Change the corrections of a footage and apply all of them to what its search found.

    Returns:
        The last message; `result` has `key`, `footage_folder`, `faceset_folder`, `corrections` (how many there are
        now), `tracks` (ids), `added`, `removed` and `changed` (ids of tracks), `parents` (track cut off -> the one it
        was cut off from), `faces_cut`, `faces_renamed`, `faces_removed`, and `unplaced` (sentences).

    Raises:
        EngineError: `correction_invalid`, when a correction to append can't be placed or there are fewer to take back;
            `tracks_missing`, `project_busy`, or what reading and writing raise. Nothing is changed then.
    """
    project = Project(job.project)
    key = footage_key(job.footage)
    folder, faceset = project.footage(key), project.faceset(key)
    if not folder.is_dir():
        raise EngineError(
            ErrorCode.TRACKS_MISSING,
            f"{job.footage.path.name} has no face tracks in {project.root}.",
            "Extract its faces first.",
        )
    with ProjectLock(project, job.kind):
        found, before = load_found(folder), load_tracks(folder)
        known = () if job.clear else load_corrections(folder)
        if job.undo > len(known):
            raise EngineError(
                ErrorCode.CORRECTION_INVALID,
                f"{job.footage.path.name} has {len(known)} corrections; {job.undo} can't be taken back.",
                f"Take back {len(known)} at most." if known else "There is nothing to take back.",
            )
        appended = with_keys(job.append)
        wanted = with_keys((*known[: len(known) - job.undo], *appended))
        results = known_results(folder, reporter)
        required = [item.key for item in appended]
        try:
            done = run_corrections(folder, faceset, found, before, wanted, results, reporter, required)
        except StoppedError:
            return reporter.done("Stopped; the tracks are as they were.", {"key": key, "footage_folder": str(folder)})
        reporter.artifact("tracks", folder)
        result = {"key": key, "footage_folder": str(folder), "faceset_folder": str(faceset)} | _changes(before, done)
        return reporter.done(_summary(job, result), result)


def _changes(before: TrackSet, done: Reapplied) -> dict[str, object]:
    old = {track.id: track for track in before.tracks}
    new = {track.id: track for track in done.corrected.tracks.tracks}
    both = sorted(old.keys() & new.keys())
    return {
        "corrections": len(done.corrected.corrections),
        "tracks": sorted(new),
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": [number for number in both if not old[number].is_same_as(new[number])],
        "parents": {str(number): parent for number, parent in done.corrected.parents.items()},
        "faces_cut": done.faces.cut,
        "faces_renamed": done.faces.renamed,
        "faces_removed": done.faces.removed,
        "unplaced": list(done.unplaced),
    }


def _summary(job: CorrectJob, result: dict[str, object]) -> str:
    parts = []
    for word in ("added", "removed", "changed"):
        numbers = result[word]
        assert isinstance(numbers, list)
        if numbers:
            parts.append(f"{word} face track{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}")
    text = "; ".join(parts) or "the tracks are as before"
    cut, removed, count = result["faces_cut"], result["faces_removed"], result["corrections"]
    return (
        f"{job.footage.path.name}: {text}. Aligned faces cut: {cut}, removed: {removed}. Corrections in all: {count}."
    )
