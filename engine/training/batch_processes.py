# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches made by other processes, which don't share this one's lock; they lie in memory that all of them see.

The memory is divided into slots. A process gets the number of a step and of a slot, makes the batch, and says so; no
pixel is sent. A slot is free again when nobody holds the arrays in it any more.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError
from ..runtime.array_messages import ArrayMessage
from ..runtime.shared_memory import SharedMemory, make_shared_memory
from ..runtime.side_process import SideProcess, answer_messages
from .augmentation import Augmentation, View
from .batch import Batch, BatchPlan, make_batch
from .performer_faces import PerformerFaces
from .shared_faces import SharedFaces, open_shared_faces

Shapes = tuple[tuple[int, ...], tuple[int, ...]]


class _Slots:
    """Places for batches of the same shapes, one after the other in memory."""

    def __init__(self, memory: SharedMemory, shapes: Shapes) -> None:
        self._memory, self._shapes = memory, shapes

    @staticmethod
    def room(shapes: Shapes) -> int:
        """Return the bytes of one."""
        return 4 * sum(int(np.prod(shape)) for shape in shapes)

    def whole(self, slot: int) -> NDArray[np.float32]:
        """Return all numbers of a slot, in one row."""
        room = self.room(self._shapes)
        return self._memory.array(slot * room, np.float32, (room // 4,))

    def batch(self, whole: NDArray[np.float32]) -> Batch:
        """Return the batch that lies in a slot; its arrays keep `whole`."""
        inputs, targets = self._shapes
        count = int(np.prod(inputs))
        return Batch(whole[:count].reshape(inputs), whole[count:].reshape(targets))


class BatchProcesses:
    """Processes that make batches, each one at a time.

    Args:
        shared: The faces.
        plan: What all batches have in common.
        workers: How many processes.
        slots: How many batches may be in the making, waiting and in use together.

    Attributes:
        lost: How many of them ended unexpectedly.
        left: How many are there.

    Raises:
        OSError: There is no memory for the slots, or no process can be started.
    """

    def __init__(self, shared: SharedFaces, plan: BatchPlan, workers: int, slots: int) -> None:
        shapes = plan.shapes(shared.performers)
        memory = make_shared_memory(slots * _Slots.room(shapes))
        self._slots = _Slots(memory, shapes)
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(slots):
            self._free.put(slot)
        content, arrays = shared.described()
        slots_at = {"handle": memory.handle, "size": memory.size, "shapes": shapes}
        opening = {"do": "open", "faces": content, "slots": slots_at, "plan": asdict(plan)}
        self._processes: list[SideProcess] = []
        self._idle: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()
        self._counting = threading.Lock()
        self.lost = self.left = 0
        self.is_closed = False
        try:
            for _ in range(workers):
                process = SideProcess(__name__.partition(".")[2], "makes batches", (shared.memory, memory))
                self._processes.append(process)
                self._idle.put(_Worker(process, opening, arrays))
                self.left += 1
        except OSError:
            self.close()
            raise

    def make(self, step: int) -> Batch | None:
        """Return the batch of a step, made by the next idle process; None when that ended, or there is none.

        Any number of threads may call it. The batch is None, too, when all slots are in use.
        """
        worker = self._idle.get()
        if worker is None:
            self._idle.put(None)
            return None
        try:
            slot = self._free.get_nowait()
        except queue.Empty:
            self._idle.put(worker)
            return None
        whole = self._slots.whole(slot)
        # Only views of this array are given away, so that it ends with the last of them.
        weakref.finalize(whole, self._free.put, slot).atexit = False
        is_made = False
        try:
            worker.make(step, slot)
            is_made = True
        except EngineError:
            return None
        finally:
            self._idle.put(worker) if is_made else self._lose(worker)
        return self._slots.batch(whole)

    def close(self) -> None:
        """End the processes, whatever they do."""
        self.is_closed = True
        for process in self._processes:
            process.kill()
        self._idle.put(None)

    def _lose(self, worker: _Worker) -> None:
        # It may still write into its slot until it has ended.
        worker.process.kill()
        with self._counting:
            self.left -= 1
            self.lost += not self.is_closed
            if self.left == 0:
                self._idle.put(None)


class _Worker:
    """One of the processes, which is told what to make batches of before its first one."""

    def __init__(self, process: SideProcess, opening: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> None:
        self.process = process
        self._opening: ArrayMessage | None = opening, list(arrays)

    def make(self, step: int, slot: int) -> None:
        """Let a batch be made in a slot.

        Raises:
            EngineError: `crashed`, when the process ended.
        """
        if self._opening is not None:
            self.process.receive()
            self.process.send(*self._opening)
            self._opening = None
        self.process.ask({"do": "make", "ask": True, "step": step, "slot": slot})


class _Maker:
    """The other side: makes what it is told."""

    def __init__(self) -> None:
        self._faces: tuple[PerformerFaces, ...] = ()
        self._plan: BatchPlan | None = None
        self._slots: _Slots | None = None

    def handle(self, content: dict[str, Any], arrays: list[NDArray[Any]]) -> ArrayMessage | None:
        if content["do"] == "open":
            self._faces = open_shared_faces(content["faces"], arrays)
            self._plan = _plan_of(content["plan"])
            memory = SharedMemory(content["slots"]["handle"], content["slots"]["size"])
            inputs, targets = content["slots"]["shapes"]
            self._slots = _Slots(memory, (tuple(inputs), tuple(targets)))
            return None
        assert self._plan is not None, "the first message says what batches are made of"
        assert self._slots is not None, "as above"
        room = self._slots.batch(self._slots.whole(content["slot"]))
        make_batch(self._faces, self._plan, content["step"], room)
        return {}, []


def _plan_of(content: dict[str, Any]) -> BatchPlan:
    """Return the plan that came as JSON, which keeps every digit."""
    rank, size = content["team"]
    known = {"view": View(**content["view"]), "preset": Augmentation(**content["preset"]), "team": (rank, size)}
    return BatchPlan(**{**content, **known, "flips": tuple(content["flips"])})


def main(*_handles: int | str) -> None:
    """Serve as one of the processes; the first message says what the handles are."""
    # The processes share the cores already; threads of each operation would only wait for them.
    cv2.setNumThreads(1)
    # glibc hands memory back to the system at once until something large has been freed, and a megabyte is asked for
    # many times a batch. Nothing touches this memory, so it costs nothing.
    np.empty(1 << 24, np.uint8)
    answer_messages(_Maker().handle)
