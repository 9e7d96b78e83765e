# SPDX-License-Identifier: GPL-3.0-or-later
"""Animation curves of strips: copied from one to another, and moved in time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .sequencer import strip_fcurves

_FIELDS = {"co": 2, "handle_left": 2, "handle_right": 2}
_ENUMS = ("interpolation", "easing", "handle_left_type", "handle_right_type", "back", "amplitude", "period")


def copy_fcurves(strip: Any, target: Any, prefixes: tuple[str, ...]) -> None:
    """Copy the curves of `strip` whose path below the strip begins with one of `prefixes` onto `target`.

    Both strips belong to the same scene, whose action holds the curves.
    """
    scene = strip.id_data
    for (path, index), curve in strip_fcurves(strip).items():
        if path.startswith(prefixes) and len(curve.keyframe_points):
            action = scene.animation_data.action
            full_path = f"{target.path_from_id()}.{path}"
            copy = action.fcurve_ensure_for_datablock(scene, full_path, index=index)
            _copy_keys(curve, copy)


def _copy_keys(curve: Any, copy: Any) -> None:
    count = len(curve.keyframe_points)
    copy.keyframe_points.clear()
    copy.keyframe_points.add(count)
    for name, size in _FIELDS.items():
        values = np.empty(count * size, np.float32)
        curve.keyframe_points.foreach_get(name, values)
        copy.keyframe_points.foreach_set(name, values)
    for key, made in zip(curve.keyframe_points, copy.keyframe_points, strict=True):
        for name in _ENUMS:
            setattr(made, name, getattr(key, name))
    copy.extrapolation = curve.extrapolation
    copy.update()


def first_key(strip: Any) -> float | None:
    """Return the frame of the earliest key of the strip's curves; None without any."""
    return min((key.co[0] for curve in strip_fcurves(strip).values() for key in curve.keyframe_points), default=None)


def shift_curves(strip: Any, delta: float) -> None:
    """Move every key of the strip's curves by `delta` frames."""
    for curve in strip_fcurves(strip).values():
        for name, size in _FIELDS.items():
            values = np.empty(len(curve.keyframe_points) * size, np.float32)
            curve.keyframe_points.foreach_get(name, values)
            values[::2] += delta
            curve.keyframe_points.foreach_set(name, values)
        curve.update()
