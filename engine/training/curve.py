# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss history as a picture: one line for each performer over the steps, and the held-out error, 1 - SSIM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 256
# Room for the figures at the left and below.
_LEFT, _BELOW = 46, 24
_BACKGROUND = (40, 40, 40)
_FRAME = (110, 110, 110)
_TEXT = (200, 200, 200)
# Distinct for people with color-blindness, too: Okabe and Ito's palette (2008).
_COLORS = ((86, 180, 233), (230, 159, 0), (0, 158, 115), (240, 228, 66), (204, 121, 167), (213, 94, 0))
HELD_OUT = "held out"
_LOSS = "loss/"
_FONT = cv2.FONT_HERSHEY_SIMPLEX
# Panels show the picture at about two thirds of its size.
_FONT_SCALE = 0.5
_LINE_PX = 18
_LONGEST_NAME = 18
# Sub-pixel positions for OpenCV's lines.
_SHIFT = 4

Series = Mapping[str, Sequence[tuple[int, float]]]


def loss_series(history: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Return the curves of a history: name -> (step, value), values positive.

    Args:
        history: Lines of the history file (`history.read_history`).
    """
    series: dict[str, list[tuple[int, float]]] = {}
    for line in history:
        values = {name.removeprefix(_LOSS): line[name] for name in line if name.startswith(_LOSS)}
        if isinstance(line.get("held_out/ssim"), int | float):
            values[HELD_OUT] = 1.0 - line["held_out/ssim"]
        for name, value in values.items():
            if isinstance(value, int | float) and np.isfinite(value) and value > 0:
                series.setdefault(name, []).append((line["step"], float(value)))
    return series


def loss_curve(series: Series) -> NDArray[np.uint8]:
    """Draw the curves with their names, steps to the right, values upwards on a logarithmic scale.

    Args:
        series: Name -> (step, value) in order of steps, values positive.

    Returns:
        uint8 (256, 256, 3) RGB; only the frame when there is nothing to draw.
    """
    picture = np.full((SIDE, SIDE, 3), _BACKGROUND, np.uint8)
    low, high = (_LEFT, SIDE - _BELOW), (SIDE - 8, 8)
    cv2.rectangle(picture, low, high, _FRAME, 1)
    points = [point for curve in series.values() for point in curve]
    if not points:
        return picture
    steps, logs = np.array([step for step, _ in points], float), np.log10([value for _, value in points])
    first, last = steps.min(), max(steps.max(), steps.min() + 1)
    bottom, top = logs.min(), max(logs.max(), logs.min() + 1e-3)
    for index, (name, curve) in enumerate(series.items()):
        x = low[0] + (np.array([step for step, _ in curve], float) - first) / (last - first) * (high[0] - low[0])
        y = low[1] + (np.log10([value for _, value in curve]) - bottom) / (top - bottom) * (high[1] - low[1])
        line = np.rint(np.stack([x, y], axis=1) * (1 << _SHIFT)).astype(np.int32)
        color = _COLORS[index % len(_COLORS)]
        cv2.polylines(picture, [line], isClosed=False, color=color, thickness=1, lineType=cv2.LINE_AA, shift=_SHIFT)
        _label(picture, name if name.isascii() else f"performer {index + 1}", high[1] + _LINE_PX * (index + 1), color)
    for text, place in (
        (f"{10**top:.2g}", (2, high[1] + 12)),
        (f"{10**bottom:.2g}", (2, low[1])),
        (f"{first:.0f}", (low[0], SIDE - 7)),
    ):
        _write(picture, text, place, _TEXT)
    _write_to(picture, f"{last:.0f} steps", (high[0], SIDE - 7), _TEXT)
    return picture


def _label(picture: NDArray[np.uint8], name: str, bottom: int, color: tuple[int, int, int]) -> None:
    """Write a curve's name in its color at the right, where falling curves leave room; OpenCV's font is ASCII only."""
    text = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 3] + "..."
    _write_to(picture, text, (SIDE - 12, bottom), color)


def _write_to(picture: NDArray[np.uint8], text: str, place: tuple[int, int], color: tuple[int, int, int]) -> None:
    """Write text that ends at a place."""
    (width, _height), _base = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
    _write(picture, text, (place[0] - width, place[1]), color)


def _write(picture: NDArray[np.uint8], text: str, place: tuple[int, int], color: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, place, _FONT, _FONT_SCALE, color, 1, cv2.LINE_AA)
