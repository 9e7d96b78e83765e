# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding out what to run, in slices: retimed strips take longer than a window may stand still."""

import sys
import time
from pathlib import Path

import bpy
import pytest
import understudy
from understudy.blender_addon import jobs, process
from understudy.blender_addon.job_queue import JobRequest, JobState
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.jobs import DummyJob, save_job
from understudy.engine.contract.project import Project

STEP_SECONDS = 0.004


@pytest.fixture(autouse=True)
def addon():
    """The add-on registered as a checkout; unregistering stops what a test left running."""
    understudy.register()
    yield
    understudy.unregister()


@pytest.fixture
def request_of_two(tmp_path):
    folder = Project(tmp_path / "pröject").new_job("dummy")
    save_job(folder / "job.json", DummyJob(0.1, "finish"))
    command = tuple(process.engine_command(Path(sys.executable), ["run", str(folder / "job.json")]))
    return [JobRequest("dummy", title, command, folder) for title in ("First", "Second")]


def slow(requests, steps=50, error=None, closed=None):
    try:
        for _ in range(steps):
            time.sleep(STEP_SECONDS)
            yield
        if error is not None:
            raise error
        return requests
    finally:
        if closed is not None:
            closed.append(True)


def states():
    return [item.state for item in bpy.context.window_manager.understudy.jobs]


def test_what_is_known_at_once_is_returned_at_once(request_of_two):
    assert jobs.prepare("Extract Faces", slow(request_of_two, steps=0)) == request_of_two
    assert not jobs.queue.jobs


def test_a_long_preparation_goes_on_in_short_ticks_and_starts_its_jobs(request_of_two):
    assert jobs.prepare("Extract Faces", slow(request_of_two)) == []
    assert states() == ["preparing"]
    longest = 0.0
    while JobState.PREPARING in [job.state for job in jobs.queue.jobs]:
        began = time.perf_counter()
        jobs.tick()
        longest = max(longest, time.perf_counter() - began)
    # A budget of 6 ms and the step it ends in; ten times that would be one go of all fifty steps.
    assert longest < 50 * STEP_SECONDS / 2
    assert [job.request.title for job in jobs.queue.jobs] == ["First", "Second"]
    jobs.wait(list(jobs.queue.jobs))
    assert states() == ["done", "done"]


def test_a_refused_strip_is_a_failed_job_with_its_sentence(request_of_two):
    error = EngineError(ErrorCode.STRIP_UNSUPPORTED, "The strip “Dream” can't be mapped.", "Cut it.")
    jobs.prepare("Swap Faces", slow(request_of_two, steps=5, error=error))
    while not jobs.queue.is_idle:
        jobs.tick()
    state = bpy.context.window_manager.understudy.jobs[0]
    assert (state.state, state.summary, state.hint) == ("failed", "The strip “Dream” can't be mapped.", "Cut it.")


def test_stop_ends_preparing_and_cleans_up(request_of_two):
    closed = []
    jobs.prepare("Swap Faces", slow(request_of_two, closed=closed))
    jobs.stop(uid=jobs.queue.jobs[0].uid)
    assert closed and states() == ["stopped"] and jobs.queue.is_idle


def test_undo_in_between_ends_preparing_in_words(request_of_two):
    closed = []
    jobs.prepare("Swap Faces", slow(request_of_two, closed=closed))
    jobs._on_history()
    jobs.tick()
    assert closed and states() == ["failed"]
    assert "The edit changed" in bpy.context.window_manager.understudy.jobs[0].summary
