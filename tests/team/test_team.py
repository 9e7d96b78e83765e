# SPDX-License-Identifier: GPL-3.0-or-later
"""Several devices and several processes train one model as one process on one device would."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from understudy.engine.contract.files import write_bytes
from understudy.engine.training.checkpoint import read_model

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 500
# Sums over two parts of a batch are rounded otherwise than sums over all of it.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def facesets(tmp_path_factory):
    root = tmp_path_factory.mktemp("Gesichter für zwei")
    for name, color in (("anna", 200), ("bert", 90)):
        random = np.random.default_rng(color)
        for i in range(10):
            image = np.full((96, 96, 3), 40, np.uint8)
            x, y = (int(value) for value in 48 + random.integers(-6, 7, 2))
            cv2.ellipse(image, (x, y), (26, 32), 0, 0, 360, (color, color // 2, 255 - color), -1, cv2.LINE_AA)
            write_bytes(root / name / f"{i:06d}_t00.png", cv2.imencode(".png", image)[1].tobytes())
    return root


def start(folder, name, facesets, model, workers, worker, address, devices=1):
    """Start a process and return it with the file of what it tells."""
    out = folder / f"{name}.json"
    flags = f"--xla_force_host_platform_device_count={devices}"
    # Compiling takes longer than these few steps.
    variables = dict(os.environ, XLA_FLAGS=flags, KERAS_BACKEND="jax", JAX_DISABLE_MOST_OPTIMIZATIONS="1")
    command = [sys.executable, HERE / "member.py", out, model, facesets, workers, worker, address]
    return subprocess.Popen(list(map(str, command)), env=variables), out


def finish(*started):
    """Wait for processes within the time limit and return what they told."""
    try:
        for process, _out in started:
            assert process.wait(TIMEOUT_S) == 0
    finally:
        for process, _out in started:
            if process.poll() is None:
                process.kill()
                process.wait()
    return [json.loads(out.read_text()) for _process, out in started]


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def weights_of(model):
    with np.load(model / read_model(model).checkpoint) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="module")
def alone(facesets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("allein")
    (told,) = finish(start(folder, "one", facesets, folder / "model", 1, 0, ""))
    assert len(told["losses"]) == 6
    return folder / "model", told


def check_same(model, told, alone):
    expected_model, expected = alone
    assert told["error"] == ""
    np.testing.assert_allclose(told["losses"], expected["losses"], rtol=TOLERANCE)
    ours, theirs = weights_of(model), weights_of(expected_model)
    assert set(ours) == set(theirs)
    assert max(np.abs(ours[name] - theirs[name]).max() for name in ours if name.startswith("average/")) < TOLERANCE
    assert read_model(model).best["step"] == read_model(expected_model).best["step"]


def test_two_devices_of_one_machine_train_as_one(alone, facesets, tmp_path):
    (told,) = finish(start(tmp_path, "devices", facesets, tmp_path / "model", 1, 0, "", devices=2))
    check_same(tmp_path / "model", told, alone)


def test_two_processes_train_one_model_as_one_and_one_of_them_writes(alone, facesets, tmp_path):
    address = free_address()
    started = [start(tmp_path, str(i), facesets, tmp_path / "model", 2, i, address) for i in (0, 1)]
    first, second = finish(*started)
    check_same(tmp_path / "model", first, alone)
    # A model of its own folder would be there if the second had written.
    assert second["losses"] == first["losses"]
    assert second["error"] == ""
