# SPDX-License-Identifier: GPL-3.0-or-later
"""`kill -9` at any moment of training and saving leaves a model that loads and lost at most one save interval.

The usual suite kills 24 times; all 200 kills: `python -m pytest -m slow tests/engine/test_training_kills.py`.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from training_victim import PERFORMERS, tiny_families
from understudy.engine.contract.files import write_bytes
from understudy.engine.networks.registry import FAMILIES
from understudy.engine.training.checkpoint import fingerprint_of, read_arrays, read_model
from understudy.engine.training.chosen_weights import checkpoint_names, read_inference_weights
from understudy.engine.training.history import read_history
from understudy.engine.training.inference import load_swapper

VICTIM = Path(__file__).with_name("training_victim.py")


@pytest.fixture(scope="module")
def facesets(tmp_path_factory):
    root = tmp_path_factory.mktemp("Gesichter")
    for name, skin in zip(PERFORMERS, ((230, 190, 160), (120, 80, 60)), strict=True):
        for i in range(8):
            image = np.full((64, 64, 3), 60, np.uint8)
            cv2.ellipse(image, (30 + i, 32), (18, 22), 0, 0, 360, skin, -1, cv2.LINE_AA)
            _ok, data = cv2.imencode(".png", image)
            write_bytes(root / name / f"{i:06d}_t00.png", data.tobytes())
    return root


class Nursery:
    """Starts victims and kills them."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, VICTIM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = 0

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def start(self, *order):
        self._process.stdin.write(json.dumps([str(item) if isinstance(item, Path) else item for item in order]) + "\n")
        self._process.stdin.flush()
        # A quick victim tells of its first steps before its parent tells of it.
        while (found := self._next())[0] != "pid":
            pass
        self.pid = int(found[1])

    def wait_for_step(self, step):
        """Return once the victim has told of this step or died; return the last step it told of."""
        last = 0
        while last < step:
            found = self._next()
            assert len(found) == 1, f"the victim ended by itself: {found}"
            last = int(found[0])
        return last

    def kill(self):
        """Kill the victim; return the last step it told of since it was waited for, 0 for none."""
        os.kill(self.pid, signal.SIGKILL)
        last, status = self.wait()
        assert status == signal.SIGKILL, "the victim had ended by itself"
        return last

    def wait(self):
        """Wait for the victim's end; return the last step it told of and its status."""
        last = 0
        while True:
            found = self._next()
            if found[0] == "dead":
                return last, int(found[1])
            last = int(found[0])

    def _next(self):
        return self._process.stdout.readline().split()


@pytest.fixture(scope="module")
def nursery():
    made = Nursery()
    yield made
    made.close()


def assert_sound(folder, told, interval, earlier):
    """Assert that everything the model's document names is whole, and that at most one interval was lost."""
    if told <= interval and not (folder / "model.json").exists():
        assert earlier == 0
        return 0
    document = read_model(folder)
    assert document.step >= max(earlier, told - interval), "steps were lost"
    weights, _ = read_inference_weights(folder, document)
    assert fingerprint_of(weights) == document.fingerprint
    for name in checkpoint_names(document):
        assert f"{int(read_arrays(folder, name)['steps']):08d}" in name
    if document.best:
        best, found = read_inference_weights(folder, document, "best")
        assert fingerprint_of(best) == document.best["fingerprint"]
        assert found.step == document.best["step"]
    assert all(line["step"] > 0 for line in read_history(folder / "history.jsonl"))
    return document.step


def kill_while_saving(nursery, folder, count, seed):
    chance, step, interval = random.Random(seed), 0, 3
    for _ in range(count):
        nursery.start("save", folder, interval)
        time.sleep(chance.uniform(0.0, 0.3))
        step = assert_sound(folder, nursery.kill(), interval, step)
    return step


def kill_while_training(nursery, folder, facesets, count, seed):
    chance, step, interval = random.Random(seed), 0, 2
    for _ in range(count):
        nursery.start("train", folder, facesets, 1_000_000, interval, "quick")
        reached = nursery.wait_for_step(step + chance.randint(1, 5))
        time.sleep(chance.uniform(0.0, 0.3))
        step = assert_sound(folder, max(reached, nursery.kill()), interval, step)
    return step


def assert_swaps(folder, monkeypatch):
    families, _recipes = tiny_families()
    monkeypatch.setitem(FAMILIES, "quick", families["quick"])
    for checkpoint in ("newest", "best"):
        swapper = load_swapper(folder, checkpoint=checkpoint)
        plates = np.zeros((1, 32, 32, 3), np.float32)
        faces, _masks = swapper.swap(swapper.inputs(plates, np.zeros((1, 68, 2)), "bert", ("anna",)), "bert")
        assert np.isfinite(faces).all()


def test_20_kills_while_saving(nursery, tmp_path):
    assert kill_while_saving(nursery, tmp_path / "Modell", 20, seed=1) > 20
    leftovers = [path for path in (tmp_path / "Modell").iterdir() if ".part" in path.name]
    assert len(leftovers) < 8, "what one kill leaves half-written goes with the next start"


def test_4_kills_while_training(nursery, facesets, tmp_path, monkeypatch):
    assert kill_while_training(nursery, tmp_path / "Modell", facesets, 4, seed=2) > 0
    assert_swaps(tmp_path / "Modell", monkeypatch)


@pytest.mark.slow
def test_200_kills(nursery, facesets, tmp_path, monkeypatch):
    assert kill_while_saving(nursery, tmp_path / "saved", 180, seed=3) > 180
    assert kill_while_training(nursery, tmp_path / "trained", facesets, 20, seed=4) > 0
    assert_swaps(tmp_path / "trained", monkeypatch)


@pytest.mark.parametrize("family", ["quick", "original", "lowmem"])
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(nursery, facesets, tmp_path, family):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    nursery.start("train", whole, facesets, 6, 2, family)
    assert nursery.wait() == (6, 0)
    nursery.start("train", parts, facesets, 6, 2, family)
    nursery.wait_for_step(3)
    nursery.kill()
    assert 2 <= read_model(parts).step < 6, "the victim was killed between its first save and its end"
    nursery.start("train", parts, facesets, 6, 2, family)
    assert nursery.wait() == (6, 0)
    one, other = (read_arrays(folder, read_model(folder).checkpoint) for folder in (whole, parts))
    assert set(one) == set(other)
    assert {name.split("/")[0] for name in one} >= {"weights", "optimizer", "steps"}
    assert any(name.startswith("average/") for name in one) == (family == "quick")
    assert [name for name in one if one[name].tobytes() != other[name].tobytes()] == []
