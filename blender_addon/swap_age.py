# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a swap is behind what it was made from: its model learned more since, its shot shows more frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..engine.contract.settings import NEWEST
from .found_model import FoundModel
from .sequencer import visible_frames
from .swap_content import SETTINGS, STEP
from .swap_made_with import model_name
from .swap_strips import shared_frames


def remarks(strip: Any, swap: Any, find_model: Callable[[str], FoundModel | None]) -> list[str]:
    """Return what a swap is behind in, in sentences; cheap enough for drawing.

    Args:
        strip: The shot's strip.
        swap: Its swap strip.
        find_model: Returns a model of the project by name.
    """
    found = []
    model, step = find_model(model_name(swap)), swap.get(STEP)
    # Whoever edits a strip's properties by hand may have written anything there.
    is_behind = model is not None and isinstance(step, int) and 0 < step < (model.step or 0)
    if model is not None and is_behind and _takes_the_newest(swap):
        found.append(f"“{swap.name}” was made after {step} steps; the model has {model.step} now.")
    shown = visible_frames(strip)
    covered = len(shared_frames(shown, visible_frames(swap)))
    if covered < len(shown):
        found.append(f"“{swap.name}” covers {covered} of the shot's {len(shown)} frames.")
    return found


def _takes_the_newest(swap: Any) -> bool:
    """Whether a swap was made with the newest checkpoint rather than with one that was asked for by name."""
    try:
        settings = json.loads(swap.get(SETTINGS, "{}"))
    except (ValueError, TypeError):
        return False
    return isinstance(settings, dict) and settings.get("checkpoint", NEWEST) == NEWEST
