# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings dataclasses as command line options and back; ranges and footage as arguments."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Any, TypeVar

from ..engine.contract.settings import (
    BuildSettings,
    ExtractSettings,
    PeopleSettings,
    Settings,
    SwapSettings,
    TrainSettings,
    settings_from_json,
)
from ..engine.contract.timing import FrameRange

_SettingsT = TypeVar("_SettingsT", ExtractSettings, PeopleSettings, BuildSettings, TrainSettings, SwapSettings)
# Settings keep their own names apart from a command's other arguments.
_PREFIX = "setting_"


def add_settings(parser: argparse.ArgumentParser, cls: type[Settings]) -> None:
    """Add one option for every field: `--batch-size 8`, `--rotations`, `--no-rotations`.

    Help, default, unit, range and choices are the field's own; a value out of range is a usage error.
    """
    group = parser.add_argument_group((cls.__doc__ or "").splitlines()[0].rstrip("."))
    for item in fields(cls):
        option = "--" + item.name.replace("_", "-")
        options: dict[str, Any] = {
            "dest": _PREFIX + item.name,
            "default": argparse.SUPPRESS,
            "help": _help(item).replace("%", "%%"),
        }
        if isinstance(item.default, bool):
            group.add_argument(option, action=argparse.BooleanOptionalAction, **options)
            continue
        choices = item.metadata.get("choices")
        if choices is not None:
            options["choices"] = list(choices)
            options["type"] = type(item.default)
        else:
            options["type"] = _value_type(item)
            options["metavar"] = item.metadata.get("metavar") or _metavar(item)
        group.add_argument(option, **options)


def settings_from(arguments: argparse.Namespace, cls: type[_SettingsT]) -> _SettingsT:
    """Return the settings that the options of `add_settings` gave; what wasn't given takes its default."""
    given = {
        item.name: getattr(arguments, _PREFIX + item.name)
        for item in fields(cls)
        if hasattr(arguments, _PREFIX + item.name)
    }
    return settings_from_json(cls, given)


def frame_range(text: str) -> FrameRange:
    """Return the half-open range of "10-50" (both ends included, as people count), "10-" , "-50" or "10".

    `min` and `max` stand for open ends, as in the ancestor. An open end is the largest whole number a file can hold;
    the pipeline cuts it to the footage.
    """
    match = re.fullmatch(r"\s*(\d+|min|)\s*(?:(-)\s*(\d+|max|))?\s*", text)
    if match is None or not (match.group(1) or match.group(3)):
        raise argparse.ArgumentTypeError(f"{text!r} is no range of frames; write 10-50, 10-max, min-50 or 10")
    first, dash, last = match.groups()
    start = 0 if first in ("", "min") else int(first)
    end = start + 1 if dash is None else (OPEN_END if last in ("", "max") else int(last) + 1)
    if end <= start:
        raise argparse.ArgumentTypeError(f"the range {text} ends before it starts")
    return FrameRange(start, end)


# Stands for "to the last frame" in a range from the command line.
OPEN_END = 2**31


def clip_ranges(ranges: tuple[FrameRange, ...], frame_count: int) -> tuple[FrameRange, ...]:
    """Return the ranges with open ends set to the footage's end; closed ends stay for the reader to check."""
    return tuple(FrameRange(r.start, max(r.start, frame_count)) if r.end == OPEN_END else r for r in ranges)


def _help(item: Field[Any]) -> str:
    """Return "What it does. (default: 8 px; 1 to 64)" with the meaning of each choice."""
    notes = [f"default: {_default_text(item)}"]
    minimum, maximum = item.metadata.get("minimum"), item.metadata.get("maximum")
    if minimum is not None:
        notes.append(f"{minimum} to {maximum}" if maximum is not None else f"at least {minimum}")
    meanings = "".join(f" {value}: {meaning};" for value, meaning in item.metadata.get("choices", {}).items())
    return f"{item.metadata['help']}{meanings.rstrip(';')} ({'; '.join(notes)})"


def _default_text(item: Field[Any]) -> str:
    if isinstance(item.default, bool):
        return "yes" if item.default else "no"
    unit = item.metadata.get("unit")
    return f"{item.default if item.default != '' else 'none'}" + (f" {unit}" if unit else "")


def _metavar(item: Field[Any]) -> str:
    unit = item.metadata.get("unit")
    return unit.upper() if unit else {int: "N", float: "X"}.get(type(item.default), "TEXT")


def _value_type(item: Field[Any]) -> Callable[[str], Any]:
    kind: type[Any] = type(item.default)
    if kind is str:
        return str
    minimum, maximum = item.metadata.get("minimum"), item.metadata.get("maximum")

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no {'whole ' if kind is int else ''}number") from None
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"{text!r} is no finite number")
        if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
            limits = f"{minimum} to {maximum}" if maximum is not None else f"at least {minimum}"
            raise argparse.ArgumentTypeError(f"{text} is out of range ({limits})")
        return value

    return read
