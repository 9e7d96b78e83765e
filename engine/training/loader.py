# SPDX-License-Identifier: GPL-3.0-or-later
"""Training batches, made ahead of time in the background; batch n depends on the seed and on n alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from .augmentation import Augmentation, View, make_views
from .dataset import PerformerFaces
from .team import part_of

# Two batches ahead cover the time of a save; more would only cost memory.
_AHEAD = 2


@dataclass(frozen=True)
class Batch:
    """Faces of one training step.

    Attributes:
        inputs: float32 (performers, batch, S, S, 3) RGB in 0…1, bent, recolored and degraded; with the sketch as four
            channels more where the faces have points.
        targets: The same faces as the network should return them; float32 (performers, batch, S, S, 4) with the mask
            as fourth channel where the faces have masks.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]


def pick_faces(count: int, batch_size: int, step: int, seed: Sequence[int]) -> NDArray[np.int64]:
    """Return which faces step `step` trains on: every face once in each round, each round in a new order.

    A set smaller than the batch is gone through several times.
    """
    first = step * batch_size
    rounds = range(first // count, (first + batch_size - 1) // count + 1)
    order = np.concatenate([np.random.default_rng([*seed, number]).permutation(count) for number in rounds])
    begin = first - rounds[0] * count
    return order[begin : begin + batch_size]


def make_batch(
    faces: Sequence[PerformerFaces],
    view: View,
    preset: Augmentation,
    batch_size: int,
    seed: int,
    step: int,
    flips: Sequence[float] = (),
    team: tuple[int, int] = (0, 1),
    picture_size: int = 0,
) -> Batch:
    """Make the batch of a step; the same arguments give the same batch, whatever came before.

    Args:
        faces: One entry for each performer.
        view: What the network sees.
        preset: How far views differ from the stored faces.
        batch_size: Faces of each performer.
        seed: Start of the random numbers.
        step: Number of the batch.
        flips: Probability of a mirrored view of each performer; the preset's for all by default.
        team: Number of this process and how many there are; each makes its share of the batch.
        picture_size: Side of the targets, a whole part of the view's size; 0 for that size.
    """
    mine = part_of(batch_size, team)
    images, coverages, masks, points = [], [], [], []
    for number, performer in enumerate(faces):
        picked = pick_faces(len(performer.learned), batch_size, step, (seed, 1, number))[mine]
        images += [performer.learned[i] for i in picked]
        coverages += [performer.learned_coverage[i] for i in picked]
        masks += [performer.learned_masks[i] for i in picked] if performer.learned_masks else []
        points += [performer.learned_points[i] for i in picked] if performer.learned_points else []
    random = np.random.default_rng([seed, 2, step] if team[1] == 1 else [seed, 2, step, team[0]])
    count = mine.stop - mine.start
    shape = (len(faces), count, view.size, view.size)
    of_each_face = np.repeat(np.asarray(flips, np.float64), count) if flips else None
    inputs, targets = make_views(images, coverages, view, preset, random, of_each_face, masks, points)
    inputs, targets = inputs.reshape(*shape, inputs.shape[-1]), targets.reshape(*shape, targets.shape[-1])
    return Batch(inputs, _reduced(targets, view.size // (picture_size or view.size)))


def _reduced(pictures: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Return pictures (…, S, S, channels) reduced by a whole factor: the mean of each square."""
    if factor == 1:
        return pictures
    *outer, side, _side, channels = pictures.shape
    squares = pictures.reshape(*outer, side // factor, factor, side // factor, factor, channels)
    return squares.mean(axis=(-4, -2), dtype=np.float32)


class BatchLoader:
    """Makes batches in the background, in order; an exception there appears in `next_batch`.

    Args:
        faces: One entry for each performer.
        view: What the network sees.
        preset: How far views differ from the stored faces.
        batch_size: Faces of each performer.
        seed: Start of the random numbers.
        first_step: Number of the first batch.
        flips: Probability of a mirrored view of each performer; the preset's for all by default.
        team: Number of this process and how many there are; each makes its share of the batch.
        picture_size: Side of the targets, a whole part of the view's size; 0 for that size.
        workers: Threads that make batches, each one at a time; their number changes no batch.
    """

    def __init__(
        self,
        faces: Sequence[PerformerFaces],
        view: View,
        preset: Augmentation,
        batch_size: int,
        seed: int,
        first_step: int = 0,
        flips: Sequence[float] = (),
        team: tuple[int, int] = (0, 1),
        picture_size: int = 0,
        workers: int = 1,
    ) -> None:
        self._faces = tuple(faces)
        self._view = view
        self._preset = preset
        self._batch_size = batch_size
        self._seed = seed
        self._next = first_step
        self._flips = tuple(flips)
        self._picture_size = picture_size
        self._team = team
        self._workers = workers
        self._usual_threads = cv2.getNumThreads()
        self._ahead = workers + _AHEAD
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
        self._waiting: deque[Future[Batch]] = deque()

    def _order(self) -> None:
        arguments = (self._faces, self._view, self._preset, self._batch_size, self._seed, self._next, self._flips)
        how = {"team": self._team, "picture_size": self._picture_size}
        self._waiting.append(self._pool.submit(make_batch, *arguments, **how))
        self._next += 1

    def next_batch(self) -> Batch:
        """Return the next batch.

        Raises:
            Exception: Whatever went wrong while it was made.
        """
        while len(self._waiting) < self._ahead:
            self._order()
        return self._waiting.popleft().result()

    def __enter__(self) -> BatchLoader:
        if self._workers > 1:
            # Several workers share the cores already; threads of each operation would only wait for them.
            cv2.setNumThreads(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._workers > 1:
            cv2.setNumThreads(self._usual_threads)
