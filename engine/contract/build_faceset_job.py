# SPDX-License-Identifier: GPL-3.0-or-later
"""The job that chooses from all faces of a performer those to train on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EngineError, ErrorCode
from .settings import BuildSettings, settings_from_json, settings_to_json
from .training_set import FacesetPart, NeededShot


@dataclass(frozen=True)
class BuildFacesetJob:
    """Choose the faces of a performer that cover pose, light and expression of some shots best.

    Attributes:
        project: Project folder that holds the tracks of the shots; the result goes to `trainingsets/<performer>`.
        performer: Performer id.
        faces: All faces of the performer.
        shots: What the performer has to stand in for.
        settings: How many, and which not.
    """

    kind = "build_faceset"
    project: Path
    performer: str
    faces: tuple[FacesetPart, ...]
    shots: tuple[NeededShot, ...]
    settings: BuildSettings = BuildSettings()

    def __post_init__(self) -> None:
        if not self.faces:
            raise EngineError(
                ErrorCode.JOB_INVALID,
                f"The performer {self.performer} has no faces.",
                "Extract and assign faces first.",
            )
        if not self.shots:
            raise EngineError(
                ErrorCode.JOB_INVALID,
                f"It isn't said for which shots the faces of {self.performer} are chosen.",
                "Name at least one shot whose faces were extracted.",
            )

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "project": str(self.project),
            "performer": self.performer,
            "faces": [part.to_json() for part in self.faces],
            "shots": [shot.to_json() for shot in self.shots],
            "settings": settings_to_json(self.settings),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> BuildFacesetJob:
        """Build from `to_json`'s values."""
        return cls(
            project=Path(content["project"]),
            performer=content["performer"],
            faces=tuple(map(FacesetPart.from_json, content["faces"])),
            shots=tuple(map(NeededShot.from_json, content["shots"])),
            settings=settings_from_json(BuildSettings, content.get("settings", {})),
        )
