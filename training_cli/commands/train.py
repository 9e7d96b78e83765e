# SPDX-License-Identifier: GPL-3.0-or-later
"""`train MODEL --performer ID=FOLDER[:TRACKS] …`: train a model, or train on where it is."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.contract.errors import EngineError
from ...engine.contract.jobs import FacesetPart, TrainingPerformer, TrainJob
from ...engine.contract.messages import Done
from ...engine.contract.performers import performer_id
from ...engine.contract.preview_shot import EVERY_TRACK, PreviewShot
from ...engine.contract.settings import TrainSettings
from ...engine.contract.training_set import load_training_set
from ..arguments import add_settings, settings_from
from ..inputs import footage_of

if TYPE_CHECKING:
    from ...engine.runtime.reporter import Reporter


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="train a model on two or more performers, or train on where it is",
        description="Train a model on the faces of two or more performers. A folder that holds a model is trained "
        "on; stopping it (Ctrl-C) saves first, and s and Enter saves without stopping.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="folder of the model; made when missing")
    parser.add_argument(
        "--performer",
        dest="performers",
        action="append",
        required=True,
        type=performer_faces,
        metavar="ID=FOLDER[:TRACKS]",
        help="a performer and a folder of aligned faces, with the face tracks to use (anna=faces:1,4), or a training "
        "set (anna=trainingset.json); give it once for each performer, and again for more folders of the same one",
    )
    parser.add_argument(
        "--project",
        type=Path,
        metavar="FOLDER",
        help="project folder: locked while training, and where the faces of --preview were extracted to",
    )
    parser.add_argument(
        "--preview",
        dest="previews",
        action="append",
        default=[],
        type=preview_frames,
        metavar="CLIP:FRAMES=ID[/TARGET]",
        help="show frames of extracted footage with this performer's face while training (shot.mp4:0,40=anna); in a "
        "cast of three or more say whose face they show, unless it is trained on these very faces "
        "(shot.mp4:0,40=anna/ben); needs --project; may be repeated",
    )
    parser.add_argument(
        "--show-views",
        type=Path,
        metavar="FILE",
        help="draw what the network would see of each performer into this PNG, and train nothing",
    )
    add_settings(parser, TrainSettings)


def preview_frames(text: str) -> tuple[Path, tuple[int, ...], str, str]:
    """Return footage, media frames, performer and target, empty if not said, of "CLIP:0,40=ID" or "CLIP:0=ID/ID"."""
    match = re.fullmatch(r"(.+):(\d+(?:,\d+)*)=([^=/]+)(?:/([^=/]+))?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not CLIP:FRAMES=ID or CLIP:FRAMES=ID/TARGET")
    try:
        performer, target = performer_id(match[3]), performer_id(match[4]) if match[4] else ""
    except EngineError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return Path(match[1]).expanduser().absolute(), tuple(map(int, match[2].split(","))), performer, target


def performer_faces(text: str) -> tuple[str, FacesetPart]:
    """Return performer id and faces of "ID=FOLDER" or "ID=FOLDER:1,4"; a colon elsewhere belongs to the path."""
    name, equals, place = text.partition("=")
    if not equals or not place:
        raise argparse.ArgumentTypeError(f"{text!r} is not ID=FOLDER or ID=FOLDER:TRACKS")
    tracks = re.search(r":(\d+(?:,\d+)*)$", place)
    folder = place[: tracks.start()] if tracks else place
    try:
        performer = performer_id(name)
    except EngineError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    numbers = tuple(map(int, tracks[1].split(","))) if tracks else ()
    return performer, FacesetPart(Path(folder).expanduser().absolute(), numbers)


def job_from(arguments: argparse.Namespace) -> TrainJob:
    """Return the job that the arguments describe.

    Raises:
        EngineError: `job_invalid`, for fewer than two performers; `faceset_unreadable`, for a damaged training set.
    """
    parts: dict[str, list[FacesetPart]] = {}
    for performer, part in arguments.performers:
        parts.setdefault(performer, []).extend(_parts(part))
    return TrainJob(
        model=arguments.model.expanduser().absolute(),
        performers=tuple(TrainingPerformer(name, tuple(faces)) for name, faces in parts.items()),
        project=arguments.project.expanduser().absolute() if arguments.project else None,
        settings=settings_from(arguments, TrainSettings),
        shots=tuple(
            PreviewShot(
                footage_of(path), frames, ((EVERY_TRACK, performer),), ((EVERY_TRACK, target),) if target else ()
            )
            for path, frames, performer, target in arguments.previews
        ),
    )


def _parts(part: FacesetPart) -> tuple[FacesetPart, ...]:
    is_training_set = part.folder.suffix.lower() == ".json" and not part.folder.is_dir()
    return load_training_set(part.folder).chosen_parts() if is_training_set else (part,)


def can_save(arguments: argparse.Namespace) -> bool:
    """Return whether the run can save before its end and go on: it can unless it only draws."""
    return arguments.show_views is None


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Train, or draw what would be trained on, and return the last message."""
    if arguments.show_views is not None:
        from ...engine.pipelines.training_views import draw_training_views

        return draw_training_views(job_from(arguments), arguments.show_views.expanduser().absolute(), reporter)
    from ...engine.pipelines.train import train

    return train(job_from(arguments), reporter)
