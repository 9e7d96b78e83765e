# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack machine of pickles without the opcodes that run something.

Opcodes are those documented in Python's `pickletools`, whose `genops` parses them and executes nothing.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any, NoReturn

from ..runtime.reporter import Reporter
from . import pickled_arrays
from .pickled_arrays import Array, ElementType

MOST_OPCODES = 100_000_000
_OPCODES_BETWEEN = 1 << 16
_LARGEST_KEY = 1 << 63

# Opcodes that would call something, or fetch it from elsewhere, whatever their argument is.
_ASKING = {
    "INST": "an object",
    "OBJ": "an object",
    "NEWOBJ": "an object",
    "NEWOBJ_EX": "an object",
    "EXT1": "a registered extension",
    "EXT2": "a registered extension",
    "EXT4": "a registered extension",
    "PERSID": "an object from outside of the file",
    "BINPERSID": "an object from outside of the file",
    "NEXT_BUFFER": "a buffer from outside of the file",
    "READONLY_BUFFER": "a buffer from outside of the file",
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
}
_MARK = object()


class _Name:
    """A name that the pickle mentions; it is never looked up."""

    def __init__(self, module: str, name: str) -> None:
        self.full = f"{module}.{name}"


class ReadingStopped(Exception):
    """The user stopped the reading of a large file."""


class Damaged(Exception):
    """The opcodes make no sense."""


class Refused(Exception):
    """The opcodes ask for more than plain data."""


class PickleMachine:
    """Keeps the stack and the memo of one pickle."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        """Return what the pickle describes, arrays still in their wrappers.

        Raises:
            Refused: It asks for more than plain data.
            Damaged, BadArray, ValueError, TypeError, LookupError, OverflowError: It makes no sense.
        """
        for count, (opcode, argument, position) in enumerate(pickletools.genops(data)):
            handler = _HANDLERS.get(opcode.name)
            if handler is None:
                raise Damaged(f"opcode {opcode.name} is unknown")
            handler(self, argument)
            if count % _OPCODES_BETWEEN == 0:
                self._pause(count, position or 0, len(data))
        if len(self._stack) != 1 or self._stack[0] is _MARK:
            raise Damaged("it leaves no single value")
        return self._stack[0]

    def _pause(self, count: int, position: int, size: int) -> None:
        if count > MOST_OPCODES:
            raise Damaged(f"it has more than {MOST_OPCODES} opcodes")
        if self._reporter.progress(position, size, "bytes"):
            raise ReadingStopped

    def _do_literal(self, argument: Any) -> None:
        self._stack.append(bytes(argument) if isinstance(argument, bytearray) else argument)

    def _pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise Damaged("it takes from an empty stack")
        return self._stack.pop()

    def _top(self, kind: type) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise Damaged(f"it adds to something that is no {kind.__name__}")
        return self._stack[-1]

    def _pop_to_mark(self) -> list[Any]:
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] is _MARK:
                items = self._stack[index + 1 :]
                del self._stack[index:]
                return items
        raise Damaged("a mark is missing")

    def _do_mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def _do_pop(self, _: Any) -> None:
        if not self._stack:
            raise Damaged("it takes from an empty stack")
        self._stack.pop()

    def _do_pop_mark(self, _: Any) -> None:
        self._pop_to_mark()

    def _do_duplicate(self, _: Any) -> None:
        self._stack.append(self._top(object))

    def _do_remember(self, index: int) -> None:
        self._memo[int(index)] = self._top(object)

    def _do_remember_next(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._top(object)

    def _do_recall(self, index: int) -> None:
        self._stack.append(self._memo[int(index)])

    def _do_list_of_marked(self, _: Any) -> None:
        self._stack.append(self._pop_to_mark())

    def _do_tuple_of_marked(self, _: Any) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def _do_dict_of_marked(self, _: Any) -> None:
        self._stack.append(_pairs(self._pop_to_mark()))

    def _do_frozen_set(self, _: Any) -> None:
        self._stack.append({_checked_key(item) for item in self._pop_to_mark()})

    def _do_append(self, _: Any) -> None:
        value = self._pop()
        self._top(list).append(value)

    def _do_append_marked(self, _: Any) -> None:
        values = self._pop_to_mark()
        self._top(list).extend(values)

    def _do_add_marked(self, _: Any) -> None:
        values = self._pop_to_mark()
        self._top(set).update(_checked_key(value) for value in values)

    def _do_set_item(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._top(dict)[_checked_key(key)] = value

    def _do_set_marked(self, _: Any) -> None:
        items = _pairs(self._pop_to_mark())
        self._top(dict).update(items)

    def _do_name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(_allowed(module, name))

    def _do_name_from_stack(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise Damaged("a name is no text")
        self._stack.append(_allowed(module[:200], name[:200]))

    def _do_call(self, _: Any) -> None:
        arguments, maker = self._pop(), self._pop()
        if not isinstance(maker, _Name):
            raise Refused("a call of something that is no name")
        if not isinstance(arguments, tuple):
            raise Damaged("a call without arguments")
        self._stack.append(_MAKERS[maker.full](*arguments))

    def _do_build(self, _: Any) -> None:
        state = self._pop()
        target = self._top(object)
        if not isinstance(target, Array | ElementType):
            raise Refused("an object's state")
        target.set_state(state)


def _pairs(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise Damaged("a key has no value")
    return {_checked_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _checked_key(key: Any) -> Any:
    # Nothing nested: hashing goes down by recursion, and a deep tuple would crash the interpreter. No huge numbers:
    # those with equal hashes make a dict as slow as one wants.
    if key is None or isinstance(key, str | bytes | float):
        return key
    if isinstance(key, int) and abs(key) < _LARGEST_KEY:
        return key
    raise Damaged(f"a key is a {type(key).__name__}")


def _allowed(module: str, name: str) -> _Name:
    found = _Name(module, name)
    if found.full not in _MAKERS and found.full not in pickled_arrays.TYPES:
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
    return {_checked_key(item) for item in items}


_MAKERS: dict[str, Callable[..., Any]] = {
    **{name: _not_callable(name) for name in pickled_arrays.TYPES},
    **pickled_arrays.MAKERS,
    "_codecs.encode": _encoded,
    **dict.fromkeys(("builtins.bytes", "__builtin__.bytes"), _no_bytes),
    "builtins.set": _set_of,
    "__builtin__.set": _set_of,
    "builtins.frozenset": _set_of,
    "__builtin__.frozenset": _set_of,
}


def _push(make: Callable[[], Any]) -> Callable[[PickleMachine, Any], None]:
    return lambda machine, _: machine._stack.append(make())


def _tuple_of(count: int) -> Callable[[PickleMachine, Any], None]:
    def handle(machine: PickleMachine, _: Any) -> None:
        values = [machine._pop() for _ in range(count)]
        machine._stack.append(tuple(reversed(values)))

    return handle


def _refuse(what: str) -> Callable[[PickleMachine, Any], None]:
    def handle(machine: PickleMachine, _: Any) -> None:
        raise Refused(what)

    return handle


def _nothing(machine: PickleMachine, _: Any) -> None:
    """Do nothing; for opcodes that only frame the others."""


_HANDLERS: dict[str, Callable[[PickleMachine, Any], None]] = {
    # Opcodes with an argument that take nothing and leave one value are literals: the value is the argument.
    **{
        opcode.name: PickleMachine._do_literal
        for opcode in pickletools.opcodes
        if opcode.arg is not None and not opcode.stack_before and len(opcode.stack_after) == 1
    },
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _nothing),
    **{name: _push(lambda value=value: value) for name, value in _CONSTANTS.items()},
    **{name: _push(make) for name, make in _EMPTY.items()},
    **{name: _tuple_of(count) for name, count in (("TUPLE1", 1), ("TUPLE2", 2), ("TUPLE3", 3))},
    **{name: _refuse(what) for name, what in _ASKING.items()},
    "MARK": PickleMachine._do_mark,
    "POP": PickleMachine._do_pop,
    "POP_MARK": PickleMachine._do_pop_mark,
    "DUP": PickleMachine._do_duplicate,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), PickleMachine._do_remember),
    "MEMOIZE": PickleMachine._do_remember_next,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), PickleMachine._do_recall),
    "LIST": PickleMachine._do_list_of_marked,
    "TUPLE": PickleMachine._do_tuple_of_marked,
    "DICT": PickleMachine._do_dict_of_marked,
    "FROZENSET": PickleMachine._do_frozen_set,
    "APPEND": PickleMachine._do_append,
    "APPENDS": PickleMachine._do_append_marked,
    "ADDITEMS": PickleMachine._do_add_marked,
    "SETITEM": PickleMachine._do_set_item,
    "SETITEMS": PickleMachine._do_set_marked,
    "GLOBAL": PickleMachine._do_name,
    "STACK_GLOBAL": PickleMachine._do_name_from_stack,
    "REDUCE": PickleMachine._do_call,
    "BUILD": PickleMachine._do_build,
}
