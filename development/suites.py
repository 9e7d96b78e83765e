# SPDX-License-Identifier: GPL-3.0-or-later
"""The suites of `python3 tasks.py test`: what each runs, and the table of what came of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .environments import (
    BACKEND_LISTS,
    BACKEND_PYTHON,
    BLENDERS,
    ENGINE_PYTHONS,
    ENVIRONMENTS,
    ROOT,
    TaskError,
    available_blenders,
    backend_environment,
    blender_environment,
    build_zip,
    call,
    child_variables,
    engine_environment,
    extension_builder,
    find_python,
    lint_environment,
    newest_blender,
    say,
)

# The longest a suite may take; one that hangs, at the exit of Blender's module for instance, is a failure.
SUITE_TIMEOUT_S = 900
# Run only when asked for by name: pip has to be told of PyTorch's builds without CUDA, see CONTRIBUTING.md.
ON_DEMAND = ("backends-torch",)


@dataclass(frozen=True)
class Suite:
    """A suite: what runs it, and the names of the environments under .venvs/ that it needs."""

    run: Callable[[], Outcome]
    environments: tuple[str, ...]


@dataclass
class Outcome:
    """What came of one suite: counts of tests, seconds, and a note where it didn't run."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    note: str = ""


def _link_folder(link: Path, target: Path) -> None:
    """Make a link to a folder; on Windows a junction, which needs no rights."""
    if os.name == "nt":
        call([os.environ.get("COMSPEC", "cmd"), "/c", "mklink", "/J", link, target])
    else:
        link.symlink_to(target, target_is_directory=True)


def run_suite(name: str, command: Sequence[str | Path], timeout_s: float = SUITE_TIMEOUT_S, **variables: str) -> int:
    """Run one suite's command with its output shown; return its exit code, 124 for one that took too long."""
    say(f"\n=== {name}")
    environment = child_variables(**variables)
    process = subprocess.Popen(
        [str(part) for part in command], cwd=ROOT, env=environment, start_new_session=os.name != "nt"
    )
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        say(f"{name} did not end within {timeout_s:.0f} seconds.")
        return 124
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, 9)
        process.wait()


def pytest_suite(name: str, python: Path, folder: str, **variables: str) -> Outcome:
    """Run the tests of one folder with one Python and count them."""
    report = ENVIRONMENTS / "results" / f"{name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    began = time.monotonic()
    options = ["-q", "--color", "yes" if sys.stdout.isatty() else "no", "-m", "not slow", f"--junitxml={report}"]
    code = run_suite(name, [python, "-m", "pytest", *options, f"tests/{folder}"], **variables)
    outcome = Outcome(name, seconds=time.monotonic() - began)
    if report.is_file():
        suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
        total, outcome.skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        outcome.failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        outcome.passed = total - outcome.failed - outcome.skipped
    if code != 0 and not outcome.failed:
        outcome.failed, outcome.note = 1, f"ended with {code}"
    return outcome


def checks_suite(name: str, checks: dict[str, Callable[[], int]]) -> Outcome:
    """Run named checks, each of which returns an exit code, and count them like tests."""
    began = time.monotonic()
    outcome = Outcome(name)
    for check in checks.values():
        if check() == 0:
            outcome.passed += 1
        else:
            outcome.failed += 1
    outcome.seconds = time.monotonic() - began
    return outcome


def lint() -> Outcome:
    """Style, format, import directions and types."""
    python = lint_environment()
    engine = engine_environment(_types_python())
    programs = python.parent
    with tempfile.TemporaryDirectory() as folder:
        # The import checker looks for a package of the name understudy, whatever the checkout is called.
        _link_folder(Path(folder) / "understudy", ROOT)
        types = (python, "-m", "basedpyright", "--pythonpath", engine)
        return checks_suite(
            "lint",
            {
                "style": lambda: run_suite("lint: style", [programs / "ruff", "check", "."]),
                "format": lambda: run_suite("lint: format", [programs / "ruff", "format", "--check", "."]),
                "imports": lambda: run_suite(
                    "lint: imports", [programs / "lint-imports", "--no-cache"], PYTHONPATH=folder
                ),
                "types": lambda: run_suite("lint: types", types),
            },
        )


def _types_python() -> str:
    return "3.11" if find_python("3.11") else "3.13"


def zip_suite() -> Outcome:
    """Build the extension and let Blender's validator judge the zip."""
    python = blender_environment(newest_blender())
    tags = ["--valid-tags", str(ROOT / "tests" / "contract" / "tags.json")]

    def validate() -> int:
        package = build_zip(python)
        say(f"built {package.relative_to(ROOT)}, {package.stat().st_size / 1e3:.0f} kB")
        return run_suite("zip: validate", [python, extension_builder(python), "validate", *tags, package])

    return checks_suite("zip", {"validate": validate})


def blender_suite(blender: str) -> Outcome:
    """Run the tests inside one Blender, with an engine of the same Python."""
    if find_python(BLENDERS[blender]) is None:
        return Outcome(f"blender-{blender}", note=f"left out: no Python {BLENDERS[blender]} on this machine")
    engine = engine_environment(BLENDERS[blender])
    python = blender_environment(blender)
    return pytest_suite(f"blender-{blender}", python, "blender", UNDERSTUDY_ENGINE_PYTHON=str(engine))


def engine_suite(folder: str, version: str) -> Outcome:
    """Run tests that need the engine's libraries or its Python, but no Blender."""
    name = f"{folder}-{version}"
    if find_python(version) is None:
        return Outcome(name, note=f"left out: no Python {version} on this machine")
    python = engine_environment(version, for_tests=True)
    return pytest_suite(name, python, folder, UNDERSTUDY_ENGINE_PYTHON=str(python))


def backend_suite(backend: str, folder: str) -> Outcome:
    """Run tests with another of Keras' backends, each in an environment with its pinned libraries."""
    name = f"{folder}-{backend}"
    if find_python(BACKEND_PYTHON) is None:
        return Outcome(name, note=f"left out: no Python {BACKEND_PYTHON} on this machine")
    return pytest_suite(name, backend_environment(backend), folder, UNDERSTUDY_BACKEND=backend)


def suites() -> dict[str, Suite]:
    """Return every suite by name, in the order in which they run: those that share an environment together."""
    newest = available_blenders()[-1:]
    table: dict[str, Suite] = {"lint": Suite(lint, ("lint", f"engine-{_types_python()}"))}
    for version in ENGINE_PYTHONS:
        engine = (f"engine-{version}",)
        table[f"contract-{version}"] = Suite(lambda version=version: engine_suite("contract", version), engine)
        if version == BACKEND_PYTHON:
            table[f"engine-{version}"] = Suite(lambda version=version: engine_suite("engine", version), engine)
            for backend, name in BACKEND_LISTS.items():
                table[f"backends-{backend}"] = Suite(
                    lambda backend=backend: backend_suite(backend, "backends"), (*engine, name)
                )
            table["team-jax"] = Suite(lambda: backend_suite("jax", "team"), (*engine, BACKEND_LISTS["jax"]))
        table[f"cli-{version}"] = Suite(lambda version=version: engine_suite("cli", version), engine)
        for blender in (blender for blender, python in BLENDERS.items() if python == version):
            table[f"blender-{blender}"] = Suite(
                lambda blender=blender: blender_suite(blender), (*engine, f"blender-{blender}")
            )
    table["zip"] = Suite(zip_suite, tuple(f"blender-{blender}" for blender in newest))
    return table


def run_suites(chosen: dict[str, Suite]) -> list[Outcome]:
    """Run suites one after another and return what came of each.

    In CI an environment is removed once no later suite needs it: all together fill 11 GB, any one step needs 5.
    """
    outcomes = []
    names = list(chosen)
    for place, name in enumerate(names):
        try:
            outcomes.append(chosen[name].run())
        except TaskError as error:
            outcomes.append(Outcome(name, failed=1, note=str(error)))
        if is_ci():
            later = {needed for other in names[place + 1 :] for needed in chosen[other].environments}
            for done in set(chosen[name].environments) - later:
                shutil.rmtree(ENVIRONMENTS / done, ignore_errors=True)
    return outcomes


def is_ci() -> bool:
    """Tell whether the suites run on a machine of their own, where none may be left out."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def summarize(outcomes: Sequence[Outcome]) -> int:
    """Print the table of all suites and return the exit code; in CI a suite left out is a failure."""
    for outcome in outcomes:
        if is_ci() and outcome.note.startswith("left out"):
            outcome.failed = 1
    say(f"\n{'suite':<16}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for o in outcomes:
        say(f"{o.name:<16}{o.passed:>8}{o.failed:>8}{o.skipped:>9}{o.seconds:>9.0f}  {o.note}".rstrip())
    passed, failed = sum(o.passed for o in outcomes), sum(o.failed for o in outcomes)
    say(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0
