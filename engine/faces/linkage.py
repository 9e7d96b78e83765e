# SPDX-License-Identifier: GPL-3.0-or-later
"""Grouping by average linkage, with items that must be together and items that must stay apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..runtime.reporter import Reporter


def average_linkage(
    distances: NDArray[np.floating],
    weights: NDArray[np.floating],
    apart: NDArray[np.bool_],
    limit: float,
    together: Sequence[Sequence[int]] = (),
    reporter: Reporter | None = None,
) -> NDArray[np.intp]:
    """Merge the two nearest groups again and again until the nearest are farther apart than `limit`.

    The distance of two groups is the weighted mean of their items' distances, updated as Lance and Williams describe
    ("A general theory of classificatory sorting strategies", 1967). It can't fall below what was merged before, so a
    group's nearest neighbor changes only when one of the two was merged; that keeps the work at n² and a little.

    Args:
        distances: (n, n), symmetric.
        weights: (n,), above 0: how much an item counts in the means.
        apart: (n, n), symmetric: items that never come into one group, nor the groups that hold them.
        limit: Largest mean distance at which groups are merged.
        together: Items that are one group from the start, whatever their distance.
        reporter: Is told how far it is; when it says stop, the groups so far are returned.

    Returns:
        Group of each item, (n,): numbers from 0 in order of each group's first item. Equal distances are settled by
        the order of the items.
    """
    reporter = reporter or Reporter()
    groups = _start(len(weights), together)
    means, blocked, sizes = group_distances(distances, weights, apart, groups)
    means[blocked] = np.inf
    np.fill_diagonal(means, np.inf)
    names = np.arange(len(sizes))
    nearest = means.argmin(axis=1) if len(sizes) else names
    best = means[names, nearest]
    for merged in range(len(sizes)):
        first = int(best.argmin())
        if best[first] > limit or reporter.progress(merged, len(sizes), "groups"):
            break
        first, second = sorted((first, int(nearest[first])))
        row = (sizes[first] * means[first] + sizes[second] * means[second]) / (sizes[first] + sizes[second])
        row[[first, second]] = np.inf
        means[first], means[:, first] = row, row
        means[second], means[:, second] = np.inf, np.inf
        sizes[first] += sizes[second]
        names[names == second] = first
        best[second] = np.inf
        stale = np.flatnonzero((nearest == first) | (nearest == second) | (np.arange(len(best)) == first))
        nearest[stale] = means[stale].argmin(axis=1)
        best[stale] = means[stale, nearest[stale]]
    return _renumbered(names[groups])


def group_distances(
    distances: NDArray[np.floating], weights: NDArray[np.floating], apart: NDArray[np.bool_], groups: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return mean distance (g, g) and must-stay-apart (g, g) of each two groups, and the groups' weights (g,).

    Args:
        distances: (n, n), symmetric.
        weights: (n,), above 0.
        apart: (n, n), symmetric.
        groups: (n,), group of each item, 0 to g - 1.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(groups.max(initial=-1) + 1))
    if not len(starts):
        return np.zeros((0, 0)), np.zeros((0, 0), bool), np.zeros(0)
    weighted = (np.asarray(distances, float) * weights[:, None] * weights)[np.ix_(order, order)]
    sums = np.add.reduceat(np.add.reduceat(weighted, starts, axis=0), starts, axis=1)
    blocked = apart[np.ix_(order, order)]
    blocked = np.logical_or.reduceat(np.logical_or.reduceat(blocked, starts, axis=0), starts, axis=1)
    sizes = np.add.reduceat(weights[order].astype(float), starts)
    return sums / (sizes[:, None] * sizes), blocked, sizes


def _start(count: int, together: Sequence[Sequence[int]]) -> NDArray[np.intp]:
    groups = np.arange(count)
    for items in together:
        numbers = {int(groups[item]) for item in items}
        groups[np.isin(groups, list(numbers))] = min(numbers, default=0)
    return _renumbered(groups)


def _renumbered(groups: NDArray[np.intp]) -> NDArray[np.intp]:
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), dtype=np.intp)
    ranks[np.argsort(first)] = np.arange(len(first))
    return ranks[inverse]
