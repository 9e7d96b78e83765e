# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine offers: memory and disk space, in plain bytes."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """Resources at a moment.

    Attributes:
        cores: CPU cores this process may use.
        memory: Bytes of main memory; 0 where the system doesn't tell.
        free_memory: Bytes of it that are available; 0 where the system doesn't tell.
        free_disk: Bytes free on the disk of the asked folder.
    """

    cores: int
    memory: int
    free_memory: int
    free_disk: int


def look_at_machine(folder: Path) -> Machine:
    """Return what the machine offers now.

    Args:
        folder: Folder whose disk is asked; its nearest existing parent serves too.
    """
    from .device import available_cores

    memory, free_memory = _memory()
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return Machine(available_cores(), memory, free_memory, shutil.disk_usage(existing).free)


def _memory() -> tuple[int, int]:
    if sys.platform == "win32":
        return _memory_of_windows()
    try:
        page, total = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0, 0
    return page * total, _available_of_linux()


def _available_of_linux() -> int:
    # Pages that hold files are given up on demand, which SC_AVPHYS_PAGES doesn't count; macOS has no such file.
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("available", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 5),
    )


def _memory_of_windows() -> tuple[int, int]:
    status = _MemoryStatus()
    status.length = ctypes.sizeof(status)
    if not getattr(ctypes, "windll").kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # noqa: B009 - other systems' stubs lack it
        return 0, 0
    return status.total, status.available
