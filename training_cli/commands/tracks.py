# SPDX-License-Identifier: GPL-3.0-or-later
"""`tracks ACTION PROJECT FOOTAGE`: look at the face tracks of a footage and correct them by hand."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.contract.correction_list import describe, load_corrections
from ...engine.contract.corrections import (
    DEFAULT_REACH,
    AddFace,
    AnyCorrection,
    DeleteFrames,
    DeleteTrack,
    KeepFound,
    MergeTracks,
    MoveFace,
    Realign,
    SetBox,
    SetLandmarks,
    SplitTrack,
)
from ...engine.contract.errors import EngineError, ErrorCode
from ...engine.contract.jobs import CorrectJob
from ...engine.contract.messages import Done
from ...engine.contract.project import Project
from ...engine.contract.timing import Footage
from ..arguments import OPEN_END, frame_range
from ..inputs import extracted_folder, footage_folder, footage_of

if TYPE_CHECKING:
    from ...engine.faces.tracks import FaceTrack, TrackSet
    from ...engine.runtime.reporter import Reporter

_TRACK = {"type": int, "metavar": "TRACK", "help": "number of the face track"}
_FRAME = {"type": int, "metavar": "FRAME", "help": "media frame, 0 is the first"}
_BOX = {"type": float, "nargs": 4, "metavar": ("LEFT", "TOP", "RIGHT", "BOTTOM"), "help": "box in pixels"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "tracks",
        help="look at the face tracks of a footage and correct them by hand",
        description="Look at the face tracks of a footage and correct them by hand. Corrections are kept beside the "
        "search's own result and applied again when the footage is searched again.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _action(actions, "list", "list the face tracks")
    show = _action(actions, "show", "show where a face is, frame by frame; with --json the landmarks too")
    show.add_argument("track", **_TRACK)
    show.add_argument("--frames", type=frame_range, default=None, metavar="A-B", help="only these frames")
    _action(actions, "corrections", "list the corrections in their order")
    _add_key_frames(actions)
    realign = _action(actions, "realign", "follow a face anew from a frame on, starting where it was corrected to")
    realign.add_argument("track", **_TRACK)
    realign.add_argument("frame", **_FRAME)
    add = _action(actions, "add", "add a face by hand and follow it forwards and backwards until it is lost")
    add.add_argument("frame", **_FRAME)
    add.add_argument("--box", **_BOX, required=True)
    split = _action(actions, "split", "end a face track before a frame; what follows becomes a new one")
    split.add_argument("track", **_TRACK)
    split.add_argument("frame", **_FRAME)
    merge = _action(actions, "merge", "make one of two face tracks of the same face")
    merge.add_argument("first", type=int, metavar="FIRST", help="number of the face track that goes on")
    merge.add_argument("second", type=int, metavar="SECOND", help="number of the face track that joins it")
    delete = _action(actions, "delete", "delete a face track, or some frames of it")
    delete.add_argument("track", **_TRACK)
    delete.add_argument("--frames", type=frame_range, default=None, metavar="A-B", help="only these frames")
    undo = _action(actions, "undo", "take the last correction back")
    undo.add_argument("--count", type=int, default=1, metavar="N", help="how many (default: 1)")
    _action(actions, "clear", "take all corrections back")
    _action(actions, "apply", "apply corrections that a script wrote into the file")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text)
    parser.add_argument("project", type=Path, metavar="PROJECT", help="project folder")
    parser.add_argument(
        "footage", type=Path, metavar="FOOTAGE", help="movie or folder of pictures, or its key in the project"
    )
    return parser


def _add_key_frames(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    move = _action(actions, "move", "move, scale and turn a face in a frame; between such frames it is interpolated")
    box = _action(actions, "box", "set the box of a face in a frame")
    landmarks = _action(actions, "landmarks", "set the landmarks of a face in a frame")
    keep = _action(actions, "keep", "keep a frame as it was found; corrections before and after end there")
    for parser in (move, box, landmarks, keep):
        parser.add_argument("track", **_TRACK)
        parser.add_argument("frame", **_FRAME)
        end = parser.add_mutually_exclusive_group()
        end.add_argument(
            "--reach",
            type=int,
            default=DEFAULT_REACH,
            metavar="FRAMES",
            help="over how many frames it fades out beyond the first and the last corrected frame; 0 changes this "
            f"frame only (default: {DEFAULT_REACH})",
        )
        end.add_argument("--hold", action="store_true", help="hold it to the ends of the face track instead")
    move.add_argument("--dx", type=float, default=0.0, metavar="PX", help="pixels to the right")
    move.add_argument("--dy", type=float, default=0.0, metavar="PX", help="pixels down")
    move.add_argument("--scale", type=float, default=1.0, metavar="X", help="factor")
    move.add_argument("--turn", type=float, default=0.0, metavar="DEG", help="degrees clockwise")
    box.add_argument("--box", **_BOX, required=True)
    landmarks.add_argument("file", type=Path, metavar="FILE.json", help="68 pairs x, y in pixels as a JSON list")


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Run the chosen action and return its last message."""
    project = Project(arguments.project.absolute())
    if arguments.action in _LOOKING:
        return _LOOKING[arguments.action](project, arguments)
    from ...engine.pipelines.correct import correct
    from ...engine.runtime.reporter import PartReporter

    footage = _footage(project, arguments.footage)
    if arguments.action == "undo":
        job = CorrectJob(project.root, footage, undo=arguments.count)
    elif arguments.action in ("clear", "apply"):
        job = CorrectJob(project.root, footage, clear=arguments.action == "clear")
    else:
        job = CorrectJob(project.root, footage, (_CORRECTIONS[arguments.action](arguments),))
    return correct(job, PartReporter(reporter))


def _footage(project: Project, given: Path) -> Footage:
    """Return the footage of a path, or of a key in the project."""
    known = None if given.exists() else footage_folder(project, str(given))
    if known is None:
        return footage_of(given.absolute())
    from ...engine.faces.tracks import load_tracks

    return load_tracks(known).footage


def _tracks(project: Project, arguments: argparse.Namespace) -> tuple[Path, TrackSet]:
    from ...engine.faces.tracks import load_tracks

    folder = extracted_folder(project, str(arguments.footage))
    return folder, load_tracks(folder)


def _list(project: Project, arguments: argparse.Namespace) -> Done:
    folder, found = _tracks(project, arguments)
    rows = [
        {
            "track": track.id,
            "first": track.first,
            "last": track.last,
            "bridged": int(track.bridged.sum()),
            "size_px": round(float(track.size.mean()), 1),
        }
        for track in found.tracks
    ]
    lines = [
        f"face track {row['track']}: frames {row['first']} to {row['last']}, {row['size_px']:g} px, "
        f"{row['bridged']} bridged"
        for row in rows
    ]
    count = len(load_corrections(folder))
    lines.append(f"Face tracks: {len(rows)}, corrections: {count}.")
    return Done(False, "\n".join(lines), {"key": found.key, "tracks": rows, "corrections": count})


def _show(project: Project, arguments: argparse.Namespace) -> Done:
    _, found = _tracks(project, arguments)
    track = found.track(arguments.track)
    wanted = arguments.frames or range(track.first, track.last + 1)
    frames = [frame for frame in track.frames.tolist() if frame in wanted]
    rows = [_face(track, frame) for frame in frames]
    if not rows:
        raise EngineError(
            ErrorCode.FRAME_MISSING,
            f"Face track {track.id} runs from frame {track.first} to {track.last}; none of the frames is in it.",
            "Choose frames of the track.",
        )
    lines = [
        f"frame {row['frame']}: box {', '.join(f'{value:.1f}' for value in row['box'])}; yaw {row['yaw']:.0f}, "
        f"pitch {row['pitch']:.0f}, roll {row['roll']:.0f} degrees{'; bridged' if row['bridged'] else ''}"
        for row in rows
    ]
    return Done(False, "\n".join(lines), {"key": found.key, "track": track.id, "faces": rows})


def _face(track: FaceTrack, frame: int) -> dict[str, Any]:
    index = frame - track.first
    figures = {name: round(float(getattr(track, name)[index]), 3) for name in ("yaw", "pitch", "roll", "size")}
    return {
        "frame": frame,
        "box": track.boxes[index].tolist(),
        "bridged": bool(track.bridged[index]),
        **figures,
        "landmarks": track.landmarks[index].tolist(),
    }


def _corrections(project: Project, arguments: argparse.Namespace) -> Done:
    folder, found = _tracks(project, arguments)
    items = load_corrections(folder)
    lines = [f"{number}. {describe(item)}" for number, item in enumerate(items, 1)]
    result = {"key": found.key, "corrections": [item.to_json() for item in items]}
    return Done(False, "\n".join(lines) or "Nothing was corrected.", result)


def _landmarks(path: Path) -> Any:
    hint = "Give a file with 68 pairs of x and y in pixels: [[x, y], [x, y], …]."
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EngineError(ErrorCode.CORRECTION_INVALID, f"{path} can't be read: {reason}.", hint) from error
    except (ValueError, RecursionError) as error:
        raise EngineError(ErrorCode.CORRECTION_INVALID, f"{path} is no valid JSON: {error}.", hint) from error


def _reach(arguments: argparse.Namespace) -> int | None:
    return None if arguments.hold else arguments.reach


def _delete(arguments: argparse.Namespace) -> AnyCorrection:
    frames = arguments.frames
    if frames is None:
        return DeleteTrack(arguments.track)
    return DeleteFrames(arguments.track, frames.start, min(frames.end, OPEN_END - 1))


_LOOKING: dict[str, Callable[[Project, argparse.Namespace], Done]] = {
    "list": _list,
    "show": _show,
    "corrections": _corrections,
}
_CORRECTIONS: dict[str, Callable[[argparse.Namespace], AnyCorrection]] = {
    "move": lambda a: MoveFace(a.track, a.frame, a.dx, a.dy, a.scale, a.turn, reach=_reach(a)),
    "box": lambda a: SetBox(a.track, a.frame, tuple(a.box), reach=_reach(a)),
    "landmarks": lambda a: SetLandmarks(a.track, a.frame, _landmarks(a.file), reach=_reach(a)),
    "keep": lambda a: KeepFound(a.track, a.frame, reach=_reach(a)),
    "realign": lambda a: Realign(a.track, a.frame),
    "add": lambda a: AddFace(a.frame, tuple(a.box)),
    "split": lambda a: SplitTrack(a.track, a.frame),
    "merge": lambda a: MergeTracks(a.first, a.second),
    "delete": _delete,
}
