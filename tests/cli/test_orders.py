# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be asked of a running command, by a program's line and by a person's key; and what is answered."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from launching import LAUNCH, messages, start
from understudy.engine.contract.errors import EngineError
from understudy.engine.contract.messages import Log, Stage, decode
from understudy.engine.contract.orders import Order, decode_order, encode_order
from understudy.engine.runtime.reporter import CallbackReporter
from understudy.training_cli import control
from understudy.training_cli.commands import COMMANDS
from understudy.training_cli.main import build_parser
from understudy.training_cli.orders import Orders

# A training that takes no time: it waits for one request to save.
TRAINING = f"""
import importlib.util, sys, time
spec = importlib.util.spec_from_file_location("launch", {str(LAUNCH)!r})
spec.loader.exec_module(importlib.util.module_from_spec(spec))
from understudy.training_cli import main
from understudy.training_cli.commands import train

def wait(arguments, reporter):
    reporter.stage("training", "Pretending to train")
    while not reporter.is_stopped and not reporter.saves.take():
        time.sleep(0.01)
    return reporter.done("Over.", {{"saved": not reporter.is_stopped}})

train.run = wait
sys.exit(main.main(sys.argv[1:]))
"""
TRAIN = ("train", "model", "--performer", "anna=faces", "--performer", "ben=faces")


def test_orders_are_one_line_each_and_nothing_else_passes_for_one():
    assert encode_order(Order.SAVE) == '{"type":"save"}' and decode_order(encode_order(Order.SAVE)) is Order.SAVE
    for line in ("save", "{}", "[]", "1", '{"type":"fly"}', '{"type":["save"]}', "[" * 100_000, "\x00"):
        with pytest.raises(EngineError, match="Not an order"):
            decode_order(line)


def test_a_line_on_standard_input_makes_a_training_save():
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", TRAINING, *TRAIN, "--json"], encoding="utf-8", **pipes) as process:
        # An order may come in pieces, and with the line ends of any system.
        for piece in ('{"ty', 'pe":"save"}\r\n'):
            process.stdin.write(piece)
            process.stdin.flush()
        found = messages(process.stdout.read())
        assert process.wait(30) == 0
    assert found[-1].result == {"saved": True} and not found[-1].stopped


def test_a_job_that_is_no_training_says_so_and_goes_on():
    with start("dummy", "--seconds", 60, "--json") as process:
        lines = [next(process.stdout), next(process.stdout)]
        assert isinstance(decode(lines[-1]), Stage)
        process.stdin.write("\n" + encode_order(Order.SAVE) + "\nrubbish\nmore rubbish\n")
        process.stdin.flush()
        warnings = []
        while len(warnings) < 2:
            lines.append(next(process.stdout))
            warnings += [item.text for item in [decode(lines[-1])] if isinstance(item, Log)]
        process.stdin.close()
        lines += list(process.stdout)
        assert process.wait(10) == 0
    assert warnings[0] == "Only a training can save before its end and go on; this is the job dummy."
    assert warnings[1].startswith("Not an order for a running job: 'rubbish'.")
    found = messages("".join(lines))
    assert found[-1].stopped and sum(isinstance(item, Log) for item in found) == 2, "rubbish is answered once"


def test_the_key_s_saves_and_nothing_else_does(monkeypatch):
    said = []
    reporter = CallbackReporter(said.append)
    orders = Orders(reporter, "train", can_save=True)
    reading, writing = os.pipe()
    assert not control.watch_keys(orders.obey_key, reading), "a pipe is no keyboard"
    monkeypatch.setattr(control.os, "isatty", lambda _source: True)
    monkeypatch.setattr(control.signal, "signal", lambda *_: None)
    assert control.watch_keys(orders.obey_key, reading)
    (listener,) = (thread for thread in threading.enumerate() if thread.name == "keyboard")
    try:
        os.write(writing, b"x\nsave\n\n")
        os.close(writing)
        listener.join(10)
        assert not reporter.saves.is_asked and not listener.is_alive()
    finally:
        os.close(reading)
    for typed in ("s", " S\r"):
        orders.obey_key(typed)
        assert reporter.saves.take()
    assert not said


def test_a_terminal_that_belongs_to_another_program_is_asked_again(monkeypatch):
    answers = [OSError("in the background"), b"s\n", b""]

    def read(_source, _size):
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    heard = []
    monkeypatch.setattr(control.os, "read", read)
    monkeypatch.setattr(control, "_SECONDS_IN_BACKGROUND", 0.0)
    control._hear_keys(0, heard.append)
    assert heard == ["s"] and not answers


def test_only_what_trains_can_save(tmp_path):
    train = COMMANDS["train"].load()
    line = ["train", str(tmp_path / "m"), "--performer", f"anna={tmp_path}"]
    assert train.can_save(build_parser("train").parse_args(line))
    assert not train.can_save(build_parser("train").parse_args([*line, "--show-views", "views.png"]))


def test_a_stop_is_heard_while_a_library_computes_and_a_second_one_ends_at_once():
    """A network's first step keeps the main thread from Python's own signal handlers; so does a very long hash."""
    wait = """
    reporter.stage("training", "Pretending to train")
    with reporter.stop.heard_by(lambda: reporter.info("heard")):
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""
    head, tail = TRAINING.split("def wait(arguments, reporter):")
    code = f"import hashlib\n{head}def wait(arguments, reporter):{wait}{tail[tail.index('train.run') - 1 :]}"
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", code, *TRAIN, "--json"], encoding="utf-8", **pipes) as process:
        lines = [next(process.stdout), next(process.stdout)]
        assert isinstance(decode(lines[-1]), Stage)
        process.send_signal(signal.SIGINT)
        assert decode(next(process.stdout)) == Log("info", "heard")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
