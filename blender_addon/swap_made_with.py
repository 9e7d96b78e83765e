# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap was made with, put back where the next swap is set up: its settings, its performers, its model."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import fields
from typing import Any

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.settings import SwapSettings
from . import casting
from .swap_content import MODEL, SETTINGS, SOURCE
from .swap_strips import target_of


def take_settings(settings: Any, swap: Any, models: Collection[str]) -> list[str]:
    """Put what a swap strip was made with into an edit's settings.

    Args:
        settings: The scene's `understudy` properties; what a swap of an earlier version doesn't say takes its default.
        swap: The swap strip.
        models: Names of the models that the project has.

    Returns:
        What couldn't be taken, in words: a performer or a model that isn't there any more, a choice that this version
        doesn't have. That stays as it was.

    Raises:
        EngineError: `settings_invalid`, when the strip doesn't say what it was made with; nothing is changed then.
    """
    made_with = _written(swap)
    left = [
        item.name.replace("_", " ")
        for item in fields(SwapSettings)
        if not _set(settings.swap, item.name, made_with.get(item.name, item.default))
    ]
    for role, identity in (("source", str(swap.get(SOURCE, ""))), ("target", target_of(swap))):
        item = casting.find_performer(settings, identity)
        if item is None:
            left.append(f"the {role} {identity}".strip())
        else:
            setattr(settings, role, item.name)
    model = model_name(swap)
    if model in models:
        settings.model = model
    else:
        left.append(f"the model {model}".strip())
    return left


def model_name(swap: Any) -> str:
    """Return the name of the model that a swap strip was made with; "" when it doesn't say."""
    # The path may be another system's.
    return re.split(r"[\\/]", str(swap.get(MODEL, "")).rstrip("\\/"))[-1]


def _written(swap: Any) -> dict[str, Any]:
    try:
        made_with = json.loads(swap.get(SETTINGS, ""))
    except (ValueError, TypeError):
        made_with = None
    if not isinstance(made_with, dict) or not made_with:
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"The strip “{swap.name}” doesn't say what it was made with.",
            "Insert its frames again, or swap the shot again.",
        )
    return made_with


def _set(group: Any, name: str, value: Any) -> bool:
    """Set one property as `job_requests.settings_of` reads it; return whether it took the value."""
    is_choice = group.bl_rna.properties[name].type == "ENUM"
    try:
        setattr(group, name, str(value) if is_choice else value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True
