# SPDX-License-Identifier: GPL-3.0-or-later
"""Retimed strips: found by their keys and speed effects, whose effect on the frames Blender doesn't tell."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import bpy

from ..engine.contract.errors import EngineError, ErrorCode
from .sequencer import effects_over


def is_retimed(strip: Any) -> bool:
    """Whether retiming keys or speed effects decide which frames the strip shows."""
    return len(strip.retiming_keys) > 0 or any(effect.type == "SPEED" for effect in effects_over(strip))


def retimed_frames(scene: bpy.types.Scene, strip: Any, length: int, rate: Fraction | None) -> tuple[int, ...]:
    """Refuse the strip: its frames can't be told yet.

    Raises:
        EngineError: `strip_unsupported`, always.
    """
    raise EngineError(
        ErrorCode.STRIP_UNSUPPORTED,
        f"The strip “{strip.name}” is retimed.",
        "Render it to a movie of its own speed first.",
    )
