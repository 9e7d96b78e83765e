# SPDX-License-Identifier: GPL-3.0-or-later
"""Performers of a project and the record of their consent."""

from __future__ import annotations

import datetime
import re
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import EngineError, ErrorCode
from .files import read_document_as, write_document

SCHEMA = "understudy.performer"
VERSION = 1


@dataclass(frozen=True)
class Consent:
    """What a performer agreed to.

    Attributes:
        note: Who agreed to what, in the user's words; an empty note is no consent.
        document: Path or reference of the signed paper; may be empty.
        valid_until: Last day on which the consent holds, "YYYY-MM-DD"; empty means no end.
    """

    note: str = ""
    document: str = ""
    valid_until: str = ""

    def __post_init__(self) -> None:
        if self.valid_until:
            try:
                datetime.date.fromisoformat(self.valid_until)
            except ValueError as error:
                raise EngineError(
                    ErrorCode.SETTINGS_INVALID,
                    f"{self.valid_until!r} is not a date.",
                    "Write the last day of the consent as YYYY-MM-DD, or leave it empty.",
                ) from error

    def state(self, today: datetime.date) -> str:
        """Return "given", "expired" or "missing" on the day `today`."""
        if not self.note.strip():
            return "missing"
        if self.valid_until and datetime.date.fromisoformat(self.valid_until) < today:
            return "expired"
        return "given"


@dataclass(frozen=True)
class Performer:
    """A person who can stand in or be stood in for.

    Attributes:
        id: File-system safe name, unique in the project (`performer_id`).
        name: Name shown to the user.
        consent: What the person agreed to.
    """

    id: str
    name: str
    consent: Consent = Consent()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {"id": self.id, "name": self.name, "consent": asdict(self.consent)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Performer:
        """Build from `to_json`'s values."""
        consent = Consent(**{name: str(value) for name, value in content.get("consent", {}).items()})
        return cls(id=str(content["id"]), name=str(content["name"]), consent=consent)


def performer_id(name: str) -> str:
    """Return a file-system safe id for a performer's name: letters of any script, digits and hyphens, at most 48.

    Raises:
        EngineError: `settings_invalid`, when nothing of the name is left.
    """
    text = unicodedata.normalize("NFC", name).strip().lower()
    text = re.sub(r"[^\w]+", "-", text).strip("-_")[:48].strip("-_")
    if not text:
        sentence = f"“{name}” is no name for a performer." if name.strip() else "A performer needs a name."
        raise EngineError(ErrorCode.SETTINGS_INVALID, sentence, "Use letters or digits.")
    return text


def save_performer(folder: Path, performer: Performer) -> Path:
    """Write the performer's record into the project's performer folder and return the file."""
    path = folder / f"{performer.id}.json"
    write_document(path, SCHEMA, VERSION, performer.to_json())
    return path


def load_performer(path: Path) -> Performer:
    """Read a performer's record.

    Raises:
        EngineError: `project_unreadable`, naming the file.
    """
    hint = "Restore it from a backup, or delete it and add the performer again."
    return read_document_as(path, SCHEMA, VERSION, ErrorCode.PROJECT_UNREADABLE, hint, Performer.from_json)


def load_performers(folder: Path) -> dict[str, Performer]:
    """Return all performers of the project's performer folder by id, in order of id."""
    if not folder.is_dir():
        return {}
    performers = [load_performer(path) for path in sorted(folder.glob("*.json")) if not path.name.startswith(".")]
    return {performer.id: performer for performer in performers}
