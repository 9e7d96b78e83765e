# SPDX-License-Identifier: GPL-3.0-or-later
"""What a listener may ask of a running job: one JSON object a line on its standard input. Stopping needs no word."""

from __future__ import annotations

import json
from enum import StrEnum

from .errors import EngineError, ErrorCode


class Order(StrEnum):
    """What can be asked for.

    Attributes:
        SAVE: Write a checkpoint after the step that the training is in, and go on.
    """

    SAVE = "save"


def encode_order(order: Order) -> str:
    """Return the order as one line of JSON, without the line end."""
    return json.dumps({"type": order.value}, separators=(",", ":"))


def decode_order(line: str) -> Order:
    """Return the order of one line.

    Raises:
        EngineError: `internal`, when the line is no order of this protocol.
    """
    try:
        return Order(json.loads(line)["type"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineError(
            ErrorCode.INTERNAL,
            f"Not an order for a running job: {line[:200]!r}.",
            f"What can be asked for on standard input: {encode_order(Order.SAVE)}",
        ) from error
