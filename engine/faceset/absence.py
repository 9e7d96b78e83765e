# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays out when the faces of a folder are cut anew: removed faces, and those whose picture the user deleted.

A new extraction finds a face at nearly the same place of the same frame, but gives its picture another name and perhaps
its track another id. So both are looked up by frame and box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from .record import FaceRecord
from .records_file import StoredRecords
from .removals import FacePlace, Removals, load_removals


class Absence:
    """Faces that stay out of a folder.

    Args:
        removals: The folder's history, before anything is cut anew.
    """

    def __init__(self, removals: Removals) -> None:
        self._removals = removals
        self._deleted = _by_source(removals.deleted)

    def is_deleted(self, record: FaceRecord) -> bool:
        """Whether the user deleted the picture of this face by hand before it was found again."""
        place = FacePlace.of(record)
        return any(place.overlap(other) for other in self._deleted.get(place.source, ()))

    def take_newer(self, removals: Removals) -> None:
        """Take over what the user removed or restored since this history was read."""
        newer = removals.history[len(self._removals.history) :]
        self._removals = replace(self._removals, history=(*self._removals.history, *newer))

    def placed(self, records: Iterable[FaceRecord]) -> Removals:
        """Return the history with the file names that the removed faces have now.

        A removed face that isn't among the records has no file name until an extraction finds it again; otherwise
        another face could inherit its name and with it the removal.
        """
        out = _by_source(place for place in self._removals.removed if place.source != ("", -1))
        moves = {place: replace(place, file="") for places in out.values() for place in places}
        taken: set[FacePlace] = set()
        new_places = (place for place in map(FacePlace.of, records if out else ()) if place.source in out)
        pairs = [(old.overlap(new), old.file == new.file, old, new) for new in new_places for old in out[new.source]]
        for overlap, _, old, new in sorted(pairs, key=lambda pair: pair[:2], reverse=True):
            if overlap and not moves[old].file and new not in taken:
                moves[old] = new
                taken.add(new)
        return self._removals.moved(moves)


def find_absence(folder: Path, stored: StoredRecords, pictures: Iterable[str], keep: bool) -> Absence:
    """Return what stays out of a folder.

    Args:
        folder: The faceset's folder.
        stored: What is known about its faces.
        pictures: Names of the pictures that are there.
        keep: Whether the records stay; they then say themselves which pictures were deleted.
    """
    removals, present = load_removals(folder), set(pictures)
    places = [FacePlace.of(record) for record in stored.records]
    here = [place for place in places if place.file in present]
    # A picture that came back from the trash is wanted again.
    deleted = _without(removals.deleted, here)
    if places and not keep and not stored.is_being_replaced:
        gone = [replace(place, file="") for place in places if place.file not in present]
        # Somebody who deletes all pictures wants a fresh start.
        deleted = [*deleted, *_without(gone, deleted)] if here else []
    return Absence(replace(removals, deleted=tuple(deleted)))


def _without(places: Iterable[FacePlace], others: Iterable[FacePlace]) -> list[FacePlace]:
    by_source = _by_source(others)
    return [place for place in places if not any(place.overlap(other) for other in by_source.get(place.source, ()))]


def _by_source(places: Iterable[FacePlace]) -> dict[tuple[str, int], list[FacePlace]]:
    found: dict[tuple[str, int], list[FacePlace]] = defaultdict(list)
    for place in places:
        found[place.source].append(place)
    return found
