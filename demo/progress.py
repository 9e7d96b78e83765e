# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine is doing, shown in the terminal while an operator waits for it: read from the jobs' message files."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

_SECONDS_BETWEEN_LOOKS = 0.5
# Without a terminal a line now and then is enough for a log.
_LOOKS_BETWEEN_LINES = 20


class ProgressWatcher:
    """Follows the newest job of a project folder from a thread of its own; touches files only, never Blender.

    Args:
        project: The project folder, which may not exist yet.
    """

    def __init__(self, project: Path) -> None:
        self._jobs = project / "jobs"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._is_terminal = sys.stdout.isatty()
        self._looks = 0
        self._shown = ""
        # What earlier steps have said is not news.
        self._positions = {path: path.stat().st_size for path in self._files()}

    def __enter__(self) -> ProgressWatcher:
        self._thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._stop.set()
        self._thread.join()
        self._clear()

    def _follow(self) -> None:
        title, figures = "", ""
        while not self._stop.wait(_SECONDS_BETWEEN_LOOKS):
            self._looks += 1
            for message in self._news():
                if message["type"] == "stage":
                    title, figures = str(message["title"]), ""
                elif message["type"] == "metrics":
                    figures = f", step {message['step']}"
                elif message["type"] == "progress":
                    self._show(title + _progress(message) + figures)
                elif message["type"] == "log":
                    self._line(f"  {message['level']}: {message['text']}")

    def _files(self) -> list[Path]:
        return sorted(self._jobs.glob("*/messages.jsonl"))

    def _news(self) -> list[dict[str, Any]]:
        lines: list[str] = []
        for path in self._files():
            with path.open("rb") as file:
                file.seek(self._positions.get(path, 0))
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._positions[path] = self._positions.get(path, 0) + len(whole)
            lines += whole.decode("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def _show(self, text: str) -> None:
        if self._is_terminal:
            print("\r  " + text[:100].ljust(len(self._shown)), end="", flush=True)
            self._shown = text[:100]
        elif self._looks >= _LOOKS_BETWEEN_LINES:
            self._looks = 0
            self._line("  " + text)

    def _line(self, text: str) -> None:
        self._clear()
        print(text, flush=True)

    def _clear(self) -> None:
        if self._shown:
            print("\r" + " " * (len(self._shown) + 2) + "\r", end="", flush=True)
            self._shown = ""


def _progress(message: dict[str, Any]) -> str:
    done, total, unit, left = (message.get(key) for key in ("done", "total", "unit", "remaining_s"))
    text = f" {done:.0f} of {total:.0f} {unit}" if total else f" {done:.0f} {unit}"
    return text + (f", {left // 60:.0f}:{left % 60:02.0f} left" if left else "")
