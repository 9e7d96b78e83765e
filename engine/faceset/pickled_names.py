# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine of pickles lets through: a few names, with what is built by us in their place, and plain keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from . import pickled_arrays

_LARGEST_KEY = 1 << 63


class Damaged(Exception):
    """The opcodes make no sense."""


class Refused(Exception):
    """The opcodes ask for more than plain data."""


class Name:
    """A name that the pickle mentions; it is never looked up."""

    def __init__(self, module: str, name: str) -> None:
        self.full = f"{module}.{name}"[:200]


def pairs_of(items: list[Any]) -> dict[Any, Any]:
    """Return the dict of keys and values that alternate."""
    if len(items) % 2:
        raise Damaged("a key has no value")
    return {checked_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def checked_key(key: Any) -> Any:
    """Return a key of a dict or a member of a set, which must be a number, a text or bytes."""
    # Nothing nested: hashing goes down by recursion, and a deep tuple would crash the interpreter. No huge numbers:
    # those with equal hashes make a dict as slow as one wants.
    if key is None or isinstance(key, str | bytes | float):
        return key
    if isinstance(key, int) and abs(key) < _LARGEST_KEY:
        return key
    raise Damaged(f"a key is a {type(key).__name__}")


def allowed_name(module: str, name: str) -> Name:
    """Return a name that may be mentioned; refuse every other one, saying it."""
    found = Name(module, name)
    if found.full not in MAKERS and found.full not in pickled_arrays.TYPES:
        raise Refused(found.full)
    return found


def _not_callable(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any) -> NoReturn:
        raise Refused(f"a call of {name}")

    return refuse


def _encoded(text: Any, encoding: Any = "latin-1") -> bytes:
    """Make bytes as protocols before 3 write them; only the one encoding they use."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused("_codecs.encode with another encoding")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    return b""


def _set_of(items: Any = ()) -> set[Any]:
    if not isinstance(items, list | tuple):
        raise Damaged("a set of no list")
    return {checked_key(item) for item in items}


MAKERS: dict[str, Callable[..., Any]] = {
    **{name: _not_callable(name) for name in pickled_arrays.TYPES},
    **pickled_arrays.MAKERS,
    "_codecs.encode": _encoded,
    **dict.fromkeys(("builtins.bytes", "__builtin__.bytes"), _no_bytes),
    "builtins.set": _set_of,
    "__builtin__.set": _set_of,
    "builtins.frozenset": _set_of,
    "__builtin__.frozenset": _set_of,
}
