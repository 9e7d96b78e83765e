# SPDX-License-Identifier: GPL-3.0-or-later
"""Several strips in one go: those that can't be done are left out and named, the others go on. No bpy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..engine.contract.errors import EngineError
from .job_request import JobRequest

_MOST_NAMED = 4


class Batch:
    """Collects why strips are left out."""

    def __init__(self) -> None:
        self._refused: list[EngineError] = []

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Work on one strip inside the block; a failure with a known cause leaves the strip out."""
        try:
            yield
        except EngineError as error:
            self._refused.append(error)

    @property
    def remarks(self) -> tuple[str, ...]:
        """A sentence for each strip that was left out."""
        return tuple(f"Left out: {error}" for error in self._refused)

    def require(self, is_anything_left: bool) -> None:
        """Check that something is left to do.

        Raises:
            EngineError: Why there is nothing: the strip's own reason, or those of all.
        """
        if is_anything_left or not self._refused:
            return
        first = self._refused[0]
        if len(self._refused) == 1:
            raise first
        reasons = list(dict.fromkeys(error.message for error in self._refused))
        more = f" And {len(reasons) - _MOST_NAMED} more." if len(reasons) > _MOST_NAMED else ""
        hints = list(dict.fromkeys(error.hint for error in self._refused if error.hint))
        sentence = f"None of {len(self._refused)} strips can be used. {' '.join(reasons[:_MOST_NAMED])}{more}"
        raise EngineError(first.code, sentence, " ".join(hints[:_MOST_NAMED]))

    def told_with(self, requests: Sequence[JobRequest]) -> list[JobRequest]:
        """Return the requests; the last one, which panels show longest, carries the remarks.

        Raises:
            EngineError: As `require` does, when there are no requests.
        """
        self.require(bool(requests))
        if not requests or not self._refused:
            return list(requests)
        return [*requests[:-1], replace(requests[-1], remarks=(*requests[-1].remarks, *self.remarks))]
