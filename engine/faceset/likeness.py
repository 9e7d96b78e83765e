# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces that are alike, by vectors: chains, groups around leaders, clusters. Memory grows with the faces, never faster.

Nothing here compares all pairs at once: a table of 20,000 by 20,000 would take gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating[Any]]
# Is called with how many faces are done; returns whether to stop.
Watch = Callable[[int], bool]

_ROUNDS = 30


def squared_distances(vectors: Vectors, lengths: NDArray[np.float32], center: Vectors) -> NDArray[np.float32]:
    """Return the squared Euclidean distances (n,) of `vectors` (n, d), of known squared `lengths`, from one vector."""
    # Not `@`: for a product this small the threads of the linear algebra wait for each other longer than they work.
    products = np.einsum("ij,j->i", vectors, center)
    return np.maximum(lengths - 2 * products + float(center @ center), 0)


def chain(vectors: Vectors, watch: Watch) -> tuple[list[int], list[float]]:
    """Return an order in which each vector follows the one closest to it among those left, starting with the first.

    Returns:
        Indices, and the Euclidean distance of each to the one before it (0 for the first). Stopped early, the rest
        follows in its own order at distance 0.
    """
    rest, left = np.asarray(vectors, np.float32), np.arange(len(vectors))
    lengths = np.einsum("ij,ij->i", rest, rest)
    is_left = np.ones(len(left), bool)
    order, distances, place = [0], [0.0], 0
    while len(order) < len(vectors):
        is_left[place] = False
        current = rest[place]
        if is_left.sum() * 4 < len(is_left) * 3:
            # What was used is left out of the products now and then; copying every time would cost more.
            rest, left, lengths = rest[is_left], left[is_left], lengths[is_left]
            is_left = np.ones(len(left), bool)
        found = np.where(is_left, squared_distances(rest, lengths, current), np.inf)
        place = int(np.argmin(found))
        order.append(int(left[place]))
        distances.append(float(np.sqrt(found[place])))
        if watch(len(order)):
            is_left[place] = False
            order += left[is_left].tolist()
            distances += [0.0] * (len(vectors) - len(distances))
    return order, distances


def lead(vectors: Vectors, reach: float, watch: Watch) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each vector the first one within `reach` that leads: one that nobody before it leads.

    Unlike linking neighbors, this can't chain a slow movement into one group.

    Returns:
        Indices of leaders (n,), a leader leading itself, and the Euclidean distances to them (n,).
    """
    rest, left = np.asarray(vectors, np.float32), np.arange(len(vectors))
    leaders, distances = np.arange(len(vectors)), np.zeros(len(vectors))
    lengths = np.einsum("ij,ij->i", rest, rest)
    is_left = np.ones(len(left), bool)
    for index in range(len(vectors)):
        place = int(np.searchsorted(left, index))
        if place == len(left) or left[place] != index or not is_left[place]:
            continue
        found = np.sqrt(squared_distances(rest, lengths, rest[place]))
        is_led = is_left & (found <= reach)
        is_led[place] = True
        leaders[left[is_led]] = index
        distances[left[is_led]] = found[is_led]
        distances[index] = 0.0
        is_left &= ~is_led
        if is_left.sum() * 4 < len(is_left) * 3:
            rest, left, lengths = rest[is_left], left[is_left], lengths[is_left]
            is_left = np.ones(len(left), bool)
        if watch(index + 1):
            break
    return leaders, distances


def clusters(vectors: Vectors, count: int) -> NDArray[np.int64]:
    """Return for each vector the number of its cluster: Lloyd's k-means, begun with vectors far from each other.

    Args:
        vectors: (n, d).
        count: Clusters at most; equal vectors can't fill more clusters than there are different ones.

    Returns:
        Numbers from 0, (n,), the largest cluster first; the same for the same vectors.
    """
    points = np.asarray(vectors, np.float32)
    lengths = np.einsum("ij,ij->i", points, points)
    centers = _far_apart(points, lengths, count)
    labels = np.zeros(len(points), np.int64)
    for _ in range(_ROUNDS):
        distances = np.stack([squared_distances(points, lengths, center) for center in centers], axis=1)
        nearest = distances.argmin(axis=1)
        centers = np.stack([points[nearest == k].mean(axis=0) if (nearest == k).any() else center
                            for k, center in enumerate(centers)])  # fmt: skip
        if (nearest == labels).all():
            break
        labels = nearest
    sizes = np.bincount(labels, minlength=len(centers))
    rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    return rank[labels]


def _far_apart(points: NDArray[np.float32], lengths: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    middle = points.mean(axis=0)
    chosen = [int(np.argmin(squared_distances(points, lengths, middle)))]
    nearest = squared_distances(points, lengths, points[chosen[0]])
    while len(chosen) < min(count, len(points)) and nearest.max() > 1e-6:
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, squared_distances(points, lengths, points[chosen[-1]]))
    return points[chosen]
