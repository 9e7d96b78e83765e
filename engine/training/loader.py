# SPDX-License-Identifier: GPL-3.0-or-later
"""Training batches, made ahead of time in the background by threads or processes, and handed out in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from types import TracebackType

import cv2

from .batch import Batch, BatchPlan, make_batch
from .batch_processes import BatchProcesses
from .feeding import MOST_THREADS, Feeding

# Two batches ahead cover the time of a save; more would only cost memory.
_AHEAD = 2
# The batch of this step, and the one before it where it isn't let go of yet.
_IN_USE = 2


def _ignore(_text: str) -> None:
    pass


class BatchLoader:
    """Makes batches in the background, in order; an exception there appears in `next_batch`.

    Processes that can't be started or end unexpectedly are replaced: by those that are left, at last by threads.

    Args:
        feeding: The faces, and who makes batches of them; that changes no batch.
        plan: What all batches have in common.
        first_step: Number of the first batch.
        warn: Is told what the user should know, in the thread that asks for batches.

    Attributes:
        waited_s: Seconds in which whoever asked for batches waited for one to be ready.
    """

    def __init__(
        self, feeding: Feeding, plan: BatchPlan, first_step: int = 0, warn: Callable[[str], None] = _ignore
    ) -> None:
        self._feeding = feeding
        self._plan = plan
        self._next = first_step
        self._warn = warn
        self._ahead = feeding.workers + _AHEAD
        self._usual_threads = cv2.getNumThreads()
        self._processes: BatchProcesses | None = None
        self._lost = 0
        # With processes these threads only wait for them; without them they hold each other up at Python's lock.
        self._pool = ThreadPoolExecutor(feeding.workers, thread_name_prefix="batches")
        self._turns = threading.Semaphore(MOST_THREADS)
        self._waiting: deque[Future[Batch]] = deque()
        self.waited_s = 0.0

    def next_batch(self) -> Batch:
        """Return the next batch.

        Raises:
            Exception: Whatever went wrong while it was made.
        """
        while len(self._waiting) < self._ahead:
            self._waiting.append(self._pool.submit(self._make, self._next))
            self._next += 1
        began = time.perf_counter()
        batch = self._waiting.popleft().result()
        self.waited_s += time.perf_counter() - began
        self._tell_losses()
        return batch

    def _make(self, step: int) -> Batch:
        processes = self._processes
        batch = None if processes is None else processes.make(step)
        if batch is not None:
            return batch
        if processes is not None and processes.is_closed:
            raise CancelledError
        with self._turns:
            return make_batch(self._feeding.faces, self._plan, step)

    def _tell_losses(self) -> None:
        processes = self._processes
        if processes is None or processes.lost == self._lost:
            return
        self._lost, left = processes.lost, processes.left
        others = f"Still at work: {left}" if left else "Threads make them now, which is slower"
        self._warn(f"A process that makes the training's batches ended, perhaps for want of memory. {others}.")

    def __enter__(self) -> BatchLoader:
        feeding = self._feeding
        if feeding.workers > 1:
            # Several workers share the cores already; threads of each operation would only wait for them.
            cv2.setNumThreads(1)
        if feeding.shared is not None:
            try:
                slots = self._ahead + _IN_USE
                self._processes = BatchProcesses(feeding.shared, self._plan, feeding.workers, slots)
            except OSError as error:
                self._warn(f"Threads make the training's batches, because processes can't be started: {error}.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._processes is not None:
            self._processes.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._feeding.workers > 1:
            cv2.setNumThreads(self._usual_threads)
