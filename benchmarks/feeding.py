# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what a training is fed with: CPU time of a batch where it is made, and what the training pays for each.

Run it from the checkout with the engine's Python: `python benchmarks/feeding.py [--families original,quick:64,studio]`,
where `:64` is a batch size other than the family's own. It trains nothing and needs no card: the steps a second that a
card could make (`benchmarks/training.py`), times the CPU seconds of a batch, are the cores that feed it. Batches are
made of random pictures by processes, and for comparison by threads; a family that grows is measured at its last size.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from typing import Any

import machine
import numpy as np
from understudy.engine.runtime.device import available_cores
from understudy.engine.training.augmentation import View
from understudy.engine.training.batch import BatchPlan, make_batch
from understudy.engine.training.feeding import Feeding, processes, threads
from understudy.engine.training.loader import BatchLoader
from understudy.engine.training.performer_faces import PerformerFaces
from understudy.engine.training.recipes import RECIPES
from understudy.engine.training.view_units import POINTS

_FACES = 64
_WARM_UP = 8
FAMILIES = "original,quick,quick:64,studio"


@dataclass(frozen=True)
class FeedingCost:
    """What batches cost.

    Attributes:
        made: CPU seconds of one in the process that makes it, which takes it from no other.
        taken: CPU seconds of the training's own process for one.
        bytes: Size of one.
        by_processes: Batches a second by the clock, made by processes.
        by_threads: The same, made by as many threads.
    """

    made: float
    taken: float
    bytes: int
    by_processes: float
    by_threads: float


def random_faces(family: Any, oversampling: float) -> list[PerformerFaces]:
    """Return two performers whose faces, and masks where the family has one, are noise."""
    side = round(family.face_size / family.coverage * oversampling * 2.0)
    random = np.random.default_rng(0)
    pictures = tuple(random.integers(0, 256, (side, side, 3), np.uint8) for _ in range(_FACES))
    masks = tuple(random.integers(0, 256, (128, 128, 1), np.uint8) for _ in range(_FACES * family.has_mask))
    points = tuple(random.uniform(-80, 80, (_FACES * family.is_sketched, 2 * POINTS)).view(np.complex128))
    coverage = np.full(_FACES, 2.0)
    return [
        PerformerFaces(who, pictures, pictures[:8], coverage, coverage[:8], "", (), None, masks, points, points[:8])
        for who in ("a", "b")
    ]


def family_plan(family: Any, batch_size: int = 0) -> BatchPlan:
    """Return what the batches of a family have in common at its largest pictures."""
    recipe = RECIPES[family.name]
    return BatchPlan(View(family.face_size, family.coverage), recipe.augmentation, batch_size or recipe.batch_size, 0)


def _run(feeding: Feeding, plan: BatchPlan, count: int) -> tuple[float, float, float]:
    """Take batches; return CPU seconds of ended processes, of this one for a batch, and seconds for a batch."""
    before = os.times()
    with BatchLoader(feeding, plan) as loader:
        for _ in range(_WARM_UP):
            loader.next_batch()
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(count):
            loader.next_batch()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    after = os.times()
    others = after.children_user + after.children_system - before.children_user - before.children_system
    return others, cpu / max(1, count), wall / max(1, count)


def feeding_cost(faces: list[PerformerFaces], plan: BatchPlan, workers: int, batches: int) -> FeedingCost:
    """Measure a family's batches."""
    feeding = processes(faces, workers)
    # What starting costs, and what is made ahead, is in both.
    start, _, _ = _run(feeding, plan, 0)
    whole, taken, wall = _run(feeding, plan, batches)
    _, _, threaded = _run(threads(faces, workers), plan, batches)
    batch = make_batch(faces, plan, 0)
    size = batch.inputs.nbytes + batch.targets.nbytes
    return FeedingCost((whole - start) / batches, taken, size, 1.0 / wall, 1.0 / threaded)


def measure(families: str, workers: int, batches: int) -> None:
    """Print the table of some families."""
    from understudy.engine.networks.registry import FAMILIES as networks

    clock = f"batches a second: {workers} processes | {workers} threads"
    print(f"| family, batch | made, CPU ms | of one core, a second | taken, CPU ms | MB | {clock} |")
    print("|---|---|---|---|---|---|---|")
    for item in families.split(","):
        name, _, size = item.partition(":")
        plan = family_plan(networks[name], int(size or 0))
        cost = feeding_cost(random_faces(networks[name], RECIPES[name].oversampling), plan, workers, batches)
        figures = f"{1e3 * cost.made:.1f} | {1.0 / cost.made:.1f} | {1e3 * cost.taken:.2f} | {cost.bytes / 1e6:.1f}"
        speeds = f"{cost.by_processes:.1f} | {cost.by_threads:.1f}"
        print(f"| {name}, {plan.batch_size} + {plan.batch_size} | {figures} | {speeds} |", flush=True)


def main() -> None:
    """Measure the families asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", default=FAMILIES)
    parser.add_argument("--workers", type=int, default=available_cores(), help="processes, and threads")
    parser.add_argument("--batches", type=int, default=60)
    arguments = parser.parse_args()
    print(f"{machine.describe()}\n")
    measure(arguments.families, arguments.workers, arguments.batches)


if __name__ == "__main__":
    main()
