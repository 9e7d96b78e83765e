# SPDX-License-Identifier: GPL-3.0-or-later
"""One model in the project folder, trained here or made elsewhere, as its `model.json` tells it. No bpy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..engine.contract.imported_model import ImportedModel, LicenceAnswer


@dataclass(frozen=True)
class FoundModel:
    """A trained model as `model.json` tells it.

    Attributes:
        name: Name of its folder.
        folder: The folder.
        performers: Ids of the performers it knows; empty when the file doesn't say.
        step: Steps trained so far, or None when the file doesn't say.
        family: Kind of network, or "".
        licence: The answer to the licence question of a network made elsewhere, None for one trained here.
    """

    name: str
    folder: Path
    performers: tuple[str, ...]
    step: int | None
    family: str
    licence: LicenceAnswer | None = None

    @property
    def is_imported(self) -> bool:
        """Whether it was made elsewhere; it can't be trained on."""
        return self.licence is not None


def read_model(path: Path) -> FoundModel:
    """Read a `model.json`.

    Raises:
        OSError: When it can't be read.
        One of `contract.files.WRONG_VALUES`, when it is none.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    step = content.get("step")
    return FoundModel(
        name=path.parent.name,
        folder=path.parent,
        performers=tuple(content.get("performers", ())),
        step=step if isinstance(step, int) else None,
        family=str(content.get("family", "")),
        licence=ImportedModel.from_json(content).licence if "kind" in content else None,
    )
