# SPDX-License-Identifier: GPL-3.0-or-later
"""From the edit to the job that makes a model of a network made elsewhere, and what the edit does with the model."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.import_model_job import ImportModelJob, ShownPerformer
from ..engine.contract.imported_model import DEFAULT_FACE_TYPE, DEFAULT_MORPH, LicenceAnswer, kind_by_name
from ..engine.contract.messages import Done
from ..engine.contract.project import Project, safe_name
from . import casting
from .job_request import Finisher, JobRequest
from .job_requests import job_request, project_of_edit
from .project_view import view
from .sequencer import sequencer_scene

BY_NAME = "by-name"
LONGEST_NAME = 48


@dataclass(frozen=True)
class Brought:
    """What the user says of a network.

    Attributes:
        file: The ONNX file.
        name: Name of the model to be; empty takes the file's.
        kind: "dfm", "one-shot", or `BY_NAME`.
        performer: Whom it shows; empty takes the only one of the edit, and for a one-shot network all with pictures.
        identity_model: For a one-shot network, the ArcFace network that reads pictures; empty takes the scene's.
        face_type: For DFM, the face type of its training.
        morph: For DFM, how far the shape follows the performer.
        made_by: Who made it; empty when not known.
        allows: What its licence allows; empty when not known.
    """

    file: Path
    name: str = ""
    kind: str = BY_NAME
    performer: str = ""
    identity_model: str = ""
    face_type: str = DEFAULT_FACE_TYPE
    morph: float = DEFAULT_MORPH
    made_by: str = ""
    allows: str = ""

    @property
    def model_name(self) -> str:
        """Name of the model to be."""
        return safe_name(self.name.strip() or self.file.stem, LONGEST_NAME)

    @property
    def network(self) -> str:
        """Kind of the network."""
        return kind_by_name(self.file) if self.kind == BY_NAME else self.kind


def import_request(context: bpy.types.Context, brought: Brought) -> JobRequest:
    """Return the request that imports a network into the project and chooses it as the scene's model.

    Raises:
        EngineError: For an unsaved file, a name that is taken, nobody whom it shows, or a performer without pictures.
    """
    scene, project = sequencer_scene(context), project_of_edit()
    settings, name = scene.understudy, brought.model_name
    if not brought.file.is_file():
        raise EngineError(ErrorCode.MODEL_MISSING, f"There is no file {brought.file}.", "Choose an ONNX or DFM file.")
    if view(project).model(name) is not None:
        raise EngineError(
            ErrorCode.MODEL_MISMATCH, f"There is a model “{name}” in this project already.", "Type another name."
        )
    recognizer = brought.identity_model.strip() or settings.identity_model.strip()
    is_answered = bool(brought.made_by.strip() or brought.allows.strip())
    today = datetime.date.today().isoformat() if is_answered else ""
    job = ImportModelJob(
        file=brought.file,
        model=project.model(name),
        network=brought.network,
        performers=shown_performers(settings, brought),
        project=project.root,
        licence=LicenceAnswer(brought.made_by.strip(), brought.allows.strip(), today),
        face_type=brought.face_type,
        morph=float(f"{brought.morph:.6g}"),
        recognizer=Path(bpy.path.abspath(recognizer)) if recognizer and brought.network == "one-shot" else None,
    )
    casting.save_performers(settings, project)
    return job_request(
        job, f"Import Network: {name}", project, _after_import(project, scene.name, name), "Import Network"
    )


def shown_performers(settings: Any, brought: Brought) -> tuple[ShownPerformer, ...]:
    """Return whom the network shows, with the reference pictures for a one-shot network.

    Raises:
        EngineError: `performer_unknown`, when nobody is chosen; `settings_invalid`, when there are no pictures.
    """
    if brought.network == "one-shot":
        return _with_pictures(settings, brought.performer)
    only = settings.performers[0].name if len(settings.performers) == 1 else ""
    name = brought.performer or only
    if not name:
        # Consent hangs on it, so nobody is guessed.
        hint = "Choose the performer in the field Shows."
        raise EngineError(ErrorCode.PERFORMER_UNKNOWN, "It isn't said whom the network shows.", hint)
    return (ShownPerformer(casting.require_performer(settings, name).performer_id),)


def _with_pictures(settings: Any, performer: str) -> tuple[ShownPerformer, ...]:
    items = [casting.require_performer(settings, performer)] if performer else list(settings.performers)
    found = [
        ShownPerformer(
            item.performer_id,
            tuple(
                Path(bpy.path.abspath(entry.path))
                for entry in settings.pictures
                if entry.is_them and entry.performer_id == item.performer_id
            ),
        )
        for item in items
    ]
    known = tuple(item for item in found if item.files)
    if not known:
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"A one-shot network needs a picture of {performer or 'a performer'}, and there is none.",
            "Add one in Reference Pictures, below Find Performers.",
        )
    return known


def _after_import(project: Project, scene_name: str, name: str) -> Finisher:
    def finish(done: Done) -> Iterator[None]:
        view(project).forget()
        scene = bpy.data.scenes.get(scene_name)
        # Saved under another name or loaded meanwhile, the edit has another project, without this model.
        is_here = bool(bpy.data.filepath) and project_of_edit().root == project.root
        if not done.stopped and scene is not None and is_here:
            scene.understudy.model = name
        yield

    return finish
