# SPDX-License-Identifier: GPL-3.0-or-later
"""Color grading copied from a shot to its swap: the face would stand out of a graded plate otherwise."""

from __future__ import annotations

from typing import Any, cast

from .sequencer import ensure_sequencer_scene

_GRADES = ("BRIGHT_CONTRAST", "COLOR_BALANCE", "CURVES", "HUE_CORRECT", "WHITE_BALANCE", "TONEMAP")
_OWN = ("rna_type", "name", "type", "is_active", "input_mask_type", "input_mask_id", "input_mask_strip")


def copy_grade(strip: Any, target: Any) -> None:
    """Give `target` copies of the modifiers of `strip` that change its colors all over the picture."""
    grades = [m for m in strip.modifiers if m.type in _GRADES and not m.input_mask_id and not m.input_mask_strip]
    if not grades:
        return
    ensure_sequencer_scene(target.id_data)
    if hasattr(strip, "use_linear_modifiers"):  # up to 5.1
        target.use_linear_modifiers = strip.use_linear_modifiers
    for modifier in grades:
        _copy_values(modifier, target.modifiers.new(modifier.name, modifier.type))


def _copy_values(source: Any, copy: Any) -> None:
    for item in source.bl_rna.properties:
        if item.identifier in _OWN:
            continue
        value = cast(Any, getattr(source, item.identifier))
        if item.type == "POINTER" and value is not None:
            _copy_values(value, getattr(copy, item.identifier))
        elif item.identifier == "curves":
            for curve, made in zip(source.curves, copy.curves, strict=True):
                _copy_points(curve.points, made.points)
        elif item.type not in ("POINTER", "COLLECTION") and not item.is_readonly:
            setattr(copy, item.identifier, value)
    if hasattr(copy, "curves"):
        copy.update()


def _copy_points(points: Any, copies: Any) -> None:
    while len(copies) > max(2, len(points)):
        copies.remove(copies[1])
    while len(copies) < len(points):
        copies.new(0.5, 0.5)
    for point, copy in zip(points, copies, strict=True):
        copy.location, copy.handle_type = point.location, point.handle_type
