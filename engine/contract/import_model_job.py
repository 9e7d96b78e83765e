# SPDX-License-Identifier: GPL-3.0-or-later
"""The job that makes a model of a network made elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import EngineError, ErrorCode
from .imported_model import DEFAULT_FACE_TYPE, DEFAULT_MORPH, KINDS, NOT_ANSWERED, LicenceAnswer


@dataclass(frozen=True)
class ShownPerformer:
    """A performer whom a network shows.

    Attributes:
        performer: Id of the performer.
        files: For a one-shot network pictures, of which each one's largest face counts, or `.npy` files with identity
            vectors; none for DFM.
    """

    performer: str
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class ImportModelJob:
    """Look whether an ONNX file is what it is said to be, copy it into a model's folder, and describe it.

    Attributes:
        file: The ONNX file.
        model: Folder of the model; must not hold one.
        network: One of `contract.imported_model.KINDS`.
        performers: Whom it shows; for DFM exactly one.
        project: Project folder to lock meanwhile, or None outside of a project.
        licence: The answer to the licence question.
        face_type: For DFM, DeepFaceLab's face type that it was trained on.
        morph: For DFM with `morph_value`, how far the shape follows the performer, 0…1.
        recognizer: For pictures, an ArcFace network as ONNX file.
    """

    kind = "import_model"
    file: Path
    model: Path
    network: str
    performers: tuple[ShownPerformer, ...]
    project: Path | None = None
    licence: LicenceAnswer = NOT_ANSWERED
    face_type: str = DEFAULT_FACE_TYPE
    morph: float = DEFAULT_MORPH
    recognizer: Path | None = None

    def __post_init__(self) -> None:
        if self.network not in KINDS:
            raise _invalid(f"There is no kind of network {self.network!r}.", f"Choose one of {', '.join(KINDS)}.")
        names = [item.performer for item in self.performers]
        if not names or not all(names) or len(set(names)) < len(names):
            raise _invalid("It isn't said whom the network shows, or one performer twice.", "Name each performer once.")

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "file": str(self.file),
            "model": str(self.model),
            "network": self.network,
            "performers": [
                {"performer": item.performer, "files": [str(path) for path in item.files]} for item in self.performers
            ],
            "project": None if self.project is None else str(self.project),
            "licence": asdict(self.licence),
            "face_type": self.face_type,
            "morph": self.morph,
            "recognizer": None if self.recognizer is None else str(self.recognizer),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ImportModelJob:
        """Build from `to_json`'s values."""
        return cls(
            file=Path(content["file"]),
            model=Path(content["model"]),
            network=str(content["network"]),
            performers=tuple(
                ShownPerformer(str(item["performer"]), tuple(map(Path, item.get("files", ()))))
                for item in content["performers"]
            ),
            project=None if content.get("project") is None else Path(content["project"]),
            licence=LicenceAnswer(**content.get("licence", {})),
            face_type=str(content.get("face_type", DEFAULT_FACE_TYPE)),
            morph=float(content.get("morph", DEFAULT_MORPH)),
            recognizer=None if content.get("recognizer") is None else Path(content["recognizer"]),
        )


def _invalid(message: str, hint: str) -> EngineError:
    return EngineError(ErrorCode.JOB_INVALID, message, hint)
