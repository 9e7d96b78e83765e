# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that a figure was measured on: processor, cores, memory, versions. Every benchmark prints it first."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

if importlib.util.find_spec("understudy") is None:
    _spec = importlib.util.spec_from_file_location(
        "understudy_launch", Path(__file__).resolve().parents[1] / "training_cli" / "launch.py"
    )
    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))

from understudy.engine.runtime.machine import look_at_machine

LIBRARIES = ("tensorflow", "keras", "openvino", "numpy", "opencv-python-headless", "av", "dlib-bin", "ai-edge-litert")


def processor() -> str:
    """Return the processor's name as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def describe() -> str:
    """Return the machine in two lines."""
    found = look_at_machine(Path.cwd())
    versions = []
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} missing")
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{processor()}, {found.cores} cores, {found.memory / 2**30:.0f} GiB{load}; {platform.system()}, "
        f"Python {platform.python_version()}\n{', '.join(versions)}"
    )


def measure(work: Callable[[], int]) -> tuple[float, float]:
    """Return CPU and wall milliseconds for each unit of a piece of work.

    Args:
        work: Does the work and returns how many units (frames, faces, steps) it was.
    """
    cpu, wall = time.process_time(), time.perf_counter()
    units = work()
    return 1000 * (time.process_time() - cpu) / units, 1000 * (time.perf_counter() - wall) / units


def table(rows: list[tuple[str, tuple[float, float]]], unit: str) -> str:
    """Return measurements as a Markdown table; CPU time is what to compare, wall time depends on the neighbors."""
    lines = [f"| what | CPU ms per {unit} | wall ms per {unit} |", "|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {cpu:.2f} | {wall:.2f} |" for name, (cpu, wall) in rows])


if __name__ == "__main__":
    print(describe())
