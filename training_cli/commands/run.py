# SPDX-License-Identifier: GPL-3.0-or-later
"""`run JOB.json`: do what a job file says and answer in JSON lines; what Blender starts."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.contract.errors import EngineError
from ...engine.contract.jobs import load_job
from ...engine.contract.messages import Done
from ...engine.contract.project import MESSAGES_FILE

if TYPE_CHECKING:
    from ...engine.runtime.reporter import Reporter

# Kind of job -> module with a function of the same name; imported after Hello, because TensorFlow takes seconds.
_RECIPES = {
    "extract": "...engine.pipelines.extract",
    "correct": "...engine.pipelines.correct",
    "build_faceset": "...engine.pipelines.build_faceset",
    "train": "...engine.pipelines.train",
    "import_model": "...engine.pipelines.import_model",
    "swap": "...engine.pipelines.swap",
    "people": "...engine.pipelines.people",
    "check": "...engine.pipelines.check",
    "dummy": ".dummy",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "run",
        help="run a job file and answer in JSON lines, as Blender does",
        description="Run a job file. Messages go to standard output, one JSON object a line, and to messages.jsonl "
        "beside the job file. Closing standard input stops the job and keeps what is finished; "
        """the line {"type":"save"} there makes a training save and go on.""",
    )
    parser.add_argument("job", type=Path, metavar="JOB.json", help="job file (docs/reference/formats/job.md)")


def job_name(arguments: argparse.Namespace) -> str:
    """Return the kind of the job, or "run" when the file can't be read; `run` then says why."""
    try:
        return load_job(arguments.job).kind
    except EngineError:
        return arguments.command


def can_save(arguments: argparse.Namespace) -> bool:
    """Return whether the job can save before its end and go on: trainings can."""
    return job_name(arguments) == "train"


def record_of(arguments: argparse.Namespace) -> Path | None:
    """Return the file beside the job file that keeps the messages, or None when there is no job file."""
    return arguments.job.with_name(MESSAGES_FILE) if arguments.job.is_file() else None


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Run the job and return its last message."""
    job = load_job(arguments.job)
    recipe = importlib.import_module(_RECIPES[job.kind], __package__)
    return getattr(recipe, job.kind)(job, reporter)
