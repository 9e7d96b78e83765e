# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python that the engine's environment is made with: what it is and whether it will do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contract.environment import NEWEST_PYTHON, OLDEST_PYTHON
from ..contract.errors import EngineError, ErrorCode
from .child_process import clean_environment

_PROBE = """
import json, platform, sys
try:
    import ensurepip
    has_ensurepip = True
except ImportError:
    has_ensurepip = False
try:
    import pip
    pip_version = pip.__version__
except ImportError:
    pip_version = ""
print(json.dumps({"version": list(sys.version_info[:3]), "is_64_bit": sys.maxsize > 2**32, "ensurepip": has_ensurepip,
    "pip": pip_version, "implementation": platform.python_implementation()}))
"""


@dataclass(frozen=True)
class HostPython:
    """What a Python offers for making the environment: version, ensurepip, and its own pip."""

    path: Path
    version: tuple[int, int, int]
    has_ensurepip: bool
    pip_version: str


def probe_python(path: Path) -> HostPython:
    """Ask a Python what it is.

    Raises:
        EngineError: `environment_broken`, when it can't be started or isn't a 64-bit CPython the libraries exist for.
    """
    path = Path(path)
    hint = "Choose a 64-bit Python 3.11, 3.12 or 3.13 in the preferences, or with --python."
    try:
        # -I: neither the working folder nor PYTHON* variables of whoever calls may change the answer.
        answer = output_of([str(path), "-I", "-c", _PROBE], timeout_s=60)
        found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise EngineError(
            ErrorCode.ENVIRONMENT_BROKEN, f"{path} is no Python that can be started ({error}).", hint
        ) from error
    major, minor, micro = found["version"]
    if not OLDEST_PYTHON <= (major, minor) <= NEWEST_PYTHON:
        sentence = f"{path} is Python {major}.{minor}; the engine's libraries need 3.11, 3.12 or 3.13."
        raise EngineError(ErrorCode.ENVIRONMENT_BROKEN, sentence, hint)
    if not found["is_64_bit"] or found["implementation"] != "CPython":
        raise EngineError(ErrorCode.ENVIRONMENT_BROKEN, f"{path} is not a 64-bit CPython.", hint)
    return HostPython(path, (major, minor, micro), bool(found["ensurepip"]), str(found["pip"]))


def output_of(command: Sequence[str], timeout_s: float) -> str:
    """Run a short command and return what it printed.

    Raises:
        OSError: It could not be started.
        subprocess.SubprocessError: It failed or took too long; the text holds its last lines.
    """
    done = subprocess.run(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean_environment(),
        encoding="utf-8",
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        raise subprocess.SubprocessError(" ".join(done.stdout.split())[-400:] or f"exit code {done.returncode}")
    return done.stdout
