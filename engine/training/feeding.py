# SPDX-License-Identifier: GPL-3.0-or-later
"""Who makes the batches of a training: a thread beside a processor that trains, processes beside a graphics card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..runtime.device import available_cores, computes_on_card
from ..runtime.side_process import can_start_processes
from .performer_faces import PerformerFaces
from .shared_faces import SharedFaces

# Threads need the interpreter's lock in turns: on two cores twelve of them made fewer batches than two.
MOST_THREADS = 4
# More would feed no card that was measured, and each has a batch in memory.
MOST_PROCESSES = 12


@dataclass(frozen=True)
class Feeding:
    """Who makes batches, and of what.

    Attributes:
        faces: One entry for each performer.
        workers: How many make batches, each one at a time.
        shared: The same faces in memory that processes see, which are the workers then; None for threads.
    """

    faces: tuple[PerformerFaces, ...]
    workers: int = 1
    shared: SharedFaces | None = None


def threads(faces: Sequence[PerformerFaces], workers: int = 1) -> Feeding:
    """Return a feeding by threads of this process."""
    return Feeding(tuple(faces), workers)


def processes(faces: Sequence[PerformerFaces], workers: int) -> Feeding:
    """Return a feeding by processes; the learned pictures are copied into memory that they see.

    Raises:
        OSError: There is no room for them.
    """
    shared = SharedFaces(faces)
    return Feeding(shared.performers, workers, shared)


def choose_feeding(faces: Sequence[PerformerFaces], warn: Callable[[str], None]) -> Feeding:
    """Return what suits the device that trains and the cores that it leaves.

    Args:
        faces: One entry for each performer; take the result's instead, so that they aren't in memory twice.
        warn: Is told when faces can't be shared.
    """
    if not computes_on_card():
        # The step uses all cores itself, and lets go of the lock while it does.
        return threads(faces)
    spare = max(1, available_cores() - 1)
    if available_cores() > 1 and can_start_processes():
        try:
            return processes(faces, min(spare, MOST_PROCESSES))
        except OSError as error:
            warn(f"Threads make the training's batches, because the faces can't be shared with processes: {error}.")
    return threads(faces, min(spare, MOST_THREADS))
