# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a training: one flat JSON object a line, appended while training runs.

Each line holds `step`, `wall_time` (seconds since 1970) and figures under names with slashes, as TensorBoard tags are
written; docs/reference/formats/model.md lists them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
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
        kept = [line for line in read_history(path) if line["step"] <= steps]
        # Written anew even if nothing is dropped: a killed run may have left half a line, and the next would join it.
        write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept))

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Append a line.

        Args:
            step: Steps done.
            figures: Finite numbers by name, such as `loss/anna`.
        """
        line = {"step": step, "wall_time": round(time.time(), 3), **figures}
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
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


def held_out_series(history: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[float]]:
    """Return the steps and held-out errors, 1 - SSIM, that a history holds."""
    lines = [line for line in history if isinstance(line.get("held_out/ssim"), int | float)]
    return [line["step"] for line in lines], [1.0 - line["held_out/ssim"] for line in lines]
