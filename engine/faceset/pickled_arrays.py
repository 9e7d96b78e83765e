# SPDX-License-Identifier: GPL-3.0-or-later
"""Numeric NumPy arrays as pickles describe them, built from their bytes by us.

A pickled array is a call of a maker's name and a state tuple: (version, shape, element type, column order, bytes). The
names moved from `numpy.core` to `numpy._core` with NumPy 2; protocol 5 uses `_frombuffer` instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

_NUMERIC = re.compile(r"[<>|=]?[biuf][1248]")
_ORDERS = ("<", ">", "|", "=")
_MOST_DIMENSIONS = 8


class BadArray(Exception):
    """An array's description contradicts itself or holds more than numbers."""


class ElementType:
    """A type of array elements: bool, integer or float."""

    def __init__(self, code: Any, *_: Any) -> None:
        if not isinstance(code, str) or not _NUMERIC.fullmatch(code):
            raise BadArray("an array's elements are no plain numbers")
        self.dtype = np.dtype(code)

    def set_state(self, state: Any) -> None:
        """Take the byte order from (version, order, …); types with fields never come this far."""
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in _ORDERS:
            raise BadArray("an element type's state")
        self.dtype = self.dtype.newbyteorder(state[1])


class Array:
    """An array that is still without content, or has it already."""

    def __init__(self) -> None:
        self._value: np.ndarray | None = None

    @property
    def value(self) -> np.ndarray:
        """The array."""
        if self._value is None:
            raise BadArray("an array without content")
        return self._value

    def set_state(self, state: Any) -> None:
        """Take the content from (version, shape, element type, column order, bytes)."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise BadArray("an array's state")
        _, shape, element, is_column_first, data = state
        self._value = _array(data, element, shape, "F" if is_column_first else "C")


def _array(data: Any, element: Any, shape: Any, order: Any) -> np.ndarray:
    if isinstance(data, str):
        # Protocols before 3 may carry bytes as text.
        data = data.encode("latin-1")
    is_shape = isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape)
    if not isinstance(data, bytes) or not isinstance(element, ElementType) or not is_shape:
        raise BadArray("an array of other things than numbers")
    if len(shape) > _MOST_DIMENSIONS or order not in ("C", "F"):
        raise BadArray("an array's shape")
    if math.prod(shape) * element.dtype.itemsize != len(data):
        raise BadArray(f"{len(data)} bytes for an array of {shape}")
    return np.frombuffer(data, element.dtype).reshape(shape, order=order)


def _empty(*_: Any) -> Array:
    return Array()


def _from_buffer(data: Any, element: Any, shape: Any, order: Any) -> Array:
    array = Array()
    array.set_state((1, shape, element, order == "F", data))
    return array


def _scalar(element: Any, data: Any) -> bool | int | float:
    return _array(data, element, (), "C").item()


TYPES = frozenset({"numpy.ndarray"})
"""Names that may be mentioned but not called."""

MAKERS: dict[str, Callable[..., Any]] = {
    "numpy.dtype": ElementType,
    **{f"numpy.{core}.multiarray._reconstruct": _empty for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
}
"""What is done where a pickle calls one of these names."""
