# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure a swap and the same again with another comp setting: with kept faces and without, in turn.

Run it from the checkout with the engine's Python: `python benchmarks/swap_again.py [--model FOLDER --source ID
--target ID] [--family quick] [--clip CLIP] [--frames 72] [--rounds 4]`. Every run is a process of its own, as it is for
a user; its CPU time is all that it took, the start included. Without a model, one of the family with random weights is
made, whose pictures say little. It prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
from inference import random_model

ROOT = Path(__file__).resolve().parent.parent
_COLORS = ("mean", "histogram")


def run(arguments: list[str]) -> tuple[float, float, dict[str, int]]:
    """Return CPU and wall seconds of a swap command, and what it says of the kept faces."""
    command = [sys.executable, str(ROOT / "training_cli" / "launch.py"), "--json", "swap", *arguments]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = json.loads(done.stdout.splitlines()[-1])
    return cpu, wall, last["result"]["kept_faces"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=ROOT / "demo" / "clips" / "target_A.mp4")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--source", default="b")
    parser.add_argument("--target", default="a")
    parser.add_argument("--family", default="quick")
    parser.add_argument("--frames", type=int, default=72)
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = arguments.model or Path(folder) / "model"
        if arguments.model is None:
            random_model(arguments.family, model)
        usual = [str(arguments.clip), "--project", str(Path(folder) / "p"), "--model", str(model)]
        usual += ["--source", arguments.source, "--target", arguments.target, "--ranges", f"0-{arguments.frames - 1}"]
        # This one also searches the faces, makes the network ready and chooses its precision.
        run([*usual, "--output", str(Path(folder) / "before")])
        figures: dict[str, list[tuple[float, float]]] = {}
        for number in range(arguments.rounds):
            for colors, what in (("lab", "the first time"), (_COLORS[number % 2], "with other colors")):
                for option, way in (("--keep-faces", "faces kept"), ("--no-keep-faces", "not kept")):
                    output = str(Path(folder) / f"{number}{option}")
                    cpu, wall, kept = run([*usual, "--output", output, option, "--color-transfer", colors])
                    figures.setdefault(f"{what}, {way}", []).append((cpu, wall))
                    if way == "faces kept" and what == "the first time":
                        first = kept
                    elif way == "faces kept" and kept["made"]:
                        raise SystemExit("The network ran although only the colors changed.")
    print(f"{machine.describe()}; {arguments.clip.name}, {first['made']} faces, {first['bytes'] / 1e6:.1f} MB kept\n")
    print("| run | CPU s | wall s |\n|---|---|---|")
    for name, pairs in figures.items():
        cells = [
            f"{statistics.median(part):.2f} ({min(part):.2f}–{max(part):.2f})" for part in zip(*pairs, strict=True)
        ]
        print(f"| {name} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
