# SPDX-License-Identifier: GPL-3.0-or-later
"""Which faces a performer is trained on: all that are assigned, or those that were chosen from them."""

from __future__ import annotations

from typing import Any

from ..engine.contract.project import Project
from ..engine.contract.training_set import FacesetPart
from . import casting
from .project_view import view


def assigned_parts(settings: Any, project: Project, performer: str) -> tuple[FacesetPart, ...]:
    """Return all faces that are assigned to a performer, by id."""
    found = casting.tracks_by_footage(settings, performer)
    return tuple(FacesetPart(project.faceset(key), tracks) for key, tracks in sorted(found.items()))


def parts_to_train_on(settings: Any, project: Project, performer: str) -> tuple[FacesetPart, ...]:
    """Return the faces to train a performer on.

    They are those of the training set, if one was built from the faces as they are now and the scene wants it, else all
    that are assigned.
    """
    parts = assigned_parts(settings, project, performer)
    found = view(project).fresh_training_set(performer, parts) if settings.use_training_sets else None
    return parts if found is None else found.chosen_parts()
