# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss history: one JSON object a line, appended while training runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..contract.files import write_text, writing_error


class History:
    """The history file of a model.

    Args:
        path: The file; created with the first line.
        steps: Steps the model has; later lines of an interrupted run are dropped.

    Raises:
        EngineError: `not_writable` or `disk_full`.
    """

    def __init__(self, path: Path, steps: int) -> None:
        self._path = path
        lines = read_history(path)
        kept = [line for line in lines if line["step"] <= steps]
        if len(kept) < len(lines) or not kept:
            write_text(path, "".join(json.dumps(line) + "\n" for line in kept))

    def add(self, step: int, **values: Any) -> None:
        """Append a line.

        Args:
            step: Steps done.
            **values: Plain values, such as `losses` by performer.
        """
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}, ensure_ascii=False) + "\n")
        except OSError as error:
            raise writing_error(self._path, error) from error


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a history file; a half-written last line is left out, a missing file is empty."""
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            lines.append(line)
    return lines
