# SPDX-License-Identifier: GPL-3.0-or-later
"""Work handed to another thread, done in order, with a bound to how much may wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class OrderedWorker:
    """One thread that does what it is given in the order in which it is given.

    Args:
        name: Name of the thread.
        most_waiting: How much may wait; who brings more has to wait as well.
    """

    def __init__(self, name: str, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._waiting: deque[Future[None]] = deque()
        # The pool's thread ends with the pool when nobody holds this object any more.
        self._pool = ThreadPoolExecutor(1, name)

    def give(self, work: Callable[[], None]) -> None:
        """Hand over a piece of work.

        Raises:
            Exception: What an earlier piece raised.
        """
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= self._most_waiting):
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(work))

    def finish(self) -> None:
        """Wait until everything is done.

        Raises:
            Exception: What a piece of work raised first; the others are done all the same.
        """
        waiting, self._waiting = self._waiting, deque()
        error = next((item.exception() for item in waiting if item.exception() is not None), None)
        if error is not None:
            raise error
