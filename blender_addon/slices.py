# SPDX-License-Identifier: GPL-3.0-or-later
"""Long work in slices, so that Blender's window stays alive in between."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from typing import TypeVar

_Item = TypeVar("_Item")
SLICE_S = 0.008
_Result = TypeVar("_Result")


def finished(steps: Generator[object, None, _Result]) -> _Result:
    """Run a generator to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def sliced(steps: Iterable[_Item | None]) -> Generator[None, None, list[_Item]]:
    """Run through `steps`, yielding whenever a slice of time is used up; return what is not None of it."""
    found: list[_Item] = []
    started = time.perf_counter()
    for item in steps:
        if item is not None:
            found.append(item)
        if time.perf_counter() - started > SLICE_S:
            yield
            started = time.perf_counter()
    return found
