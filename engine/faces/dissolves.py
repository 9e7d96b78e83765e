# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding dissolves: pictures that are mixes of the one before and the one after, with less structure than either.

Three properties together tell a dissolve from movement and light. A mix of two unlike pictures has less energy of
structure than they have (the known dip of variance); it is a weighted sum of both, where a picture of a moving camera
is no sum of others; and along the way from the old to the new scene the pictures go steadily, with rest before and
after.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scene_looks import SceneLook, differs_by_light, likeness, mix_weights

DELAY = 24
"""A dissolve is told at the latest this many frames after its middle; half of the longest one, which is 50."""

_MEMORY = 2 * DELAY + 24
_HALF_SPANS = (3, 5, 7, 10, 14, 19, 24)
_UNLIKE = 0.62
_LARGEST_DIP = 0.85
_LARGEST_SETTLED_DIP = 0.78
_LARGEST_STEADY_DIP = 0.9
_VERY_STEADY = 0.02
_DIP_LIKE_A_MIX = 0.2
_LOCAL_HALF_SPAN = 4
_LOCAL_SHARE = 0.5
_SHARE = 0.15
_LEAST_WEIGHT = 0.1
_LEAST_REST = 3
_TOO_LATE = 4
_LARGEST_DEVIATION = 0.13
_LARGEST_STEP = 0.55
_REST_FRAMES = 6
_LOOK_BACK = 24
_VOTERS = 400


@dataclass(frozen=True)
class Dissolve:
    """A dissolve, counted in watched frames.

    Attributes:
        middle: The frame from which on the new scene prevails.
        first: First mixed frame.
        last: Last mixed frame, as far as it was seen.
    """

    middle: int
    first: int
    last: int


class DissolveFinder:
    """Watches the looks of a footage in order."""

    def __init__(self) -> None:
        self._looks: deque[SceneLook] = deque(maxlen=_MEMORY)
        self._count = 0
        # The first frame of the span that looked like a dissolve, and its middle.
        self._suspicion: tuple[int, int] | None = None

    def watch(self, look: SceneLook) -> Dissolve | None:
        """Take the next frame; return the dissolve that is certain by now, if there is one."""
        self._looks.append(look)
        self._count += 1
        if self._suspicion is None:
            self._suspect()
        return self._settled(is_last=False)

    def finish(self) -> Dissolve | None:
        """No frame follows: return the dissolve that has just ended, if there is one."""
        return self._settled(is_last=True)

    def forget_before(self, frame: int) -> None:
        """A scene begins at this frame: what was before can't be a part of what comes."""
        while self._looks and self._oldest < frame:
            self._looks.popleft()
        self._suspicion = None

    @property
    def _oldest(self) -> int:
        return self._count - len(self._looks)

    def _suspect(self) -> None:
        for half in _HALF_SPANS:
            middle = len(self._looks) - 1 - half
            if middle < half:
                return
            near = min(half, _LOCAL_HALF_SPAN)
            if (
                _is_mix(self._looks[middle - half], self._looks[middle], self._looks[-1], _LARGEST_DIP)
                and mix_weights(self._looks[middle - near], self._looks[middle], self._looks[middle + near])[0]
                >= _LOCAL_SHARE
            ):
                self._suspicion = (self._oldest + middle - half, self._oldest + middle)
                return

    def _settled(self, is_last: bool) -> Dissolve | None:
        if self._suspicion is None:
            return None
        start, inside = self._suspicion
        newest = self._count - 1
        seen_from = max(0, start - self._oldest - _LOOK_BACK)
        ramp = _ramp(np.stack([look.colors for look in self._looks])[seen_from:], seen_from)
        first, last = self._oldest + ramp.first, self._oldest + ramp.last
        # A scene that moves may seem to rest for a moment, the longer a dissolve takes.
        rest = max(_LEAST_REST, (last - first) // 2)
        is_over = is_last or newest - last >= rest
        middle = (first + last + 1) // 2
        if not is_over and newest - middle < DELAY:
            return None
        self._suspicion = None
        if ramp.last <= ramp.first or not first <= inside <= last or newest - middle > DELAY + _TOO_LATE:
            return None
        if not self._is_dissolve(ramp):
            return None
        self.forget_before(last + 1)
        return Dissolve(max(middle, newest - DELAY), first, last)

    def _is_dissolve(self, ramp: _Ramp) -> bool:
        before, middle, after = self._ends_and_middle(ramp)
        if before.is_plain or after.is_plain or differs_by_light(before, after):
            # The same set before and after: something passed, or lost its focus for a moment.
            return False
        if ramp.deviation <= _VERY_STEADY and ramp.largest_step <= _LARGEST_STEP:
            return likeness(before, after) <= _UNLIKE and _dip(before, middle, after) <= _LARGEST_STEADY_DIP
        return ramp.is_steady and _is_mix(before, middle, after, _LARGEST_SETTLED_DIP)

    def _ends_and_middle(self, ramp: _Ramp) -> tuple[SceneLook, SceneLook, SceneLook]:
        before, after = max(0, ramp.first - 1), min(len(self._looks) - 1, ramp.last + 1)
        return self._looks[before], self._looks[(before + after) // 2], self._looks[after]


def _dip(before: SceneLook, middle: SceneLook, after: SceneLook) -> float:
    return middle.energy / max((before.energy + after.energy) / 2, 1e-6)


def _is_mix(before: SceneLook, middle: SceneLook, after: SceneLook, largest_dip: float) -> bool:
    if before.is_plain or after.is_plain:
        return False
    alike = likeness(before, after)
    if alike > _UNLIKE or _dip(before, middle, after) > largest_dip:
        return False
    if not _lies_between(before.brightness, middle.brightness, after.brightness):
        return False
    share, old, new = mix_weights(before, middle, after)
    if share < _SHARE or min(old, new) < _LEAST_WEIGHT:
        return False
    mixed = old / (old + new)
    cross = alike * float(np.sqrt(before.energy * after.energy))
    expected = mixed**2 * before.energy + (1 - mixed) ** 2 * after.energy + 2 * mixed * (1 - mixed) * cross
    return abs(middle.energy - expected) <= _DIP_LIKE_A_MIX * (before.energy + after.energy)


def _lies_between(before: float, middle: float, after: float) -> bool:
    # A dip or a flare of the light has no place between the ends; a mix has, but for movement and noise.
    margin = 3.0 + 0.25 * abs(after - before)
    return min(before, after) - margin <= middle <= max(before, after) + margin


@dataclass(frozen=True)
class _Ramp:
    """Rest, steady change and rest; frames count from the oldest known one.

    `deviation` is the root mean square one around the change, `largest_step` the one between neighbors; both are shares
    of the whole way.
    """

    first: int
    last: int
    deviation: float
    largest_step: float

    @property
    def is_steady(self) -> bool:
        return self.deviation <= _LARGEST_DEVIATION and self.largest_step <= _LARGEST_STEP


def _ramp(colors: NDArray[np.float32], offset: int) -> _Ramp:
    """Fit a ramp to the way from the first to the last of the looks, float32 (frames, n), at frames from `offset`."""
    start, end = 0, len(colors) - 1
    # Once from the ends of what is known, and once more from the ends that were found.
    start, end, _, _ = _fit_ramp(_progress(colors, start, end))
    progress = _progress(colors, start, end)
    start, end, fitted, gain = _fit_ramp(progress)
    near = slice(max(0, start - _REST_FRAMES), end + _REST_FRAMES)
    deviation = float(np.sqrt(np.square((progress - fitted)[near]).mean())) / gain
    largest = float(np.abs(np.diff(progress[start : end + 1])).max()) / gain
    return _Ramp(offset + start + 1, offset + end - 1, deviation, largest)


def _progress(colors: NDArray[np.float32], start: int, end: int) -> NDArray[np.float32]:
    # How far each frame is from start to end, as most of the values that differ there say: a background at rest
    # outvotes a person who moves.
    way = colors[end] - colors[start]
    voters = np.argsort(np.abs(way))[way.size // 2 :: max(1, way.size // 2 // _VOTERS)]
    ways = np.where(way[voters] == 0.0, np.float32(1e-6), way[voters])
    return np.median((colors[:, voters] - colors[start, voters]) / ways, axis=1)


def _fit_ramp(progress: NDArray[np.float32]) -> tuple[int, int, NDArray[np.float64], float]:
    # Every start and end is tried; the sums over the three parts of a ramp come from running sums.
    count = len(progress)
    centered = np.asarray(progress - progress.mean(), np.float64)
    frames = np.arange(count)
    sums, weighted = np.cumsum(centered), np.cumsum(frames * centered)
    starts, ends = np.triu_indices(count, 1)
    lengths, after = ends - starts, count - 1 - ends
    rising = (weighted[ends] - weighted[starts] - starts * (sums[ends] - sums[starts])) / lengths
    common = rising - sums[ends]
    total = after + (lengths + 1) / 2
    squares = after + (lengths + 1) * (2 * lengths + 1) / (6 * lengths) - total**2 / count
    gains = common / squares
    best = int(np.argmax(np.where(common > 0.0, common * gains, -np.inf)))
    start, end, gain = int(starts[best]), int(ends[best]), max(float(gains[best]), 1e-6)
    shape = np.clip((frames - start) / (end - start), 0.0, 1.0)
    return start, end, progress.mean() + gain * (shape - shape.mean()), gain
