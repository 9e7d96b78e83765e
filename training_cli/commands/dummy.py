# SPDX-License-Identifier: GPL-3.0-or-later
"""`dummy`: a pretended long job that can also misbehave, for developing and testing the bridge to Blender."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from ...engine.contract.errors import EngineError, ErrorCode
from ...engine.contract.jobs import DummyJob
from ...engine.contract.messages import Done, Log

if TYPE_CHECKING:
    from ...engine.runtime.reporter import Reporter

BEHAVIORS = ("finish", "fail", "crash", "flood", "noise", "hang")
_CRASH_CODE = 70
_FLOOD = 20_000
_TICK_S = 0.05


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("dummy", help="pretend a long job, for developing the bridge")
    parser.add_argument("--seconds", type=float, default=DummyJob.seconds, help="how long it takes (default: 1)")
    parser.add_argument("--behavior", choices=BEHAVIORS, default=DummyJob.behavior, help="how it ends")


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Run the pretended job and return its last message."""
    return dummy(DummyJob(arguments.seconds, arguments.behavior), reporter)


def dummy(job: DummyJob, reporter: Reporter) -> Done:
    """Pretend to work for `job.seconds`, then behave as `job.behavior` says; `Done.result` has `seconds`.

    Raises:
        EngineError: `internal`, for the behavior "fail"; `job_invalid`, for one that doesn't exist.
    """
    if job.behavior not in BEHAVIORS:
        raise EngineError(ErrorCode.JOB_INVALID, f"There is no behavior {job.behavior!r}.", ", ".join(BEHAVIORS))
    reporter.stage("dummy", "Pretending to work")
    if job.behavior == "flood":
        for number in range(_FLOOD):
            reporter.send(Log("info", f"message {number} of a flood"))
    began = time.monotonic()
    while (passed := time.monotonic() - began) < job.seconds:
        is_stopped = reporter.progress(round(passed, 3), job.seconds, "seconds")
        if is_stopped and job.behavior != "hang":
            return reporter.done("The pretended job was stopped.", {"seconds": passed})
        if job.behavior == "noise":
            _make_noise()
        time.sleep(min(_TICK_S, job.seconds - passed))
    if job.behavior == "fail":
        raise EngineError(ErrorCode.INTERNAL, "The pretended job failed.", "It was asked to.")
    if job.behavior == "crash":
        os._exit(_CRASH_CODE)
    return reporter.done("The pretended job is finished.", {"seconds": job.seconds})


def _make_noise() -> None:
    """Write to standard output in the three ways a library might: Python's stream, the descriptor, a child process."""
    sys.stdout.write("noise from a stream\n")
    sys.stdout.flush()
    os.write(1, b"noise from the descriptor\n")
    subprocess.run([sys.executable, "-I", "-c", "import os; os.write(1, b'noise from a child\\n')"], check=True)
