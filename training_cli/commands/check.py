# SPDX-License-Identifier: GPL-3.0-or-later
"""`check`: say what the engine is made of and whether each part works."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...engine.contract.jobs import CheckJob
from ...engine.contract.messages import Done

if TYPE_CHECKING:
    from ...engine.runtime.reporter import Reporter


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    subparsers.add_parser(
        "check",
        help="say what the engine is made of and whether each part works",
        description="Name the versions of Python and every library, the device, cores, memory and disk, and run each "
        "model on a small picture. Exit code 1: a model doesn't work; 3: a library is missing.",
    )


def run(arguments: argparse.Namespace, reporter: Reporter) -> Done:
    """Run the check and return its last message."""
    from ...engine.pipelines.check import check

    return check(CheckJob(), reporter)
