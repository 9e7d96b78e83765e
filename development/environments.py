# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pythons of this machine and the environments that the tasks make with them under .venvs/."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ROOT / ".venvs"
REQUIREMENTS = ROOT / "requirements"
DIST = ROOT / "dist"

ENGINE_PYTHONS = ("3.11", "3.13")
# Blender version -> the Python it is built with.
BLENDERS = {"4.5": "3.11", "5.0": "3.11", "5.1": "3.13", "5.2": "3.13"}


# The lists of Keras' other backends, for the Python whose wheels are known.
BACKEND_PYTHON = "3.11"
BACKEND_LISTS = {"jax": "engine-jax", "torch": "torch-cpu"}


class TaskError(Exception):
    """A task can't go on; the text says why and what to do."""


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def find_python(version: str) -> Path | None:
    """Return a working 64-bit Python of the version, or None."""
    return next((path for path in _python_candidates(version) if _is_python(path, version)), None)


def _python_candidates(version: str) -> list[Path]:
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    # A name on the PATH may be a manager's shim that refuses to start, so the managers' own folders are asked too.
    found = [Path(sys.executable), *map(Path, filter(None, [shutil.which(f"python{version}")]))]
    found += [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
    found += sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)
    found += sorted(pyenv.glob(f"pyenv-win/versions/{version}.*/python.exe"), reverse=True)
    found += sorted(home.glob(f".local/share/uv/python/cpython-{version}.*/bin/python"), reverse=True)
    found += [Path(f"/opt/homebrew/opt/python@{version}/bin/python{version}")]
    if os.name == "nt" and (launcher := shutil.which("py")):
        answer = answer_of([launcher, f"-{version}", "-c", "import sys; print(sys.executable)"])
        found += [Path(answer)] if answer else []
    return found


def _is_python(path: Path, version: str) -> bool:
    probe = "import sys; print('%d.%d' % sys.version_info[:2] if sys.maxsize > 2**32 else 'small')"
    return path.is_file() and answer_of([str(path), "-I", "-c", probe]) == version


def answer_of(command: Sequence[str]) -> str:
    """Return what a short command printed, or an empty text if it failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def require_python(version: str) -> Path:
    """Return a Python of the version.

    Raises:
        TaskError: There is none.
    """
    python = find_python(version)
    if python is None:
        raise TaskError(f"No 64-bit Python {version} found. Install it so that `python{version}` starts it.")
    return python


def environment_python(folder: Path) -> Path:
    """Return the Python of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def child_variables(**more: str) -> dict[str, str]:
    """Return the variables for child processes: the user's, without those that change how Python starts."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**kept, "PYTHONUTF8": "1", "TF_CPP_MIN_LOG_LEVEL": "2", **more}


def call(command: Sequence[str | Path], **variables: str) -> None:
    """Run a command that must succeed.

    Raises:
        TaskError: It failed.
    """
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=child_variables(**variables), check=False)
    if done.returncode != 0:
        raise TaskError(f"{Path(command[0]).name} {' '.join(map(str, command[1:4]))} … ended with {done.returncode}.")


def engine_environment(version: str, for_tests: bool = False) -> Path:
    """Return the Python of the engine's environment, made or brought up to date by the product's own installer."""
    folder = ENVIRONMENTS / f"engine-{version}"
    # Asked of the installer each time: it returns at once when everything is there.
    host = require_python(version)
    launch = ROOT / "training_cli" / "launch.py"
    call([host, "-I", launch, "environment", "install", "--folder", folder, "--python", host])
    if for_tests:
        _install_list(folder, "test", host)
    return environment_python(folder)


def tool_environment(name: str, version: str, over: Path | None = None) -> Path:
    """Return the Python of an environment that holds one list of requirements/, and sees what `over`'s Python has."""
    folder = ENVIRONMENTS / name
    host = require_python(version)
    if not environment_python(folder).is_file():
        say(f"— making .venvs/{name} with Python {version}")
        shutil.rmtree(folder, ignore_errors=True)
        # Debian's Python comes without ensurepip; its own pip then works on the environment from outside.
        has_ensurepip = answer_of([str(host), "-c", "import ensurepip; print('yes')"]) == "yes"
        call([host, "-I", "-m", "venv", *([] if has_ensurepip else ["--without-pip"]), folder])
    if over is not None:
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        own, shared = (answer_of([str(path), "-c", where]) for path in (environment_python(folder), over))
        (Path(own) / "engine.pth").write_text(shared, encoding="utf-8")
    _install_list(folder, name, host)
    return environment_python(folder)


def backend_environment(backend: str) -> Path:
    """Return the Python of an environment with one more of Keras' backends, laid over the engine's."""
    engine = engine_environment(BACKEND_PYTHON, for_tests=True)
    return tool_environment(BACKEND_LISTS[backend], BACKEND_PYTHON, over=engine)


def _install_list(folder: Path, name: str, host: Path) -> None:
    listing = REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(listing.read_bytes()).hexdigest()
    stamp = folder / f"tasks-{name}.stamp"
    if stamp.is_file() and stamp.read_text() == digest:
        return
    say(f"— installing requirements/{name}.txt into .venvs/{folder.name}")
    options = ["--require-hashes", "--no-deps", "--disable-pip-version-check"]
    options += [] if sys.stdout.isatty() else ["--progress-bar", "off"]
    python = environment_python(folder)
    has_pip = answer_of([str(python), "-c", "import pip; print('yes')"]) == "yes"
    pip = [python, "-I", "-m", "pip"] if has_pip else [host, "-I", "-m", "pip", "--python", python]
    call([*pip, "install", *options, "-r", listing])
    stamp.write_text(digest)


def lint_environment() -> Path:
    """Return the Python of the environment with the checkers and the lock's solver."""
    version = next((version for version in ENGINE_PYTHONS if find_python(version)), ENGINE_PYTHONS[0])
    return tool_environment("lint", version)


def available_blenders() -> list[str]:
    """Return the supported Blender versions whose Python is on this machine, oldest first."""
    return [blender for blender, version in BLENDERS.items() if find_python(version)]


def newest_blender() -> str:
    """Return the newest supported Blender whose Python is on this machine.

    Raises:
        TaskError: There is none.
    """
    blenders = available_blenders()
    if not blenders:
        raise TaskError("Neither a 64-bit Python 3.11 nor 3.13 was found; Blender's module needs one of them.")
    return blenders[-1]


def blender_environment(blender: str) -> Path:
    """Return the Python of the environment that holds one Blender."""
    return tool_environment(f"blender-{blender}", BLENDERS[blender])


def build_zip(python: Path, output: Path = DIST) -> Path:
    """Build the extension with Blender's own builder and return the zip."""
    builder = extension_builder(python)
    output.mkdir(parents=True, exist_ok=True)
    call([python, builder, "build", "--source-dir", ROOT, "--output-dir", output])
    return max(output.glob("understudy-*.zip"), key=lambda path: path.stat().st_mtime)


def extension_builder(python: Path) -> Path:
    """Return the program inside the bpy module that builds and validates extensions.

    Raises:
        TaskError: The module isn't there or holds none.
    """
    found = answer_of(
        [str(python), "-c", "import importlib.util as u; print(u.find_spec('bpy').submodule_search_locations[0])"]
    )
    matches = sorted(Path(found).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")) if found else []
    if not matches:
        raise TaskError("Blender's extension builder was not found in the bpy module.")
    return matches[-1]
