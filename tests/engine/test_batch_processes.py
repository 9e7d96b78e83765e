# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches made by processes: those of threads to the bit, whatever ends; and nothing that is in use is overwritten."""

import errno
import gc
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from understudy.engine.runtime import shared_memory
from understudy.engine.training import batch_processes, feeding
from understudy.engine.training.augmentation import Augmentation, View
from understudy.engine.training.batch import BatchPlan, make_batch
from understudy.engine.training.feeding import choose_feeding, processes
from understudy.engine.training.loader import BatchLoader
from understudy.engine.training.performer_faces import PerformerFaces
from understudy.engine.training.view_units import POINTS, UNKNOWN

EVERYTHING = Augmentation(
    rotation_deg=10, zoom=0.05, shift=0.05, flip=0.4, jitter=5, color=0.5, light=0.3, blur=0.5, jpeg=0.5,
    occluders=0.5, head_turn_deg=5.0,
)  # fmt: skip
PLAN = BatchPlan(View(32, 1.7), EVERYTHING, 3, seed=5, flips=(0.5, 0.25), picture_size=16)


def faces_of(name, sizes, with_more=True):
    random = np.random.default_rng(len(name))
    pictures = tuple(random.integers(0, 256, (size, size, 3), np.uint8) for size in sizes)
    masks = tuple(random.integers(0, 256, (24, 24, 1), np.uint8) for _ in sizes) if with_more else ()
    coverage = random.uniform(1.7, 2.0, len(sizes))
    places = random.uniform(-60.0, 60.0, (len(sizes) - 1, 2 * POINTS)).view(np.complex128)
    points = (UNKNOWN, *places) if with_more else ()
    return PerformerFaces(name, pictures, pictures[:2], coverage, coverage[:2], "0" * 64, (), None, masks, points)


@pytest.fixture(scope="module")
def cast():
    return faces_of("Änne", (40, 41, 57, 33, 40)), faces_of("b", (64, 48, 37))


def check_same(batch, cast, step, plan=PLAN):
    expected = make_batch(cast, plan, step)
    assert batch.inputs.dtype == batch.targets.dtype == np.float32
    assert np.array_equal(batch.inputs, expected.inputs)
    assert np.array_equal(batch.targets, expected.targets)


def ids_of(loader):
    return [process._process.pid for process in loader._processes._processes]


def is_running(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_ended(ids):
    deadline = time.monotonic() + 20
    while any(map(is_running, ids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_running, ids))


def test_processes_make_the_batches_of_threads_and_overwrite_none_that_is_held(cast):
    told = []
    with BatchLoader(processes(cast, 2), PLAN, first_step=7, warn=told.append) as loader:
        ids = ids_of(loader)
        # More than there are slots are held at once: the last ones come from threads.
        held = [loader.next_batch() for _ in range(12)]
        assert len(ids) == len(set(ids)) == 2
        for step in range(19, 40):
            check_same(loader.next_batch(), cast, step)
        for number, batch in enumerate(held):
            check_same(batch, cast, 7 + number)
        # A part of a batch keeps its slot too.
        row = loader.next_batch().inputs[1, 2]
        del held, batch
        gc.collect()
        for step in range(41, 60):
            check_same(loader.next_batch(), cast, step)
        assert np.array_equal(row, make_batch(cast, PLAN, 40).inputs[1, 2])
    assert np.array_equal(row, make_batch(cast, PLAN, 40).inputs[1, 2]), "what is held outlives the processes"
    assert wait_until_ended(ids)
    assert told == []


def test_faces_are_in_memory_once_and_the_same_without_masks_and_landmarks_too(cast):
    plain = (faces_of("a", (40, 50), with_more=False), faces_of("bb", (30, 35), with_more=False))
    feeding = processes(plain, 1)
    for before, after in zip(plain, feeding.faces, strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(before.learned, after.learned, strict=True))
        assert all(not picture.flags.owndata for picture in after.learned)
    plan = BatchPlan(View(16, 1.0), EVERYTHING, 2, seed=1, team=(1, 2))
    with BatchLoader(feeding, plan) as loader:
        for step in range(3):
            batch = loader.next_batch()
            assert batch.inputs.shape == batch.targets.shape == (2, 1, 16, 16, 3)
            check_same(batch, plain, step, plan)


def test_what_a_process_loads(cast):
    with BatchLoader(processes(cast, 1), PLAN) as loader:
        loader.next_batch()
        mapped = Path(f"/proc/{ids_of(loader)[0]}/maps")
        if mapped.exists():
            libraries = mapped.read_text().lower()
            assert "numpy" in libraries
            assert not any(name in libraries for name in ("tensorflow", "torch", "jaxlib", "/av/", "dlib"))
    launch = Path(__file__).resolve().parents[2] / "training_cli" / "launch.py"
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1])\n"
        f"import understudy.{batch_processes.__name__.partition('.')[2]}\n"
        "heavy = {'tensorflow', 'keras', 'jax', 'torch', 'av', 'dlib', 'PIL', 'openvino'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, launch], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_killed_process_is_replaced_by_the_others_and_the_last_by_threads(cast):
    told = []
    with BatchLoader(processes(cast, 2), PLAN, warn=told.append) as loader:
        check_same(loader.next_batch(), cast, 0)
        for number, process in enumerate(loader._processes._processes):
            process._process.kill()
            for step in range(1 + 10 * number, 11 + 10 * number):
                check_same(loader.next_batch(), cast, step)
    assert len(told) == 2
    assert "Still at work: 1." in told[0] and "Threads" in told[1]


def test_an_error_there_is_the_error_here(cast):
    broken = (cast[0], replace(cast[1], learned_coverage=np.zeros(0)))
    told = []
    with BatchLoader(processes(broken, 1), PLAN, warn=told.append) as loader, pytest.raises(IndexError):
        loader.next_batch()
    assert told == []


def test_processes_that_do_not_start_are_replaced_by_threads(cast, monkeypatch):
    told = []
    monkeypatch.setattr("understudy.engine.runtime.side_process._START", "raise SystemExit(1)")
    with BatchLoader(processes(cast, 2), PLAN, warn=told.append) as loader:
        for step in range(5):
            check_same(loader.next_batch(), cast, step)
    assert "Threads" in told[-1]

    def refuse(*_arguments):
        raise OSError("no room")

    del told[:]
    monkeypatch.setattr(batch_processes, "SideProcess", refuse)
    with BatchLoader(processes(cast, 2), PLAN, warn=told.append) as loader:
        check_same(loader.next_batch(), cast, 0)
    assert "no room" in told[0] and len(told) == 1


def test_a_stop_waits_for_no_batch(cast):
    plan = replace(PLAN, batch_size=400)
    with BatchLoader(processes(cast, 2), plan) as loader:
        ids = ids_of(loader)
        loader.next_batch()
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert wait_until_ended(ids)


PARENT = """
import runpy, sys, time
import numpy as np
runpy.run_path(sys.argv[1])
from understudy.engine.training.augmentation import Augmentation, View
from understudy.engine.training.batch import BatchPlan
from understudy.engine.training.feeding import processes
from understudy.engine.training.loader import BatchLoader
from understudy.engine.training.performer_faces import PerformerFaces
from understudy.engine.training.view_units import POINTS, UNKNOWN
faces = PerformerFaces("a", (np.zeros((64, 64, 3), np.uint8),), (), np.ones(1), np.ones(1), "", ())
plan = BatchPlan(View(64, 1.0), Augmentation(0, 0, 0, 0, 0), 64, 0)
with BatchLoader(processes([faces], 2), plan) as loader:
    while True:
        loader.next_batch()
        print(*(item._process.pid for item in loader._processes._processes), flush=True)
        time.sleep(0.01)
"""


def test_processes_end_with_the_one_that_started_them_however_it_ends():
    launch = Path(__file__).resolve().parents[2] / "training_cli" / "launch.py"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, launch], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None and parent.stderr is not None
    ids = [int(number) for number in parent.stdout.readline().split()]
    assert len(ids) == 2 and all(map(is_running, ids))
    parent.kill()
    parent.wait()
    assert wait_until_ended(ids)
    assert parent.stderr.read() == "", "nobody complains to the terminal afterwards"
    parent.stdout.close()
    parent.stderr.close()


def test_cards_are_fed_by_processes_where_there_are_cores(cast, monkeypatch):
    told = []
    monkeypatch.setattr(feeding, "computes_on_card", lambda: False)
    chosen = choose_feeding(cast, told.append)
    assert (chosen.workers, chosen.shared, chosen.faces) == (1, None, tuple(cast))
    monkeypatch.setattr(feeding, "computes_on_card", lambda: True)
    for cores, workers in ((1, 0), (2, 1), (6, 5), (64, feeding.MOST_PROCESSES)):
        monkeypatch.setattr(feeding, "available_cores", lambda cores=cores: cores)
        chosen = choose_feeding(cast, told.append)
        assert (chosen.workers if chosen.shared else 0) == workers
    assert told == []
    monkeypatch.setattr(feeding, "can_start_processes", lambda: False)
    chosen = choose_feeding(cast, told.append)
    assert (chosen.workers, chosen.shared) == (feeding.MOST_THREADS, None)
    assert told == []
    monkeypatch.setattr(feeding, "can_start_processes", lambda: True)
    monkeypatch.setattr(shared_memory, "_reserve", full_disk)
    chosen = choose_feeding(cast, told.append)
    assert (chosen.workers, chosen.shared) == (feeding.MOST_THREADS, None)
    assert "No space left" in told[0]


def full_disk(_handle, _size):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_memory_without_a_name_of_its_own_kind_is_a_file(cast, monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with BatchLoader(processes(cast, 1), PLAN) as loader:
        for step in range(4):
            check_same(loader.next_batch(), cast, step)
