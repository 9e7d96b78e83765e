# SPDX-License-Identifier: GPL-3.0-or-later
"""How a training says when it will hardly get better: names of its figures, and the sentence made of them."""

from __future__ import annotations

from collections.abc import Mapping

SIMILARITY = "held-out SSIM"
# Seconds of training until the plateau: the likeliest, and the ends between which it lies with eight chances in ten.
# A figure that is missing means that the plateau isn't in sight.
PLATEAU = "plateau s"
PLATEAU_LOW = "plateau earliest s"
PLATEAU_HIGH = "plateau latest s"

_OWN = (SIMILARITY, PLATEAU, PLATEAU_LOW, PLATEAU_HIGH)


def plain_figures(values: Mapping[str, float]) -> dict[str, float]:
    """Return the figures that the outlook doesn't tell already."""
    return {name: value for name, value in values.items() if name not in _OWN}


def outlook_text(values: Mapping[str, float]) -> str:
    """Return one line on quality and plateau, or "" while nothing is known.

    Args:
        values: Figures of a `Metrics` message.
    """
    if SIMILARITY not in values:
        return ""
    quality = f"Held-out SSIM {values[SIMILARITY]:.3f}"
    if PLATEAU_LOW not in values:
        return quality
    low, high, middle = values[PLATEAU_LOW], values.get(PLATEAU_HIGH), values.get(PLATEAU)
    if high is not None and high <= 0.0:
        return f"{quality}; plateau reached: twice the training would gain less than 5 %"
    if high is not None and middle is not None:
        return f"{quality}; plateau in {_duration(middle)} ({_duration(low)} to {_duration(high)})"
    return f"{quality}; plateau not in sight, in {_duration(low)} at the earliest" if low > 0.0 else quality


def _duration(seconds: float) -> str:
    minutes = round(max(0.0, seconds) / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
