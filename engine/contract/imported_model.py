# SPDX-License-Identifier: GPL-3.0-or-later
"""A network made elsewhere and used as a model: its `model.json`, and the answer to the licence question."""

from __future__ import annotations

import datetime
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import EngineError, ErrorCode
from .files import read_document, read_document_as, write_document
from .project import MODEL_FILE

# Trained models have the same schema and no `kind`, so that whoever lists models lists both.
SCHEMA = "understudy.model"
VERSION = 1

NETWORK_FILE = "network.onnx"
IDENTITIES_FILE = "identities.npz"

KINDS = {
    "dfm": "a DeepFaceLive model: one performer, trained by somebody",
    "one-shot": "a network that takes a face and the identity of any performer",
}
ALIGNMENTS = {
    "whole_face": "DeepFaceLab's whole face",
    "full_face": "DeepFaceLab's full face",
    "midfull_face": "DeepFaceLab's middle of full and half face",
    "half_face": "DeepFaceLab's half face",
    "arcface": "the five points of ArcFace",
}

DEFAULT_FACE_TYPE = "whole_face"
DEFAULT_MORPH = 0.75

LICENCE_QUESTION = (
    "Who made this network, and what does its licence allow? Many may be used for research only, and a face that was "
    "learned from pictures belongs to a person who has to agree. Understudy ships none and knows none."
)


@dataclass(frozen=True)
class LicenceAnswer:
    """What the user answered to the licence question.

    Attributes:
        made_by: Who made the network; empty when not answered.
        allows: What its licence allows; empty when not answered.
        answered: Day of the answer, "YYYY-MM-DD"; empty when not answered.
    """

    made_by: str = ""
    allows: str = ""
    answered: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether both halves of the question were answered."""
        return bool(self.made_by.strip() and self.allows.strip())

    @property
    def sentence(self) -> str:
        """The answer, or that there is none, for lists and panels."""
        if not self.is_complete:
            return "licence question not answered"
        return f"made by {self.made_by.strip()}; allows: {self.allows.strip()}"


NOT_ANSWERED = LicenceAnswer()


@dataclass(frozen=True)
class ImportedModel:
    """What `model.json` says of a network made elsewhere.

    Attributes:
        kind: One of `KINDS`.
        performers: Ids of the performers it can show.
        face_size: Side of the face in pixels.
        coverage: Side of the face in canonical face squares.
        alignment: One of `ALIGNMENTS`: where the network wants the face.
        fingerprint: SHA-256 of the network's file and of the identities.
        licence: The answer to `LICENCE_QUESTION`.
        morph: For DFM networks that have it, how far the shape follows the performer, 0…1.
        imported: When, ISO 8601.
    """

    kind: str
    performers: tuple[str, ...]
    face_size: int
    coverage: float
    alignment: str
    fingerprint: str
    licence: LicenceAnswer = NOT_ANSWERED
    morph: float = DEFAULT_MORPH
    imported: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.alignment not in ALIGNMENTS:
            raise ValueError(f"no kind {self.kind!r} with the alignment {self.alignment!r}")
        if not 8 <= self.face_size <= 4096 or not (math.isfinite(self.coverage) and 0.1 < self.coverage < 20):
            raise ValueError(f"no face of {self.face_size} px and coverage {self.coverage}")
        if not 0.0 <= self.morph <= 1.0:
            raise ValueError(f"no morph {self.morph}")

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `family` and `step` are there for whoever lists models."""
        return {**asdict(self), "performers": list(self.performers), "family": self.kind, "step": 0}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ImportedModel:
        """Build from `to_json`'s values.

        Raises:
            KeyError, TypeError, ValueError: When something is missing or wrong.
        """
        licence = content.get("licence", {})
        return cls(
            kind=str(content["kind"]),
            performers=tuple(map(str, content["performers"])),
            face_size=int(content["face_size"]),
            coverage=float(content["coverage"]),
            alignment=str(content["alignment"]),
            fingerprint=str(content["fingerprint"]),
            licence=LicenceAnswer(**{name: str(licence.get(name, "")) for name in ("made_by", "allows", "answered")}),
            morph=float(content.get("morph", DEFAULT_MORPH)),
            imported=str(content.get("imported", "")),
        )


def kind_by_name(file: Path) -> str:
    """Return the kind that a file's name suggests: DeepFaceLive's models end in ".dfm"."""
    return "dfm" if file.suffix.lower() == ".dfm" else "one-shot"


def save_imported(folder: Path, model: ImportedModel) -> None:
    """Write the `model.json` of an imported network.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """
    write_document(folder / MODEL_FILE, SCHEMA, VERSION, model.to_json())


def load_imported(folder: Path) -> ImportedModel | None:
    """Read the `model.json` of an imported network; None for a trained model and for a file that can't be read.

    Raises:
        EngineError: `model_unreadable`, when it is an imported network's and damaged.
    """
    place = (folder / MODEL_FILE, SCHEMA, VERSION, ErrorCode.MODEL_UNREADABLE, "Import the network again.")
    try:
        is_imported = "kind" in read_document(*place)
    except EngineError:
        return None
    return read_document_as(*place, ImportedModel.from_json) if is_imported else None


def answer_licence(folder: Path, made_by: str, allows: str, today: datetime.date) -> ImportedModel:
    """Store the answer to the licence question of an imported network and return the model.

    Raises:
        EngineError: `model_missing` when the folder holds no imported network, `model_unreadable`, `settings_invalid`
            for an answer with an empty half.
    """
    model = load_imported(folder)
    if model is None:
        raise EngineError(
            ErrorCode.MODEL_MISSING, f"There is no imported network in {folder}.", "Choose the folder of one."
        )
    answer = LicenceAnswer(made_by.strip(), allows.strip(), today.isoformat())
    if not answer.is_complete:
        raise EngineError(ErrorCode.SETTINGS_INVALID, "The licence question is answered by half.", LICENCE_QUESTION)
    model = ImportedModel(**{**vars(model), "licence": answer})
    save_imported(folder, model)
    return model


def licence_warnings(folder: Path) -> list[str]:
    """Return what to warn of before a model is used: an imported network whose licence nobody answered for."""
    model = load_imported(folder)
    if model is None or model.licence.is_complete:
        return []
    return [f"Who made the network {folder.name} and what its licence allows is not on record."]
