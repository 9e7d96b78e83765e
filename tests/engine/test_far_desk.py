# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces recorded in a process of their own: the same results and the same errors as in a thread."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from extract_material import CLIPS, Recorder, job
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.timing import Footage
from understudy.engine.faces.tracks import load_tracks
from understudy.engine.faceset.store import load_faceset
from understudy.engine.pipelines import faceset_desk
from understudy.engine.pipelines.extract import extract
from understudy.engine.pipelines.far_desk import FarDesk
from understudy.engine.runtime.array_messages import read_message, write_message
from understudy.engine.runtime.shared_ring import SharedRing, make_ring
from understudy.engine.runtime.side_process import SideProcess

TARGET = Footage(CLIPS / "target_A.mp4")
FRAMES = [(0, 60)]
LAUNCH = Path(__file__).resolve().parents[2] / "training_cli" / "launch.py"


@pytest.fixture
def started(monkeypatch) -> list[FarDesk]:
    """Let short footage have a process too; the desks that were started in one."""
    desks: list[FarDesk] = []

    class Noted(FarDesk):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            desks.append(self)

    monkeypatch.setattr(faceset_desk, "_LEAST_FRAMES", 1)
    monkeypatch.setattr(faceset_desk, "available_cores", lambda: 2)
    monkeypatch.setattr(faceset_desk, "FarDesk", Noted)
    return desks


def test_a_process_finds_what_a_thread_finds(tmp_path, started, monkeypatch):
    far = extract(job(tmp_path / "far", TARGET, FRAMES, face_size=128), Recorder())
    assert len(started) == 1
    monkeypatch.setattr(faceset_desk, "_LEAST_FRAMES", 1000)
    near = extract(job(tmp_path / "near", TARGET, FRAMES, face_size=128), Recorder())
    assert len(started) == 1
    tracks = [load_tracks(Path(done.result["footage_folder"])).tracks for done in (far, near)]
    assert len(tracks[0]) == len(tracks[1]) == 1
    assert tracks[0][0].is_same_as(tracks[1][0])
    folders = [Path(done.result["faceset_folder"]) for done in (far, near)]
    pictures = [{path.name: path.read_bytes() for path in folder.glob("*.png")} for folder in folders]
    assert pictures[0] == pictures[1]
    assert len(load_faceset(folders[0]).records) == 60


def test_what_was_found_before_keeps_its_id_in_a_process_too(tmp_path, started):
    extract(job(tmp_path, TARGET, [(0, 20)], face_size=128), Recorder())
    done = extract(job(tmp_path, TARGET, [(0, 40)], face_size=128), Recorder())
    assert len(started) == 2
    records = load_faceset(Path(done.result["faceset_folder"])).records
    assert sorted(record.media_frame for record in records) == list(range(40))
    assert {record.track for record in records} == {1}


def test_an_error_there_is_the_error_here(tmp_path, started):
    done = extract(job(tmp_path, TARGET, [(0, 20)], face_size=128), Recorder())
    folder = Path(done.result["faceset_folder"])
    shutil.rmtree(folder)
    folder.write_text("a file where the folder was")
    with pytest.raises(EngineError) as caught:
        extract(job(tmp_path, TARGET, [(20, 60)], face_size=128), Recorder())
    assert caught.value.code is ErrorCode.NOT_WRITABLE
    assert str(folder) in caught.value.message


def test_a_process_that_dies_is_told_and_one_that_never_starts_is_replaced(tmp_path, started, monkeypatch):
    class Mortal(Recorder):
        def progress(self, done, total, unit, remaining_s=None):
            if done == 50 and started:
                started[0].connect()
                started[0]._process._process.kill()
            return super().progress(done, total, unit, remaining_s)

    with pytest.raises(EngineError) as caught:
        extract(job(tmp_path / "dies", TARGET, FRAMES, face_size=128), Mortal())
    assert caught.value.code is ErrorCode.CRASHED
    monkeypatch.setattr("understudy.engine.runtime.side_process._START", "raise SystemExit(1)")
    done = extract(job(tmp_path / "never", TARGET, [(0, 10)], face_size=128), Recorder())
    assert done.result["faces"] == 10


def test_what_is_found_while_the_process_starts_is_kept(tmp_path, started, monkeypatch):
    monkeypatch.setattr(FarDesk, "is_coming", True)
    asked = []
    connect = FarDesk.connect
    monkeypatch.setattr(FarDesk, "connect", lambda desk: (asked.append(1), connect(desk)))

    class Watching(Recorder):
        def progress(self, done, total, unit, remaining_s=None):
            asked.append(0) if done == 35 else None
            return super().progress(done, total, unit, remaining_s)

    done = extract(job(tmp_path, TARGET, FRAMES, face_size=128), Watching())
    assert asked[:2] == [0, 1], "nobody waits for the process before its answers are needed"
    records = load_faceset(Path(done.result["faceset_folder"])).records
    assert [record.media_frame for record in records] == list(range(60))


def test_faces_found_before_a_failure_are_stored_though_the_process_was_still_starting(tmp_path, started, monkeypatch):
    monkeypatch.setattr(FarDesk, "is_coming", True)

    class Failing(Recorder):
        def progress(self, done, total, unit, remaining_s=None):
            if done == 70:
                raise EngineError(ErrorCode.DISK_FULL, "The disk is full.")
            return super().progress(done, total, unit, remaining_s)

    with pytest.raises(EngineError):
        extract(job(tmp_path, TARGET, face_size=128), Failing())
    (folder,) = (path.parent for path in tmp_path.rglob("faceset.json"))
    assert len(load_faceset(folder).records) > 0


def test_a_stop_ends_the_process_in_time(tmp_path, started):
    reporter = Recorder(stop_after=40)
    done = extract(job(tmp_path, TARGET, face_size=128), reporter)
    assert done.stopped
    assert done.result["faces"] > 0
    assert started[0]._process._process.poll() is not None


def test_the_process_ends_with_the_one_that_started_it():
    code = (
        "import runpy, sys, time; runpy.run_path(sys.argv[1])\n"
        "from understudy.engine.runtime.side_process import SideProcess\n"
        "side = SideProcess('engine.pipelines.far_desk', 'records faces'); side.receive()\n"
        "print(side._process.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(LAUNCH)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while _is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running(child)


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_messages_come_through_whole():
    wide = np.random.default_rng(1).random((5000, 141), np.float32)
    arrays = [np.arange(12, dtype=np.int16).reshape(3, 4)[:, ::2], np.zeros((0, 5)), np.full((3 << 20,), 7, np.uint16),
              wide[:, :136].reshape(-1, 68, 2), np.asfortranarray(wide), np.zeros(())]  # fmt: skip
    pipe = io.BytesIO()
    write_message(pipe, {"name": "Ünïcode", "value": 0.1}, arrays)
    pipe.seek(0)
    content, found = read_message(pipe)
    assert content == {"name": "Ünïcode", "value": 0.1}
    for sent, came in zip(arrays, found, strict=True):
        assert np.array_equal(sent, came)
        assert sent.dtype == came.dtype
    assert read_message(pipe) is None
    assert read_message(io.BytesIO(pipe.getvalue()[:1000])) is None


def test_a_ring_hands_arrays_over_in_order_and_takes_no_more_than_it_holds():
    ring = make_ring()
    if not hasattr(os, "memfd_create"):
        assert ring is None, "everything goes through the pipe then"
        return
    other = SharedRing(ring.handle)
    random = np.random.default_rng(2)
    pipe, sent = io.BytesIO(), []
    for number in range(60):
        array = random.integers(0, 255, (random.integers(80, 560), 560, 3), np.uint8)
        sent.append(array[:, 10:-10])
        write_message(pipe, {"number": number}, [sent[-1]], ring)
        if number % 7 == 6:
            # The reader comes late: some had room in the ring, the others went through the pipe.
            pipe.seek(0)
            for expected in sent:
                _content, (came,) = read_message(pipe, other)
                assert np.array_equal(came, expected)
            assert pipe.tell() < sum(item.nbytes for item in sent)
            pipe, sent = io.BytesIO(), []
    while (end := ring.put(np.ones(1 << 20, np.uint8))) is not None:
        last = end
    assert other.take(last, np.dtype(np.uint8), (1 << 20,)).min() == 1
    assert ring.put(np.ones(1 << 20, np.uint8)) is not None, "what was read makes room"
    ring.close_handle()


def test_interrupting_the_group_leaves_the_process_at_work():
    side = SideProcess("engine.pipelines.far_desk", "records faces")
    side.receive()
    os.kill(side._process.pid, signal.SIGINT)
    time.sleep(0.3)
    assert side._process.poll() is None
    # `close` would kill it where the machine is so busy that it takes more than a second to end.
    side._out.close()
    assert side._process.wait(60) == 0
    side.close()
