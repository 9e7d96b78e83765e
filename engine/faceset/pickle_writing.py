# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain data written as a pickle of protocol 2, with the few opcodes that numbers, texts and containers need."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

_INT_LIMIT = 1 << 31


def write_plain(value: Any) -> bytes:
    """Return a pickle of None, bool, int, float, str, lists, tuples and mappings of them; tuples become lists.

    Every Python since 2.3 loads it, and it names nothing that would be called.

    Raises:
        TypeError: For anything else.
    """
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: Any) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(data)) + data
    if isinstance(value, Mapping):
        return b"}(" + b"".join(_opcodes(key) + _opcodes(item) for key, item in value.items()) + b"u"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return b"](" + b"".join(map(_opcodes, value)) + b"e"
    raise TypeError(f"{type(value).__name__} is no plain data")


def _integer(value: int) -> bytes:
    if -_INT_LIMIT <= value < _INT_LIMIT:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data
