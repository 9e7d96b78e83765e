# SPDX-License-Identifier: GPL-3.0-or-later
"""Other add-ons' handlers kept out while Understudy works on scenes that live for milliseconds only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import bpy

_HANDLERS = (
    *("render_init", "render_pre", "render_post", "render_write", "render_stats", "render_complete", "render_cancel"),
    *("frame_change_pre", "frame_change_post", "depsgraph_update_pre", "depsgraph_update_post"),
)


@contextlib.contextmanager
def silenced_handlers() -> Iterator[None]:
    """Call no handler of any add-on inside the block."""
    lists: list[Any] = [getattr(bpy.app.handlers, name) for name in _HANDLERS]
    before = [list(handlers) for handlers in lists]
    for handlers in lists:
        handlers.clear()
    try:
        yield
    finally:
        for handlers, functions in zip(lists, before, strict=True):
            handlers[:] = functions
