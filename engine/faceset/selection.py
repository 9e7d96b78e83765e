# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing faces that cover a need: greedy, with falling returns for what is covered already.

The value of a set is the sum, over needed poses, kinds of light and expressions, of log(1 + q), where q adds up how
close each chosen face comes and how good it is. Such a function is submodular, so taking the most useful face again and
again comes within 1 - 1/e of the best set (Nemhauser, Wolsey and Fisher 1978), and a face's use never grows, which
spares asking all of them every time (Minoux 1978).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .traits import Traits, sampled

# Pairs of traits that are covered together, and the difference within which one face stands for another.
_KERNELS = (
    (("yaw", 12.0), ("pitch", 10.0)),
    (("exposure", 0.1), ("light", 0.1)),
    (("mouth", 0.03), ("eyes", 0.15)),
)
_MOST_POINTS = 256
_CHUNK = 2048


def select_faces(
    need: Traits,
    supply: Traits,
    quality: NDArray[np.float64],
    most: int,
    watch: Callable[[int, int], bool] = lambda done, total: False,
) -> NDArray[np.int64]:
    """Return which faces to take, the most useful first; the same for the same faces.

    Args:
        need: The faces in the shots.
        supply: The faces to choose from.
        quality: How good each of them is, 0…1, (n,).
        most: Take at most this many.
        watch: Is told how many are taken and how many will be; returns whether to stop.

    Returns:
        Indices into `supply`, int64.
    """
    count = min(most, len(supply))
    closeness = _closeness(need.of(sampled(len(need), _MOST_POINTS)), supply) * quality[:, None].astype(np.float32)
    covered = np.zeros(closeness.shape[1], np.float32)
    waiting = [(-gain, index) for index, gain in enumerate(_gains(closeness, covered))]
    heapq.heapify(waiting)
    taken: list[int] = []
    while waiting and len(taken) < count:
        _, index = heapq.heappop(waiting)
        gain = _gain(closeness[index], covered)
        if waiting and -gain > waiting[0][0]:
            heapq.heappush(waiting, (-gain, index))
            continue
        taken.append(index)
        covered += closeness[index]
        if watch(len(taken), count):
            break
    return np.array(taken, np.int64)


def _gain(row: NDArray[np.float32], covered: NDArray[np.float32]) -> float:
    return float(np.log1p(row / (1 + covered)).sum(dtype=np.float64))


def _gains(closeness: NDArray[np.float32], covered: NDArray[np.float32]) -> list[float]:
    return [_gain(row, covered) for row in closeness]


def _closeness(need: Traits, supply: Traits) -> NDArray[np.float32]:
    """Return how well each face stands for each needed point in each respect, float32 (n, 3 * points)."""
    columns = [_kernel(need, supply, kernel) for kernel in _KERNELS]
    return np.concatenate(columns, axis=1)


def _kernel(need: Traits, supply: Traits, kernel: tuple[tuple[str, float], ...]) -> NDArray[np.float32]:
    known = ~np.any([np.isnan(getattr(need, name)) for name, _ in kernel], axis=0)
    points = np.stack([getattr(need, name)[known] / width for name, width in kernel], axis=1)
    # A face of unknown pose or light stands for none in that respect.
    faces = np.stack([np.nan_to_num(getattr(supply, name) / width, nan=1e3) for name, width in kernel], axis=1)
    result = np.empty((len(faces), len(points)), np.float32)
    for start in range(0, len(faces), _CHUNK):
        part = faces[start : start + _CHUNK, None] - points[None]
        result[start : start + _CHUNK] = np.exp(-0.5 * np.einsum("ijk,ijk->ij", part, part))
    return result
