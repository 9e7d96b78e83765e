# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of a shot that a training shows with the swap over them while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import EngineError, ErrorCode
from .timing import Footage

EVERY_TRACK = -1
"""Stands for every face track of a footage where one is named."""


@dataclass(frozen=True)
class PreviewShot:
    """Some frames of one footage and who shall appear in them.

    Attributes:
        footage: The footage; its tracks are in the job's project.
        frames: Media frames to show.
        sources: Face track and the performer that shall appear on it; `EVERY_TRACK` stands for all.
        targets: Face track and the performer whose face it shows, likewise; tracks of whom that isn't known are left
            out.
    """

    footage: Footage
    frames: tuple[int, ...]
    sources: tuple[tuple[int, str], ...]
    targets: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.frames or not self.sources:
            raise EngineError(
                ErrorCode.JOB_INVALID,
                f"The preview of {self.footage.path.name} names no frames or no performer.",
                "Name at least one of each, or leave the shot out.",
            )

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "footage": self.footage.to_json(),
            "frames": list(self.frames),
            "sources": [{"track": track, "source": source} for track, source in self.sources],
            "targets": [{"track": track, "target": target} for track, target in self.targets],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> PreviewShot:
        """Build from `to_json`'s values; documents from before targets could be named are fine."""
        return cls(
            footage=Footage.from_json(content["footage"]),
            frames=tuple(map(int, content["frames"])),
            sources=tuple((int(item["track"]), str(item["source"])) for item in content["sources"]),
            targets=tuple((int(item["track"]), str(item["target"])) for item in content.get("targets", ())),
        )
