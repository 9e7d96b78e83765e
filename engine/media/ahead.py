# SPDX-License-Identifier: GPL-3.0-or-later
"""Running an iterator in a thread of its own, some items ahead, so that decoding goes on while others compute."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

_T = TypeVar("_T")
# How often a thread that waits for room looks whether it is still wanted.
_PATIENCE_S = 0.1


def read_ahead(items: Iterator[_T], depth: int) -> Generator[_T]:
    """Yield the items of an iterator that runs in a thread, in order.

    An exception of the iterator is raised here, behind the items before it. Closing this generator ends the thread
    before it returns, so that whatever the iterator reads from can be closed after that.

    Args:
        items: What to run; only the thread touches it from now on.
        depth: How many items may wait.
    """
    waiting: queue.Queue[tuple[str, object]] = queue.Queue(depth)
    is_over = threading.Event()
    thread = threading.Thread(target=_feed, args=(items, waiting, is_over), name="read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "end":
                return
            if kind == "error":
                assert isinstance(value, BaseException)
                raise value
            yield value  # type: ignore[misc] # what the queue holds as "item" came from `items`
    finally:
        is_over.set()
        thread.join()


def _feed(items: Iterator[_T], waiting: queue.Queue[tuple[str, object]], is_over: threading.Event) -> None:
    try:
        for item in items:
            if not _put(waiting, ("item", item), is_over):
                return
        _put(waiting, ("end", None), is_over)
    except BaseException as error:  # noqa: BLE001 - not handled here: handed to the thread that waits for the items
        _put(waiting, ("error", error), is_over)


def _put(waiting: queue.Queue[tuple[str, object]], item: tuple[str, object], is_over: threading.Event) -> bool:
    while not is_over.is_set():
        try:
            waiting.put(item, timeout=_PATIENCE_S)
        except queue.Full:
            continue
        return True
    return False
