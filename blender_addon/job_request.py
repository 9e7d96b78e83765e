# SPDX-License-Identifier: GPL-3.0-or-later
"""What the queue is asked to run, and what happens to the result. No bpy."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..engine.contract.messages import Done
from .edit_frames import StripFrames

# Takes over a result on the main thread, in steps that each return soon.
Finisher = Callable[[Done], Iterator[None]]


@dataclass(frozen=True)
class JobRequest:
    """What to run and what to do with its result.

    Attributes:
        kind: Kind of the job ("extract", "train", "swap", "check", "environment", "dummy").
        title: What the user sees, for example "Extract Faces: Interview".
        command: Program and arguments of the engine.
        folder: Existing folder of the job's files.
        finisher: Called with the last message when the job ended well; None when nothing is to be done in Blender.
        undo: Name of the undo step after the finisher; empty for none.
        strips: What the strips concerned show, so that the user reads frames of the timeline.
        remarks: Sentences on how it came about, for example which strips of a selection were left out.
    """

    kind: str
    title: str
    command: tuple[str, ...]
    folder: Path
    finisher: Finisher | None = None
    undo: str = ""
    strips: tuple[StripFrames, ...] = ()
    remarks: tuple[str, ...] = ()


# Finds out on the main thread what is to be run, in steps that each return soon.
Preparation = Generator[None, None, list[JobRequest]]
