# SPDX-License-Identifier: GPL-3.0-or-later
"""The batch of a training step: which faces, and how they look; it depends on the seed and the step's number alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract.sketch import SKETCH_CHANNELS
from .augmentation import Augmentation, View, make_views
from .performer_faces import PerformerFaces
from .team import part_of


@dataclass(frozen=True)
class BatchPlan:
    """What the batches of a training have in common, as long as its pictures don't grow.

    Attributes:
        view: What the network sees.
        preset: How far views differ from the stored faces.
        batch_size: Faces of each performer.
        seed: Start of the random numbers.
        flips: Probability of a mirrored view of each performer; the preset's for all by default.
        team: Number of this process and how many there are; each makes its share of the batch.
        picture_size: Side of the targets, a whole part of the view's size; 0 for that size.
    """

    view: View
    preset: Augmentation
    batch_size: int
    seed: int
    flips: tuple[float, ...] = ()
    team: tuple[int, int] = (0, 1)
    picture_size: int = 0

    @property
    def part(self) -> slice:
        """Which of each performer's faces this process takes."""
        return part_of(self.batch_size, self.team)

    def shapes(self, faces: Sequence[PerformerFaces]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the shapes of a batch's inputs and targets."""
        counts = (len(faces), self.part.stop - self.part.start)
        size, side = self.view.size, self.picture_size or self.view.size
        channels = 3 + (SKETCH_CHANNELS if faces[0].learned_points else 0)
        return (*counts, size, size, channels), (*counts, side, side, 4 if faces[0].learned_masks else 3)


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


def make_batch(faces: Sequence[PerformerFaces], plan: BatchPlan, step: int, room: Batch | None = None) -> Batch:
    """Make the batch of a step; the same arguments give the same batch, whatever came before.

    Args:
        faces: One entry for each performer.
        plan: What all batches have in common.
        step: Number of the batch.
        room: A batch of the plan's shapes that is overwritten, and returned; a new one by default.
    """
    if room is None:
        room = Batch(*(np.empty(shape, np.float32) for shape in plan.shapes(faces)))
    images, coverages, masks, points = [], [], [], []
    for number, performer in enumerate(faces):
        picked = pick_faces(len(performer.learned), plan.batch_size, step, (plan.seed, 1, number))[plan.part]
        images += [performer.learned[i] for i in picked]
        coverages += [performer.learned_coverage[i] for i in picked]
        masks += [performer.learned_masks[i] for i in picked] if performer.learned_masks else []
        points += [performer.learned_points[i] for i in picked] if performer.learned_points else []
    rank, size = plan.team
    random = np.random.default_rng([plan.seed, 2, step] if size == 1 else [plan.seed, 2, step, rank])
    of_each_face = np.repeat(np.asarray(plan.flips, np.float64), len(images) // len(faces)) if plan.flips else None
    factor = plan.view.size // (plan.picture_size or plan.view.size)
    channels, side = room.targets.shape[-1], plan.view.size
    inputs, targets = (array.reshape(-1, *array.shape[2:]) for array in (room.inputs, room.targets))
    whole = targets if factor == 1 else np.empty((len(images), side, side, channels), np.float32)
    make_views(images, coverages, plan.view, plan.preset, random, of_each_face, masks, points, (inputs, whole))
    if factor > 1:
        _reduce(whole, factor, targets)
    return room


def _reduce(pictures: NDArray[np.float32], factor: int, result: NDArray[np.float32]) -> None:
    """Reduce pictures (n, S, S, channels) by a whole factor: the mean of each square."""
    count, side, _side, channels = pictures.shape
    squares = pictures.reshape(count, side // factor, factor, side // factor, factor, channels)
    squares.mean(axis=(2, 4), dtype=np.float32, out=result)
