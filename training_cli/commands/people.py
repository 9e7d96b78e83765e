# SPDX-License-Identifier: GPL-3.0-or-later
"""`people --project P`: who is who over all footage of a project, and where else its performers are."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.contract.errors import EngineError
from ...engine.contract.messages import Done
from ...engine.contract.people import People, Person, TrackName, load_people
from ...engine.contract.people_job import KnownPerformer, PeopleJob
from ...engine.contract.performers import performer_id
from ...engine.contract.project import Project
from ...engine.contract.settings import PeopleSettings
from ...engine.runtime.reporter import PartReporter
from ..arguments import add_settings, settings_from

if TYPE_CHECKING:
    from ...engine.runtime.reporter import Reporter


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "people",
        help="group the faces of all footage into people, and find performers in it",
        description="Group the face tracks of a project's footage into people, say who merely looks alike, and find "
        "the other tracks of performers. Nothing is assigned; the answer is printed and kept in people.json.",
    )
    parser.add_argument("--project", type=Path, required=True, metavar="DIR", help="project folder")
    parser.add_argument(
        "--footage",
        action="append",
        default=[],
        metavar="KEY",
        help="look through this footage only; give it once for each (default: all of the project)",
    )
    for option, name, kind, metavar, text in _SAID:
        parser.add_argument(
            option, dest=name, action="append", default=[], type=kind, metavar=metavar, help=f"{text}; may be repeated"
        )
    add_settings(parser, PeopleSettings)


def performer_tracks(text: str) -> tuple[str, tuple[TrackName, ...]]:
    """Return performer id and tracks of "anna=clip-12ab:1,4"."""
    name, place = _split(text)
    match = re.fullmatch(r"(.+):(\d+(?:,\d+)*)", place)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not ID=KEY:TRACKS")
    return name, tuple(TrackName(match[1], int(number)) for number in match[2].split(","))


def performer_picture(text: str) -> tuple[str, tuple[Path, ...]]:
    """Return performer id and picture of "anna=anna.png"."""
    name, place = _split(text)
    return name, (Path(place).expanduser().absolute(),)


def _split(text: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    if not equals or not place:
        raise argparse.ArgumentTypeError(f"{text!r} names no performer; write ID=…")
    try:
        return performer_id(name), place
    except EngineError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


# What can be said about a performer: option, field of `KnownPerformer`, reader, form and help.
_SAID: tuple[tuple[str, str, Callable[[str], Any], str, str], ...] = (
    ("--assign", "tracks", performer_tracks, "ID=KEY:TRACKS", "face tracks that show a performer (anna=clip-12ab:1,4)"),
    ("--exclude", "others", performer_tracks, "ID=KEY:TRACKS", "face tracks that look like a performer but aren't"),
    ("--reference", "references", performer_picture, "ID=PICTURE", "a picture of a performer"),
    ("--reject", "rejects", performer_picture, "ID=PICTURE", "a picture of somebody who isn't the performer"),
)


def job_from(arguments: argparse.Namespace) -> PeopleJob:
    """Return the job that the arguments describe.

    Raises:
        EngineError: `job_invalid`, for a track that is assigned twice.
    """
    parts = [name for _, name, *_ in _SAID]
    known: dict[str, dict[str, list[Any]]] = {}
    for part in parts:
        for performer, items in getattr(arguments, part):
            known.setdefault(performer, {name: [] for name in parts})[part].extend(items)
    return PeopleJob(
        project=arguments.project.expanduser().absolute(),
        performers=tuple(
            KnownPerformer(performer, **{name: tuple(dict.fromkeys(items)) for name, items in lists.items()})
            for performer, lists in known.items()
        ),
        footage=tuple(arguments.footage),
        settings=settings_from(arguments, PeopleSettings),
    )


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Find the people, and return the last message with all of them in words and in its result."""
    from ...engine.pipelines.people import people

    job = job_from(arguments)
    done = people(job, PartReporter(reporter))
    if done.stopped:
        return reporter.done(done.summary, done.result)
    found = load_people(Project(job.project).people)
    return reporter.done("\n".join([done.summary, *in_words(found)]), {**done.result, "who": found.to_json()})


def in_words(found: People) -> list[str]:
    """Return who is who, one line for each thing to know."""
    settings = found.settings
    lines = [
        f"Tracks up to {settings.threshold:.2f} apart are the same person, up to {settings.limit:.2f} perhaps.",
        *(line for person in found.people for line in _person(person)),
    ]
    for pair in found.look_alikes:
        ending = "but they are two: seen together, or said to be" if pair.is_apart else "perhaps the same?"
        lines.append(f"Person {pair.first} and person {pair.second} look alike ({pair.distance:.2f}), {ending}")
    for item in found.suggestions:
        distance = "" if item.distance is None else f" {item.distance:.2f}"
        reason = f": {item.reason}" if item.reason else ""
        verdict = "sure" if item.is_sure else "perhaps"
        lines.append(f"{item.performer}: {verdict}{distance}  {item.name}{reason}")
    for item in found.contested:
        who = " or ".join(f"{performer} ({distance:.2f})" for performer, distance in item.candidates)
        lines.append(f"{item.name} could be {who}; say who it is")
    lines += [f"{item.name} isn't suggested for {item.performer}: {item.reason}" for item in found.left_out]
    lines += [f"{name} has no identity; extract its footage again" for name in found.unmeasured]
    return lines


def _person(person: Person) -> list[str]:
    name = f"Person {person.id}" + (f" ({person.performer})" if person.performer else "")
    lines = [f"{name}, spread {person.spread:.2f}:" if len(person.members) > 1 else f"{name}:"]
    for member in person.members:
        line = f"  {member.name}"
        if len(person.members) > 1:
            line += f"  {member.distance:.2f} from the others"
        if member.other_distance is not None:
            line += f", {member.other_distance:.2f} from person {member.other}"
        lines.append(line)
    return lines
