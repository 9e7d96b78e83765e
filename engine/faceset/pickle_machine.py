# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack machine of pickles without the opcodes that run something.

Opcodes are those documented in Python's `pickletools`, whose `genops` parses them and executes nothing.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

from ..runtime.reporter import Reporter
from .pickled_arrays import Array, ElementType
from .pickled_names import MAKERS, Damaged, Name, Refused, allowed_name, checked_key, pairs_of

# Opcodes of small numbers cost time only, of which the user can have enough; everything else costs memory too.
MOST_OPCODES = 1_000_000_000
MOST_OBJECTS = 20_000_000
_BYTES_OF_AN_OBJECT = 48
_OPCODES_BETWEEN = 1 << 16

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


class ReadingStopped(Exception):
    """The user stopped the reading of a large file."""


class PickleMachine:
    """Keeps the stack and the memo of one pickle."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._objects = 0

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

    def _put(self, value: Any) -> None:
        self._objects += 1
        if self._objects > MOST_OBJECTS:
            raise Damaged(f"it has more than {MOST_OBJECTS} objects")
        self._stack.append(value)

    def _charge(self, size: int) -> None:
        """Count what was made from something that the pickle may recall as often as it likes."""
        self._objects += size // _BYTES_OF_AN_OBJECT

    def _do_small_number(self, argument: int) -> None:
        self._stack.append(argument)

    def _do_literal(self, argument: Any) -> None:
        self._put(bytes(argument) if isinstance(argument, bytearray) else argument)

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
        self._put(_MARK)

    def _do_pop(self, _: Any) -> None:
        if not self._stack:
            raise Damaged("it takes from an empty stack")
        self._stack.pop()

    def _do_pop_mark(self, _: Any) -> None:
        self._pop_to_mark()

    def _do_duplicate(self, _: Any) -> None:
        self._put(self._top(object))

    def _do_remember(self, index: int) -> None:
        self._memo[int(index)] = self._top(object)

    def _do_remember_next(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._top(object)

    def _do_recall(self, index: int) -> None:
        self._put(self._memo[int(index)])

    def _do_list_of_marked(self, _: Any) -> None:
        self._put(self._pop_to_mark())

    def _do_tuple_of_marked(self, _: Any) -> None:
        self._put(tuple(self._pop_to_mark()))

    def _do_dict_of_marked(self, _: Any) -> None:
        self._put(pairs_of(self._pop_to_mark()))

    def _do_frozen_set(self, _: Any) -> None:
        self._put({checked_key(item) for item in self._pop_to_mark()})

    def _do_append(self, _: Any) -> None:
        value = self._pop()
        self._top(list).append(value)

    def _do_append_marked(self, _: Any) -> None:
        values = self._pop_to_mark()
        self._top(list).extend(values)

    def _do_add_marked(self, _: Any) -> None:
        values = self._pop_to_mark()
        self._top(set).update(checked_key(value) for value in values)

    def _do_set_item(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._top(dict)[checked_key(key)] = value

    def _do_set_marked(self, _: Any) -> None:
        items = pairs_of(self._pop_to_mark())
        self._top(dict).update(items)

    def _do_name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._put(allowed_name(module, name))

    def _do_name_from_stack(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise Damaged("a name is no text")
        self._put(allowed_name(module[:200], name[:200]))

    def _do_call(self, _: Any) -> None:
        arguments, maker = self._pop(), self._pop()
        if not isinstance(maker, Name):
            raise Refused("a call of something that is no name")
        if not isinstance(arguments, tuple):
            raise Damaged("a call without arguments")
        made = MAKERS[maker.full](*arguments)
        self._put(made)
        if isinstance(made, bytes | set):
            self._charge(len(made))

    def _do_build(self, _: Any) -> None:
        state = self._pop()
        target = self._top(object)
        if not isinstance(target, Array | ElementType):
            raise Refused("an object's state")
        target.set_state(state)
        if isinstance(target, Array):
            self._charge(target.value.nbytes)


def _push(make: Callable[[], Any]) -> Callable[[PickleMachine, Any], None]:
    return lambda machine, _: machine._put(make())


def _tuple_of(count: int) -> Callable[[PickleMachine, Any], None]:
    def handle(machine: PickleMachine, _: Any) -> None:
        values = [machine._pop() for _ in range(count)]
        machine._put(tuple(reversed(values)))

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
    "BININT1": PickleMachine._do_small_number,
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
