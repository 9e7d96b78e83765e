# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the reference pages that come from the code: settings, command line, failures. `python3 tasks.py docs`.

Needs no library: what it reads is the standard-library part of the engine and the parsers of the command line.
"""

import argparse
import importlib.util
import sys
from dataclasses import fields
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"

if "understudy" not in sys.modules:
    _spec = importlib.util.spec_from_file_location("understudy_launch", ROOT / "training_cli" / "launch.py")
    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))

from understudy.engine.contract.errors import ErrorCode  # noqa: E402 - the binding comes first
from understudy.engine.contract.model_licences import LICENCES, models_used  # noqa: E402
from understudy.engine.contract.settings import (  # noqa: E402
    BuildSettings,
    ExtractSettings,
    PeopleSettings,
    SwapSettings,
    TrainSettings,
)
from understudy.training_cli.commands import COMMANDS  # noqa: E402
from understudy.training_cli.exits import Exit  # noqa: E402
from understudy.training_cli.main import build_parser  # noqa: E402

MADE = "<!-- Written by `python3 tasks.py docs` from the code; change it there. -->"


def pages():
    """Return every generated page: file name -> text."""
    return {
        "settings.md": settings_page(),
        "cli.md": cli_page(),
        "errors.md": errors_page(),
        "models.md": models_page(),
    }


def settings_page():
    """Return the page of all settings."""
    parts = [
        MADE,
        "# Settings",
        "Each setting exists once, in `engine/contract/settings.py` or `training_settings.py`. On the command line it "
        "is an option with hyphens (`--batch-size`), in Blender a property of the scene "
        "(`scene.understudy.train.batch_size`), in Python a field of the dataclass.",
    ]
    steps = {
        "Extract": ExtractSettings,
        "People": PeopleSettings,
        "Build": BuildSettings,
        "Train": TrainSettings,
        "Swap": SwapSettings,
    }
    for title, cls in steps.items():
        parts += [f"## {title}: `{cls.__name__}`", cls.__doc__.strip(), _settings_table(cls)]
    return "\n\n".join(parts) + "\n"


def _settings_table(cls):
    rows = ["| setting | default | range | what it does |", "|---|---|---|---|"]
    for item in fields(cls):
        details = item.metadata
        unit = f" {details['unit']}" if "unit" in details else ""
        default = f'"{item.default}"' if isinstance(item.default, str) else str(item.default)
        rows.append(f"| `{item.name}` | {default}{unit} | {_range(details)} | {_cell(_meaning(details))} |")
    return "\n".join(rows)


def _range(details):
    if "choices" in details:
        return ", ".join(f"`{choice}`" for choice in details["choices"])
    low, high = details.get("minimum"), details.get("maximum")
    if low is None and high is None:
        return "–"
    return f"{low} to {high}" if high is not None else f"at least {low}"


def _meaning(details):
    choices = "".join(f" `{value}`: {phrase}." for value, phrase in details.get("choices", {}).items())
    return details["help"] + choices


def _cell(text):
    return " ".join(text.split()).replace("|", "\\|")


def cli_page():
    """Return the page of the command line."""
    parts = [
        MADE,
        "# Command line",
        "`understudy COMMAND` when installed with pip, `<engine's Python> training_cli/launch.py COMMAND` in a "
        "checkout. With `--json` a command answers in JSON lines and stops when standard input is closed; without it, "
        "Ctrl-C stops at the next step and keeps what is finished, and `s` and Enter let a training save and go on.",
        "## Exit codes",
        "\n".join(["| code | name |", "|---|---|", *(f"| {code.value} | {code.name.lower()} |" for code in Exit)]),
    ]
    for name, command in COMMANDS.items():
        choices = _subparsers(build_parser(name)).choices
        parts += _parser_section(choices[name], name, command.help, 2)
    return "\n\n".join(parts) + "\n"


def _subparsers(parser):
    return next((action for action in parser._actions if isinstance(action, argparse._SubParsersAction)), None)


def _parser_section(parser, name, text, level):
    parts = [f"{'#' * level} `{name}`", _sentence(parser.description or text)]
    nested = _subparsers(parser)
    table = _options_table([action for action in parser._actions if action is not nested])
    if table:
        parts.append(table)
    if nested is not None:
        for other, child in nested.choices.items():
            parts += _parser_section(child, f"{name} {other}", _nested_help(nested, other), level + 1)
    return parts


def _nested_help(nested, name):
    return next((action.help or "" for action in nested._choices_actions if action.dest == name), "")


def _sentence(text):
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _options_table(actions):
    actions = [action for action in actions if not isinstance(action, argparse._HelpAction)]
    if not actions:
        return ""
    rows = ["| argument | what it does |", "|---|---|"]
    for action in actions:
        # Help texts escape the percent sign for argparse, and some name the default.
        text = (action.help or "") % {"default": action.default, "prog": "understudy"}
        rows.append(f"| `{_argument(action)}` | {_cell(text)} |")
    return "\n".join(rows)


def _argument(action):
    if action.choices is not None and action.option_strings:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    else:
        value = action.metavar or action.dest.upper()
    if not action.option_strings:
        return str(action.metavar or action.dest)
    name = ", ".join(action.option_strings)
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        return name
    more = f" [{value} …]" if action.nargs in ("+", "*") else ""
    return f"{name} {value}{more}".replace("|", "\\|")


def errors_page():
    """Return the page of all failures."""
    from understudy.training_cli.exits import exit_of

    rows = ["| code | name in the code | exit code |", "|---|---|---|"]
    rows += [f"| `{code.value}` | `ErrorCode.{code.name}` | {int(exit_of(code))} |" for code in ErrorCode]
    parts = [
        MADE,
        "# Failures",
        "Every failure with a known cause carries a code, a sentence that names the file, frame or strip, and a next "
        "step. The code is stable: scripts may compare it. It is in the last message of a run (`failed`), in "
        "`EngineError.code` in Python, and decides which button Blender offers beside the sentence.",
        "\n".join(rows),
    ]
    return "\n\n".join(parts) + "\n"


# Settings of a swap, whose names aren't those of what the models are for.
_MODEL_SETTINGS = {"palm": "`keep_in_front`", "hand": "`keep_in_front`"}


def models_page():
    """Return the page of the models' licences."""
    defaults = ExtractSettings()
    rows = ["| setting | value | model | licence | paid work | what it means |", "|---|---|---|---|---|---|"]
    for name, item in LICENCES.items():
        setting = f"`{item.purpose}`" if hasattr(defaults, item.purpose) else _MODEL_SETTINGS.get(name, "always")
        paid = "allowed" if item.paid_work else "**not allowed**"
        rows.append(f"| {setting} | `{name}` | {item.title} | {item.licence} | {paid} | {_cell(item.meaning)} |")
    used = models_used(defaults.detector, defaults.landmarks)
    verdict = "allowed" if all(LICENCES[name].paid_work for name in used) else "not allowed"
    parts = [
        MADE,
        "# Models and their licences",
        "These trained models look at faces. The side bar shows the terms of the chosen ones under *Search Settings*, "
        "`understudy check` prints all of them. What performers agreed to is another matter, see "
        "[trust](../explanation/trust.md).",
        "\n".join(rows),
        f"For paid work, leave the settings as they are: {', '.join(f'`{name}`' for name in used)} are the defaults, "
        f"and with them it is {verdict}. Eyes and hands have no other choice, and allow it too.",
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for file_name, content in pages().items():
        (REFERENCE / file_name).write_text(content, encoding="utf-8", newline="\n")
        print(f"docs/reference/{file_name}")
