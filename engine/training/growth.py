# SPDX-License-Identifier: GPL-3.0-or-later
"""When a growing network goes on to the next larger picture: a schedule by steps, kept in the checkpoint.

Every size but the first is faded in over some steps (Karras et al. 2018, "Progressive Growing of GANs", section 2).
Sizes that have begun keep their steps, whatever the settings become later; so a resumed training does what an
uninterrupted one does, and a model never shrinks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STARTS, _FADES = "growth/starts", "growth/fades"


@dataclass(frozen=True)
class Growth:
    """The sizes of a network's pictures over the steps of its training.

    Attributes:
        sizes: Sides in pixels, smallest first.
        starts: Step with which each begins; the first is 0 or below.
        fades: Steps over which each is faded in.
    """

    sizes: tuple[int, ...]
    starts: tuple[int, ...]
    fades: tuple[int, ...]

    def size_at(self, step: int) -> int:
        """Return the side of the pictures that step `step` trains."""
        return max(size for size, start in zip(self.sizes, self.starts, strict=True) if step >= start)

    def shares_at(self, step: int) -> dict[int, float]:
        """Return how far each size after the first is faded in at a step, 0…1."""
        shares = {}
        for size, start, fade in list(zip(self.sizes, self.starts, self.fades, strict=True))[1:]:
            # The first step of a size shows a little of it already, or it would learn nothing.
            shares[size] = min(1.0, max(0.0, (step + 1 - start) / max(1, fade)))
        return shares

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return the schedule as arrays of a checkpoint."""
        return {_STARTS: np.asarray(self.starts, np.int64), _FADES: np.asarray(self.fades, np.int64)}


def plan_growth(sizes: tuple[int, ...], steps_each: int, fade_share: float) -> Growth:
    """Return the schedule of a fresh training.

    Args:
        sizes: Sides in pixels, smallest first.
        steps_each: Steps at each size but the last, which has the rest.
        fade_share: Share of them over which a size is faded in.
    """
    fade = max(1, round(steps_each * fade_share))
    return Growth(sizes, tuple(number * steps_each for number in range(len(sizes))), (fade,) * len(sizes))


def resume_growth(planned: Growth, arrays: Mapping[str, NDArray[np.generic]], step: int) -> Growth:
    """Return a checkpoint's schedule: what began stays, what comes is planned as the settings ask now.

    Args:
        planned: The schedule of a fresh training with these settings.
        arrays: The checkpoint's arrays.
        step: Steps done.

    Raises:
        KeyError: The checkpoint has no schedule.
        ValueError: It has one of other sizes.
    """
    starts, fades = [int(v) for v in arrays[_STARTS]], [int(v) for v in arrays[_FADES]]
    if len(starts) != len(planned.sizes):
        raise ValueError(f"its schedule has {len(starts)} sizes instead of {len(planned.sizes)}")
    spacing = planned.starts[1] - planned.starts[0] if len(starts) > 1 else 0
    for number in range(1, len(starts)):
        if starts[number] > step:
            starts[number] = max(step, starts[number - 1] + spacing)
            fades[number] = planned.fades[number]
    return Growth(planned.sizes, tuple(starts), tuple(fades))


def grown_from(planned: Growth, size: int) -> Growth:
    """Return the schedule of a network that has learned the sizes up to `size` already; the next begins at once."""
    known = planned.sizes.index(size)
    spacing = planned.starts[1] - planned.starts[0] if len(planned.starts) > 1 else 0
    fade = planned.fades[0]
    starts = tuple((number - known - 1) * spacing if number > known else -fade for number in range(len(planned.sizes)))
    return Growth(planned.sizes, starts, planned.fades)
