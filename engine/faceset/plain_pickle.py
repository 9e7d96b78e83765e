# SPDX-License-Identifier: GPL-3.0-or-later
"""Pickled plain data, read without running anything.

The standard library's loader calls whatever a pickle names. This reader never looks a name up: it builds numbers,
texts, bytes, lists, tuples, dicts, sets and numeric NumPy arrays by itself, recognizes arrays by the names NumPy gives
their makers, and refuses every other name.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..runtime.reporter import Reporter
from . import pickled_arrays
from .foreign_errors import unreadable, unsafe
from .pickle_machine import PickleMachine
from .pickled_arrays import Array
from .pickled_names import Damaged, Refused

MOST_DEPTH = 64


def read_plain(data: bytes, path: Path, reporter: Reporter | None = None) -> Any:
    """Return the plain data that a pickle holds.

    Args:
        data: The pickle, of any protocol.
        path: The file it is from, for the sentence.
        reporter: Receives progress.

    Returns:
        None, bool, int, float, str, bytes, list, tuple, dict, set or numeric `ndarray`, nested at most `MOST_DEPTH`
        deep, never inside itself. Keys and members of sets are numbers, texts or bytes.

    Raises:
        EngineError: `alignments_unsafe`, naming what the pickle wanted to run; `alignments_unreadable` when it is
            damaged, too long or too deep.
        ReadingStopped: The user stopped.
    """
    try:
        return _without_wrappers(PickleMachine(reporter or Reporter()).run(data))
    except Refused as refusal:
        raise unsafe(path, f"it asks for {refusal}") from refusal
    except (Damaged, pickled_arrays.BadArray, ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise unreadable(path, f"its pickled part is damaged ({' '.join(str(error).split())[:200]})") from error
    except MemoryError as error:
        raise unreadable(path, "its pickled part claims more memory than there is") from error


def inflate(data: bytes, path: Path, most_bytes: int) -> bytes:
    """Return decompressed zlib data, refusing to unpack more than `most_bytes`.

    Raises:
        EngineError: `alignments_unreadable`, naming `path`.
    """
    unpacker = zlib.decompressobj()
    try:
        result = unpacker.decompress(data, most_bytes)
    except zlib.error as error:
        raise unreadable(path, f"its compressed part is damaged ({error})") from error
    if unpacker.unconsumed_tail:
        raise unreadable(path, f"it unpacks to more than {most_bytes >> 20} MiB")
    if not unpacker.eof:
        raise unreadable(path, "its compressed part is cut off")
    return result


def _without_wrappers(root: Any) -> Any:
    """Return the data with finished arrays in place of their wrappers; refuse cycles and deep nesting.

    Every container is finished once, after its contents and without recursion, so that neither depth nor sharing can
    crash or hang it.
    """
    finished: dict[int, tuple[int, Any]] = {}
    open_ids: set[int] = set()
    todo: list[tuple[Any, bool]] = [(root, False)]
    while todo:
        value, has_children_done = todo.pop()
        if not isinstance(value, list | tuple | dict) or id(value) in finished:
            continue
        children = value.values() if isinstance(value, dict) else value
        if has_children_done:
            open_ids.discard(id(value))
            depth = 1 + max((finished[id(child)][0] for child in children if id(child) in finished), default=0)
            if depth > MOST_DEPTH:
                raise Damaged(f"it is nested more than {MOST_DEPTH} deep")
            # Originals stay alive through `root`, so no id is given away twice.
            finished[id(value)] = (depth, _with_finished(value, finished))
        elif id(value) in open_ids:
            raise Damaged("something holds itself")
        else:
            open_ids.add(id(value))
            todo.append((value, True))
            todo += [(child, False) for child in children if id(child) not in finished]
    return _finished(root, finished)


def _with_finished(value: Any, finished: dict[int, tuple[int, Any]]) -> Any:
    if isinstance(value, dict):
        return {key: _finished(child, finished) for key, child in value.items()}
    return type(value)(_finished(child, finished) for child in value)


def _finished(value: Any, finished: dict[int, tuple[int, Any]]) -> Any:
    if id(value) in finished:
        return finished[id(value)][1]
    if isinstance(value, Array):
        return value.value
    if value is None or isinstance(value, bool | int | float | str | bytes | set | np.ndarray | list | tuple | dict):
        return value
    raise Damaged(f"a {type(value).__name__} stands where data belongs")
