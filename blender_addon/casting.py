# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is who in the edit: its performers with their consent, and whose face each face track shows or doesn't."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.performers import Consent, Performer, performer_id, save_performer
from ..engine.contract.project import Project
from .project_view import FoundFootage
from .swap_content import SEPARATOR

CONSENT_ICONS = {"given": "CHECKMARK", "expired": "TIME", "missing": "ERROR"}


def performer(item: Any) -> Performer:
    """Return the record of a performer property.

    Raises:
        EngineError: `settings_invalid`, for a date that is none.
    """
    return Performer(
        item.performer_id, item.name, Consent(item.note.strip(), item.document.strip(), item.valid_until.strip())
    )


def consent_state(item: Any) -> str:
    """Return "given", "expired" or "missing" for a performer property, as of today."""
    try:
        return performer(item).consent.state(datetime.date.today())
    except EngineError:
        # A date typed into the panel that is none: nobody can say how long this consent holds.
        return "missing"


def find_performer(settings: Any, name: str) -> Any | None:
    """Return the performer property of this name or id, or None."""
    return next((item for item in settings.performers if name and name in (item.name, item.performer_id)), None)


def names_of(scene: Any, identities: str) -> str:
    """Return the names of performers by their ids, "anna, ben"; whoever the edit doesn't know keeps the id."""
    settings = getattr(scene, "understudy", None)
    names = {} if settings is None else {item.performer_id: item.name for item in settings.performers}
    return SEPARATOR.join(names.get(identity, identity) for identity in identities.split(SEPARATOR))


def require_performer(settings: Any, name: str) -> Any:
    """Return the performer property of this name or id.

    Raises:
        EngineError: `performer_unknown`, naming those there are.
    """
    item = find_performer(settings, name)
    if item is None:
        known = ", ".join(item.name for item in settings.performers) or "nobody yet"
        raise EngineError(
            ErrorCode.PERFORMER_UNKNOWN,
            f"There is no performer “{name}” in this edit; there is {known}.",
            "Add them first.",
        )
    return item


def add_performer(settings: Any, name: str) -> Any:
    """Add a performer to the edit and return the property.

    Raises:
        EngineError: `settings_invalid`, when the name is empty or taken.
    """
    identity = performer_id(name)
    if find_performer(settings, identity) or find_performer(settings, name.strip()):
        raise EngineError(
            ErrorCode.SETTINGS_INVALID, f"There is a performer “{name.strip()}” already.", "Choose another name."
        )
    item = settings.performers.add()
    item.name, item.performer_id = name.strip(), identity
    settings.active_performer = len(settings.performers) - 1
    return item


def remove_performer(settings: Any, item: Any) -> None:
    """Take a performer and what was said of their faces out of the edit; files stay."""
    identity, name = item.performer_id, item.name
    settings.performers.remove(list(settings.performers).index(item))
    _drop(settings.assignments, lambda entry: entry.performer_id == identity)
    for entries in (settings.rejections, settings.pictures):
        _drop(entries, lambda entry: entry.performer_id == identity)
    settings.active_performer = max(0, min(settings.active_performer, len(settings.performers) - 1))
    for role in ("source", "target"):
        if getattr(settings, role) == name:
            setattr(settings, role, "")


def save_performers(settings: Any, project: Project) -> None:
    """Write the records of all performers into the project, where the engine reads them.

    Raises:
        EngineError: `settings_invalid` for a wrong date; `not_writable` or `disk_full`.
    """
    project.create()
    for item in settings.performers:
        save_performer(project.performers, performer(item))


def assigned(settings: Any, key: str) -> dict[int, str]:
    """Return the performer id on each assigned face track of a footage."""
    return {entry.track: entry.performer_id for entry in settings.assignments if entry.key == key}


def assign(settings: Any, key: str, track: int, identity: str) -> None:
    """Say whose face a track shows; an empty id takes the assignment away."""
    _drop(settings.assignments, lambda entry: entry.key == key and entry.track == track)
    if identity:
        _drop(settings.rejections, _says(key, track, identity))
        entry = settings.assignments.add()
        entry.key, entry.track, entry.performer_id = key, track, identity


def reject(settings: Any, key: str, track: int, identity: str) -> None:
    """Say that a track doesn't show a performer, so that it isn't suggested again."""
    _drop(settings.assignments, _says(key, track, identity))
    _drop(settings.rejections, _says(key, track, identity))
    entry = settings.rejections.add()
    entry.key, entry.track, entry.performer_id = key, track, identity


def tracks_by_footage(settings: Any, identity: str) -> dict[str, tuple[int, ...]]:
    """Return the face tracks assigned to a performer, by footage key."""
    return _by_footage(settings.assignments, identity)


def rejected_by_footage(settings: Any, identity: str) -> dict[str, tuple[int, ...]]:
    """Return the face tracks of which was said that they don't show a performer, by footage key."""
    return _by_footage(settings.rejections, identity)


def _by_footage(entries: Any, identity: str) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for entry in entries:
        if entry.performer_id == identity:
            found.setdefault(entry.key, []).append(entry.track)
    return {key: tuple(sorted(tracks)) for key, tracks in found.items()}


def add_picture(settings: Any, path: str, identity: str, is_them: bool) -> None:
    """Add a picture of a performer, or of somebody who isn't; the same file says one of both only."""
    _drop(settings.pictures, lambda entry: (entry.path, entry.performer_id) == (path, identity))
    entry = settings.pictures.add()
    entry.path, entry.performer_id, entry.is_them = path, identity, is_them


def remove_picture(settings: Any, path: str, identity: str) -> bool:
    """Take a picture of a performer or of somebody else away; return whether there was one. The file stays."""
    count = len(settings.pictures)
    _drop(settings.pictures, lambda entry: (entry.path, entry.performer_id) == (path, identity))
    return len(settings.pictures) < count


def drop_lost_tracks(settings: Any, found: FoundFootage) -> None:
    """Take away what was said of tracks that a repeated extraction no longer found; the others keep their ids."""
    ids = {track.id for track in found.tracks}
    for entries in (settings.assignments, settings.rejections):
        _drop(entries, lambda entry: entry.key == found.key and entry.track not in ids)


def _says(key: str, track: int, identity: str) -> Callable[[Any], bool]:
    return lambda entry: (entry.key, entry.track, entry.performer_id) == (key, track, identity)


def _drop(entries: Any, is_dropped: Callable[[Any], bool]) -> None:
    for index in reversed(range(len(entries))):
        if is_dropped(entries[index]):
            entries.remove(index)
