# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs an engine run can be given: frozen, checked once, and stored as one JSON file each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .build_faceset_job import BuildFacesetJob
from .corrections import AnyCorrection, correction_from_json
from .errors import EngineError, ErrorCode
from .files import read_document_as, write_document
from .import_model_job import ImportModelJob
from .people_job import PeopleJob
from .preview_shot import PreviewShot
from .settings import (
    ExtractSettings,
    SwapSettings,
    TrainSettings,
    settings_from_json,
    settings_to_json,
)
from .timing import Footage, FrameRange
from .training_set import FacesetPart

SCHEMA = "understudy.job"
VERSION = 1


def _require(condition: bool, message: str, hint: str = "") -> None:
    if not condition:
        raise EngineError(ErrorCode.JOB_INVALID, message, hint)


@dataclass(frozen=True)
class ExtractJob:
    """Find, follow and cut out the faces of one footage.

    Attributes:
        project: Project folder; tracks go to `footage/<key>`, faces to `facesets/<key>`.
        footage: What to search.
        ranges: Media frames to search, handles included; empty means all.
        references: Pictures of the person to keep; empty keeps everybody.
        rejects: Pictures of persons to leave out.
        settings: How to search.
    """

    kind = "extract"
    project: Path
    footage: Footage
    ranges: tuple[FrameRange, ...] = ()
    references: tuple[Path, ...] = ()
    rejects: tuple[Path, ...] = ()
    settings: ExtractSettings = ExtractSettings()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "project": str(self.project),
            "footage": self.footage.to_json(),
            "ranges": [[r.start, r.end] for r in self.ranges],
            "references": [str(path) for path in self.references],
            "rejects": [str(path) for path in self.rejects],
            "settings": settings_to_json(self.settings),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ExtractJob:
        """Build from `to_json`'s values."""
        return cls(
            project=Path(content["project"]),
            footage=Footage.from_json(content["footage"]),
            ranges=tuple(FrameRange(start, end) for start, end in content.get("ranges", ())),
            references=tuple(map(Path, content.get("references", ()))),
            rejects=tuple(map(Path, content.get("rejects", ()))),
            settings=settings_from_json(ExtractSettings, content.get("settings", {})),
        )


@dataclass(frozen=True)
class CorrectJob:
    """Correct by hand what was found in one footage; without changes it applies the corrections in the file again.

    Attributes:
        project: Project folder that holds the tracks of the footage.
        footage: What was searched.
        append: Corrections to add; if one of them can't be applied, nothing is changed.
        undo: How many of the last corrections to take back first.
        clear: Take all corrections back first.
    """

    kind = "correct"
    project: Path
    footage: Footage
    append: tuple[AnyCorrection, ...] = ()
    undo: int = 0
    clear: bool = False

    def __post_init__(self) -> None:
        _require(self.undo >= 0, f"{self.undo} corrections can't be taken back.", "Give the number of the last ones.")

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "project": str(self.project),
            "footage": self.footage.to_json(),
            "append": [item.to_json() for item in self.append],
            "undo": self.undo,
            "clear": self.clear,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> CorrectJob:
        """Build from `to_json`'s values."""
        return cls(
            project=Path(content["project"]),
            footage=Footage.from_json(content["footage"]),
            append=tuple(correction_from_json(item) for item in content.get("append", ())),
            undo=int(content.get("undo", 0)),
            clear=bool(content.get("clear", False)),
        )


@dataclass(frozen=True)
class TrainingPerformer:
    """One performer of a training job: id and where the faces are."""

    performer: str
    faces: tuple[FacesetPart, ...]


@dataclass(frozen=True)
class TrainJob:
    """Train one model on two or more performers.

    Attributes:
        model: Folder of the model; created, or resumed when it holds one.
        performers: Who is learned; the order is the order of the preview.
        project: Project folder to lock while training, or None outside of a project.
        settings: How to train.
        shots: Frames of the edit to show in the previews with the swap; their tracks are in the project.
    """

    kind = "train"
    model: Path
    performers: tuple[TrainingPerformer, ...]
    project: Path | None = None
    settings: TrainSettings = TrainSettings()
    shots: tuple[PreviewShot, ...] = ()

    def __post_init__(self) -> None:
        _require(
            not self.shots or self.project is not None,
            "Shots to preview need a project, which holds their faces.",
            "Name the project, or leave the shots out.",
        )
        known = {item.performer for item in self.performers}
        shown = {name for shot in self.shots for _track, name in (*shot.sources, *shot.targets)}
        strangers = sorted(shown - known)
        _require(
            not strangers,
            f"The preview shows {', '.join(strangers)}, whom this model doesn't learn.",
            f"Choose one of {', '.join(sorted(known))}.",
        )
        alone = f"; here is {self.performers[0].performer} only" if self.performers else ""
        _require(len(self.performers) >= 2, f"Training needs at least two performers{alone}.", "Add the second one.")
        ids = [item.performer for item in self.performers]
        _require(len(set(ids)) == len(ids), "A performer is listed twice in the training job.", "List each once.")
        for item in self.performers:
            _require(
                bool(item.faces), f"The performer {item.performer} has no faces.", "Extract and assign faces first."
            )

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "model": str(self.model),
            "project": None if self.project is None else str(self.project),
            "performers": [
                {
                    "performer": item.performer,
                    "faces": [part.to_json() for part in item.faces],
                }
                for item in self.performers
            ],
            "settings": settings_to_json(self.settings),
            "shots": [shot.to_json() for shot in self.shots],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> TrainJob:
        """Build from `to_json`'s values."""
        return cls(
            model=Path(content["model"]),
            project=None if content.get("project") is None else Path(content["project"]),
            performers=tuple(
                TrainingPerformer(item["performer"], tuple(map(FacesetPart.from_json, item["faces"])))
                for item in content["performers"]
            ),
            settings=settings_from_json(TrainSettings, content.get("settings", {})),
            shots=tuple(map(PreviewShot.from_json, content.get("shots", ()))),
        )


@dataclass(frozen=True)
class FaceAssignment:
    """Who appears on a face track.

    Attributes:
        track: Id of the face track in the footage; `EVERY_TRACK` means all of the shot.
        source: Performer id of the identity to appear.
        target: Performer id of the face in the footage; may be empty.
    """

    track: int
    source: str
    target: str = ""


@dataclass(frozen=True)
class SwapJob:
    """Swap faces in some frames of a footage and write one RGBA picture for each.

    Attributes:
        project: Project folder that holds the tracks of the footage.
        footage: What to swap in.
        ranges: Media frames to write; each gets exactly one picture.
        model: Folder of the trained model.
        assignments: Who appears on which face track; tracks not listed stay as they are.
        output: Folder of the pictures, `swap.json` and `outlines.npz`.
        skip_frames: Media frames that get an empty picture although they hold a face.
        settings: How to comp.
        skip_faces: (media frame, track) of single faces that stay as they are.
    """

    kind = "swap"
    project: Path
    footage: Footage
    ranges: tuple[FrameRange, ...]
    model: Path
    assignments: tuple[FaceAssignment, ...]
    output: Path
    skip_frames: tuple[int, ...] = ()
    settings: SwapSettings = SwapSettings()
    skip_faces: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        _require(bool(self.assignments), "No face is assigned to a performer.", "Assign the faces of the shot first.")

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "project": str(self.project),
            "footage": self.footage.to_json(),
            "ranges": [[r.start, r.end] for r in self.ranges],
            "model": str(self.model),
            "assignments": [{"track": a.track, "source": a.source, "target": a.target} for a in self.assignments],
            "output": str(self.output),
            "skip_frames": list(self.skip_frames),
            "settings": settings_to_json(self.settings),
            "skip_faces": [list(item) for item in self.skip_faces],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> SwapJob:
        """Build from `to_json`'s values."""
        return cls(
            project=Path(content["project"]),
            footage=Footage.from_json(content["footage"]),
            ranges=tuple(FrameRange(start, end) for start, end in content["ranges"]),
            model=Path(content["model"]),
            assignments=tuple(FaceAssignment(**item) for item in content["assignments"]),
            output=Path(content["output"]),
            skip_frames=tuple(content.get("skip_frames", ())),
            settings=settings_from_json(SwapSettings, content.get("settings", {})),
            skip_faces=tuple((int(frame), int(track)) for frame, track in content.get("skip_faces", ())),
        )


@dataclass(frozen=True)
class CheckJob:
    """Say what the engine is made of and whether each part works."""

    kind = "check"

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> CheckJob:
        """Build from `to_json`'s values."""
        return cls()


@dataclass(frozen=True)
class DummyJob:
    """A pretended long job for developing and testing the bridge between Blender and the engine.

    Attributes:
        seconds: How long it takes.
        behavior: "finish", "fail", "crash" (the process dies without a last message), "flood" (very many messages),
            "noise" (writes to standard output behind the reporter's back) or "hang" (ignores the stop signal).
    """

    kind = "dummy"
    seconds: float = 1.0
    behavior: str = "finish"

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {"seconds": self.seconds, "behavior": self.behavior}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> DummyJob:
        """Build from `to_json`'s values."""
        return cls(seconds=float(content["seconds"]), behavior=str(content["behavior"]))


Job = ExtractJob | CorrectJob | PeopleJob | BuildFacesetJob | TrainJob | ImportModelJob | SwapJob | CheckJob | DummyJob

_CLASSES = (
    ExtractJob,
    CorrectJob,
    PeopleJob,
    BuildFacesetJob,
    TrainJob,
    ImportModelJob,
    SwapJob,
    CheckJob,
    DummyJob,
)
_KINDS: dict[str, Callable[[dict[str, Any]], Job]] = {cls.kind: cls.from_json for cls in _CLASSES}


def save_job(path: Path, job: Job) -> None:
    """Write the job to a JSON file."""
    write_document(path, SCHEMA, VERSION, {"kind": job.kind, "job": job.to_json()})


def load_job(path: Path) -> Job:
    """Read a job file.

    Raises:
        EngineError: `job_invalid` or `settings_invalid`, naming what is wrong.
    """
    hint = "Write the job again; docs/reference/formats/job.md describes it."
    return read_document_as(path, SCHEMA, VERSION, ErrorCode.JOB_INVALID, hint, _job)


def _job(content: dict[str, Any]) -> Job:
    build = _KINDS.get(content["kind"])
    _require(build is not None, f"There is no job of the kind {content['kind']!r}.", f"There is {', '.join(_KINDS)}.")
    assert build is not None
    return build(content["job"])
