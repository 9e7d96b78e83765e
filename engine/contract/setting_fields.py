# SPDX-License-Identifier: GPL-3.0-or-later
"""How a field of the settings is declared and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from .errors import EngineError, ErrorCode


def setting(default: Any, help: str, **details: Any) -> Any:
    """Declare a settings field.

    Args:
        default: Default value; its type is the field's type.
        help: One sentence for the user.
        **details: `unit`, `minimum`, `maximum` (both inclusive), `choices` (mapping value -> one phrase for the user),
            `metavar` (name of the value on the command line).
    """
    return field(default=default, metadata={"help": help, **details})


@dataclass(frozen=True)
class Checked:
    """Base of the settings: checks every field against its declared range on creation."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            expected = type(item.default)
            if expected is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
                object.__setattr__(self, item.name, value)
            if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
                raise invalid(item.name, value, f"a value of type {expected.__name__}")
            if isinstance(value, float) and not math.isfinite(value):
                raise invalid(item.name, value, "a finite number")
            choices = item.metadata.get("choices")
            if choices is not None and value not in choices:
                raise invalid(item.name, value, "one of " + ", ".join(map(str, choices)))
            minimum, maximum = item.metadata.get("minimum"), item.metadata.get("maximum")
            if minimum is not None and value < minimum:
                raise invalid(item.name, value, f"at least {minimum}")
            if maximum is not None and value > maximum:
                raise invalid(item.name, value, f"at most {maximum}")


def invalid(name: str, value: object, expected: str) -> EngineError:
    """Return the error for a value that a setting can't have."""
    return EngineError(
        ErrorCode.SETTINGS_INVALID,
        f"The setting {name} is {value!r}; expected {expected}.",
        "Correct it and try again.",
    )
