# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept off standard error while TensorFlow is imported, and what isn't."""

import subprocess
import sys

import pytest
from understudy.engine.runtime import device

ROOT = str(device.Path(device.__file__).resolve().parents[2])
# Like TensorFlow, the lines go to the descriptor and not to Python's stream.
BEGIN = f"""
import importlib.util, os, sys
root = {ROOT!r}
spec = importlib.util.spec_from_file_location("understudy", root + "/__init__.py", submodule_search_locations=[root])
sys.modules["understudy"] = importlib.util.module_from_spec(spec)
from understudy.engine.runtime.start_notes import without_start_notes
def say(text): os.write(2, text.encode() + b"\\n")
with without_start_notes():
    say("WARNING: All log messages before absl::InitializeLog() is called are written to STDERR")
    say("I0000 00:00:1.5 1 port.cc:153] operations are on")
    say("W0000 00:00:1.5 1 cpu_feature_guard.cc:227] uses instructions")
    say("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.")
    say("E0000 00:00:1.5 1 cuda.cc:1] no driver")
    say("Illegal words that begin with I and W stay")
"""


def errors_of(rest: str) -> tuple[int, list[str]]:
    ended = subprocess.run([sys.executable, "-c", BEGIN + rest], capture_output=True, text=True, check=False)
    assert ended.stdout == ""
    return ended.returncode, ended.stderr.splitlines()


def test_notes_are_left_out_and_errors_pass():
    code, lines = errors_of('say("I0000 behind the block everything passes")')
    assert code == 0
    assert lines == [
        "E0000 00:00:1.5 1 cuda.cc:1] no driver",
        "Illegal words that begin with I and W stay",
        "I0000 behind the block everything passes",
    ]


def test_the_last_words_of_a_process_that_ends_in_the_block_pass():
    code, lines = errors_of('    say("F0000 00:00:1.5 1 cpu.cc:1] no AVX")\n    os._exit(9)')
    assert code == 9
    assert "F0000 00:00:1.5 1 cpu.cc:1] no AVX" in lines


@pytest.mark.parametrize("level", ["0", "3"])
def test_notes_stay_for_whoever_asks_for_them(level, monkeypatch):
    used = []
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    monkeypatch.setattr(device, "without_start_notes", lambda: used.append(True) or device.contextlib.nullcontext())
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    stand_in = type(sys)("tensorflow")
    monkeypatch.setattr("builtins.__import__", _importing(stand_in))
    assert device.import_tensorflow() is stand_in
    assert bool(used) == (level == "3")


def _importing(stand_in):
    usual = __import__
    return lambda name, *rest: stand_in if name == "tensorflow" else usual(name, *rest)
