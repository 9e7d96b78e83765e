# SPDX-License-Identifier: GPL-3.0-or-later
"""The heat strip of a shot's fitness: which color and height a value has, and one column for each frame or some.

Blue is fit and orange is not, which people with any kind of color vision tell apart; the height says the same once
more, for those who see no colors or a gray print.
"""

from __future__ import annotations

from collections.abc import Sequence

# Unfit, halfway, fit: vermilion, pale yellow and blue of Okabe and Ito's palette for all kinds of color vision.
_COLORS = ((213, 94, 0), (240, 228, 130), (0, 114, 178))
BACKGROUND = (38, 38, 38)
# Frames where there is no such face.
ABSENT = (90, 90, 90)
# Even the worst frame has a visible bar.
_LOWEST = 0.25


def heat_color(fitness: float) -> tuple[int, int, int]:
    """Return the RGB color, 0…255, of a fitness 0…1."""
    place = min(max(fitness, 0.0), 1.0) * (len(_COLORS) - 1)
    index = min(int(place), len(_COLORS) - 2)
    share = place - index
    low, high = _COLORS[index], _COLORS[index + 1]
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(low, high, strict=True))
    return red, green, blue


def bar_height(fitness: float) -> float:
    """Return the share of the strip's height that a bar takes."""
    return _LOWEST + (1 - _LOWEST) * min(max(fitness, 0.0), 1.0)


def columns(fitness: Sequence[float | None], count: int) -> list[float | None]:
    """Return one value for each of `count` columns: the worst of the frames a column stands for.

    With fewer frames than columns every frame takes some columns.
    """
    total = len(fitness)
    found: list[float | None] = []
    for column in range(count):
        start = column * total // count
        end = max((column + 1) * total // count, start + 1)
        values = [value for value in fitness[start:end] if value is not None]
        found.append(min(values) if values else None)
    return found
