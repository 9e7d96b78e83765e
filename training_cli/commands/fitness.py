# SPDX-License-Identifier: GPL-3.0-or-later
"""`fitness PROJECT FOOTAGE`: how fit the face tracks of a footage are for a swap, and where not."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.contract.fitness import ShotFitness
from ...engine.contract.messages import Done
from ...engine.contract.project import Project
from ...engine.contract.steadiness import steadiness_sentence
from ..arguments import frame_range
from ..inputs import extracted_folder, frames_in_ranges

if TYPE_CHECKING:
    from ...engine.contract.timing import FrameRange
    from ...engine.faces.tracks import TrackSet
    from ...engine.runtime.reporter import Reporter

_RANGES_SHOWN = 5


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "fitness",
        help="say how fit the face tracks of a footage are for a swap, and where not",
        description="Say in how many frames each face track of an extracted footage is fit for a swap, and name the "
        "worst ranges with their reasons: turned away, small, blurred, dark, too bright, hidden, hard to make out, not "
        "found. Every extraction keeps the same beside the tracks, as fitness.json and as heat strips.",
    )
    parser.add_argument("project", type=Path, help="project folder")
    parser.add_argument(
        "footage", help="movie file, folder of pictures, or the name of the footage's folder in the project"
    )
    parser.add_argument("--track", type=int, metavar="N", help="this face track only")
    parser.add_argument(
        "--ranges",
        type=frame_range,
        nargs="+",
        default=[],
        metavar="A-B",
        help="frames to judge, both ends included (default: all)",
    )
    parser.add_argument(
        "--strips", type=Path, metavar="DIR", help="also write the heat strips into this folder: blue fit, orange not"
    )


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Judge the tracks and return the last message."""
    from ...engine.faces.fitness import track_fitness, write_strips
    from ...engine.faces.tracks import load_tracks

    found = load_tracks(extracted_folder(Project(arguments.project), arguments.footage))
    tracks = [found.track(arguments.track)] if arguments.track is not None else found.tracks
    fitness = [track_fitness(track) for track in tracks]
    frames = _frames(arguments.ranges, found)
    worth = {item.track: item.judge(frames) for item in fitness}
    result: dict[str, Any] = {
        "key": found.key,
        "steadiness": found.steadiness,
        "fitness": [{"track": track, **item.to_json()} for track, item in worth.items()],
    }
    if arguments.strips is not None:
        write_strips(arguments.strips, fitness)
        result["strips"] = str(arguments.strips)
    return reporter.done("\n".join(_lines(found, worth)), result)


def _frames(ranges: list[FrameRange], found: TrackSet) -> list[tuple[int, int]] | None:
    if not ranges:
        return None
    wanted = frames_in_ranges(found.footage, ranges, found.frame_count)
    return [(frame, frame) for item in wanted for frame in item]


def _lines(found: TrackSet, worth: dict[int, ShotFitness]) -> Iterable[str]:
    if not worth:
        yield f"{found.footage.path.name} has no face tracks."
    for track, item in worth.items():
        yield f"Face {track}: {item.sentence}"
        for weak in item.ranges[:_RANGES_SHOWN]:
            yield f"  {weak.sentence}"
        if len(item.ranges) > _RANGES_SHOWN:
            yield f"  and {len(item.ranges) - _RANGES_SHOWN} more ranges"
    steadiness = steadiness_sentence(found.steadiness)
    if steadiness:
        yield steadiness
