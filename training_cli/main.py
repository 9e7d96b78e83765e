# SPDX-License-Identifier: GPL-3.0-or-later
"""The program `understudy`: parser, ownership of standard output, first and last message, exit codes."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.files import write_text
from ..engine.contract.messages import Failed, Hello
from ..engine.runtime.stop import StopSignal
from .commands import COMMANDS
from .control import abandon_stdout, claim_stdout, forgive_odd_characters, watch_keys, watch_signals, watch_stdin
from .exits import Exit, exit_of
from .orders import HELP, Orders
from .reporters import CommandReporter, JsonLinesReporter, TerminalReporter

_JSON = "--json"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in two lines instead of repeating every option."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"{self.prog}: {message}\nSee {self.prog} --help.\n")


def version() -> str:
    """Return the version of this copy of the code."""
    from .. import __version__

    return __version__


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; those of the process by default.

    Returns:
        Exit code: 0 done or stopped, 1 failed, 2 wrong usage, 3 the environment lacks something.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    is_json = _JSON in argv
    argv = [text for text in argv if text != _JSON]
    name = next((text for text in argv if not text.startswith("-")), None)
    parser = build_parser(name)
    if name is None and not argv:
        parser.print_help(sys.stderr)
        return Exit.USAGE
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.USAGE
    stop = StopSignal()
    watch_signals(stop)
    if is_json or arguments.command == "run":
        return _listen_and_run(arguments, stop)
    forgive_odd_characters()
    reporter = TerminalReporter(stop)
    return _run(arguments, reporter, is_terminal=True, listen=lambda orders: _hear_keys(orders, reporter))


def build_parser(name: str | None = None) -> argparse.ArgumentParser:
    """Return the parser with the options of one command, or of none; only that command's module is imported."""
    parser = _Parser(
        prog="understudy",
        description="One face stands in for another: find, train and swap faces in footage.",
        epilog="See understudy COMMAND --help for the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"understudy {version()}")
    parser.add_argument(
        _JSON, action="store_true", help="answer in JSON lines on standard output; closing standard input stops"
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for other, command in COMMANDS.items():
        if other == name:
            command.load().add_parser(subparsers)
        else:
            subparsers.add_parser(other, help=command.help)
    return parser


def _listen_and_run(arguments: argparse.Namespace, stop: StopSignal) -> int:
    output = claim_stdout()
    record = COMMANDS["run"].load().record_of(arguments) if arguments.command == "run" else None
    reporter = JsonLinesReporter(output, record, stop)
    return _run(arguments, reporter, is_terminal=False, listen=lambda orders: watch_stdin(stop, orders.obey_line))


def _hear_keys(orders: Orders, reporter: CommandReporter) -> None:
    if orders.can_save and watch_keys(orders.obey_key):
        reporter.info(HELP)


def _run(
    arguments: argparse.Namespace,
    reporter: CommandReporter,
    is_terminal: bool,
    listen: Callable[[Orders], None] | None = None,
) -> int:
    """Run the command between the first and the last message, and return the exit code.

    Args:
        arguments: The command and its options.
        reporter: Where messages go.
        is_terminal: Whether a person reads them.
        listen: Begins to pass on what is asked of the run, once the first message is sent.
    """
    module = COMMANDS[arguments.command].load()
    job = module.job_name(arguments) if hasattr(module, "job_name") else arguments.command
    reporter.send(Hello(job, version(), platform.python_version(), os.getpid()))
    if listen is not None:
        listen(Orders(reporter, job, hasattr(module, "can_save") and module.can_save(arguments)))
    try:
        reporter.send(module.run(arguments, reporter))
        return Exit.DONE
    except EngineError as error:
        return _fail(reporter, error)
    except BrokenPipeError:
        abandon_stdout()
        return Exit.DONE
    except ModuleNotFoundError as error:
        return _fail(reporter, _missing_library(error), traceback.format_exc(), is_terminal)
    except MemoryError:
        return _fail(reporter, _out_of_memory(), traceback.format_exc(), is_terminal)
    except Exception as error:  # noqa: BLE001 - the one boundary where the unexpected becomes a sentence
        return _fail(reporter, _unexpected(error), traceback.format_exc(), is_terminal)
    finally:
        reporter.close()


def _fail(reporter: CommandReporter, error: EngineError, trace: str = "", is_terminal: bool = False) -> int:
    hint = error.hint
    if trace and is_terminal:
        hint = f"{hint} {_keep(trace)}".strip()
    elif trace:
        # Whoever started the run keeps standard error as the run's log.
        sys.stderr.write(trace)
    reporter.send(Failed(error.code, error.message, hint, error.frames))
    return exit_of(error.code)


def _keep(trace: str) -> str:
    path = Path(tempfile.gettempdir()) / f"understudy-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        write_text(path, trace)
    except EngineError as error:
        return str(error)
    return f"The details are in {path}."


def _missing_library(error: ModuleNotFoundError) -> EngineError:
    name = (error.name or "").partition(".")[0]
    if name == __name__.partition(".")[0] or (name and importlib.util.find_spec(name) is not None):
        return _unexpected(error)
    return EngineError(
        ErrorCode.LIBRARY_MISSING,
        f"The library {name} is missing in this Python ({sys.executable}).",
        "Make the engine's environment with `understudy environment install --folder FOLDER` and use its Python.",
    )


def _out_of_memory() -> EngineError:
    return EngineError(
        ErrorCode.OUT_OF_MEMORY,
        "The memory is full.",
        "Close other programs, or choose a smaller batch, face size or number of processes.",
    )


def _unexpected(error: Exception) -> EngineError:
    return EngineError(
        ErrorCode.INTERNAL,
        f"Something unexpected happened: {type(error).__name__}: {error}.",
        "This is a defect of Understudy; please report it with the log.",
    )
