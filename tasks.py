#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything one does with a checkout: `python3 tasks.py demo`, `python3 tasks.py test`, and what developers need.

Needs Python 3.11 or newer and nothing else. Each task makes the environments it needs under .venvs/ on its first run,
from pinned and hashed lists, and finds them there afterwards. Blender comes as a Python module, one for each version.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from development.environments import (
    BLENDERS,
    ENGINE_PYTHONS,
    ENVIRONMENTS,
    REQUIREMENTS,
    ROOT,
    TaskError,
    blender_environment,
    build_zip,
    call,
    engine_environment,
    find_python,
    lint_environment,
    newest_blender,
    say,
)
from development.suites import ON_DEMAND, lint, run_suite, run_suites, suites, summarize, zip_suite


def test(arguments: argparse.Namespace) -> int:
    """Run the suites and print what came of them."""
    chosen = {
        name: suite
        for name, suite in suites().items()
        if (not arguments.only and name not in ON_DEMAND)
        or any(name == only or name.startswith(f"{only}-") for only in arguments.only or ())
    }
    if not chosen:
        raise TaskError(f"No such suite; there are {', '.join(suites())}.")
    return summarize(run_suites(chosen))


def demo(arguments: argparse.Namespace) -> int:
    """Show the whole job in Blender, on the fictional performers or on the user's own footage."""
    if bool(arguments.source) != bool(arguments.target):
        raise TaskError("--source and --target belong together: who appears, and in which clip.")
    for clip in filter(None, (arguments.source, arguments.target)):
        if not clip.is_file():
            raise TaskError(f"There is no clip {clip}.")
    blender = newest_blender()
    say(f"The demo runs in Blender {blender}; its set-up, about 3 GB, goes into .venvs/ and happens once.")
    engine = engine_environment(BLENDERS[blender])
    python = blender_environment(blender)
    output = Path(arguments.output or ROOT / "demo_output").absolute()
    package = build_zip(python)
    command: list[str | Path] = [python, "-u", ROOT / "demo" / "run_demo.py", "--extension", package]
    command += ["--engine", ENVIRONMENTS / f"engine-{BLENDERS[blender]}", "--output", output]
    command += ["--minutes", str(arguments.minutes)]
    if arguments.source:
        command += ["--source", arguments.source.absolute(), "--target", arguments.target.absolute()]
    return run_suite("demo", command, timeout_s=24 * 3600, UNDERSTUDY_DEMO_PYTHON=str(engine))


def lock(_arguments: argparse.Namespace) -> int:
    """Solve every list of requirements/ anew."""
    solver = lint_environment().parent / "uv"
    versions = {f"blender-{blender}": version for blender, version in BLENDERS.items()}
    options = ["--universal", "--generate-hashes", "--no-header", "--quiet", "-c", REQUIREMENTS / "constraints.txt"]
    for listing in sorted(REQUIREMENTS.glob("*.in")):
        solved = listing.with_suffix(".txt")
        python = ["--python-version", versions.get(listing.stem, ENGINE_PYTHONS[0])]
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / solved.name
            shutil.copy(solved, draft) if solved.is_file() else None  # what is solved already stays as it is
            call([solver, "pip", "compile", *options, *python, listing, "-o", draft])
            heading = f"# {listing.name} and all it needs, pinned and hashed by `python3 tasks.py lock`.\n"
            solved.write_text(heading + draft.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
        say(f"requirements/{solved.name}")
    return 0


def benchmark(arguments: argparse.Namespace) -> int:
    """Run one of the benchmarks with the engine's Python."""
    python = engine_environment("3.11" if find_python("3.11") else "3.13")
    command = [python, ROOT / "benchmarks" / f"{arguments.name}.py", *arguments.options]
    return run_suite(arguments.name, command, timeout_s=6 * 3600)


def main() -> int:
    """Read the command line and run the task."""
    parser = argparse.ArgumentParser(prog="tasks.py", description=(__doc__ or "").splitlines()[0])
    tasks = parser.add_subparsers(required=True, metavar="TASK")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        task = tasks.add_parser(name, help=text, description=text)
        task.set_defaults(run=run)
        return task

    task = add("demo", demo, "show the whole job in Blender and leave an edit, a film and a report")
    task.add_argument("--source", type=Path, metavar="CLIP", help="your own footage of who is to appear")
    task.add_argument("--target", type=Path, metavar="CLIP", help="your own footage to be changed")
    task.add_argument("--minutes", type=float, default=10.0, help="how many minutes the network trains (default 10)")
    task.add_argument("--output", metavar="DIR", help="where the results go (default demo_output)")
    task = add("test", test, "run every check, in every supported Blender whose Python is here")
    task.add_argument("--only", action="append", metavar="SUITE", help=f"one of {', '.join(suites())}; may be repeated")
    add("lint", lambda _: summarize([lint()]), "style, format, import directions and types")
    add("zip", lambda _: summarize([zip_suite()]), "build the extension into dist/ and validate it")
    add("lock", lock, "solve the lists in requirements/ anew")
    add(
        "docs",
        lambda _: run_suite("docs", [sys.executable, ROOT / "docs" / "build_reference.py"]),
        "write the reference",
    )
    task = add("benchmark", benchmark, "measure one part on this machine")
    files = (ROOT / "benchmarks").glob("[a-z]*.py")
    # The other files there are what benchmarks share.
    names = sorted(path.stem for path in files if "__main__" in path.read_text(encoding="utf-8"))
    task.add_argument("name", choices=names)
    task.add_argument("options", nargs=argparse.REMAINDER, help="what the benchmark itself takes, for instance footage")
    arguments = parser.parse_args()
    try:
        return arguments.run(arguments)
    except TaskError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped; what is set up is kept.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
