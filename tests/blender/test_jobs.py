# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge: jobs in child processes, read without blocking, stopped, crashed, flooded, and taken over in slices."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import bpy
import pytest
import understudy
from understudy.blender_addon import job_queue, jobs, process, reports
from understudy.blender_addon.job_queue import JobQueue, JobRequest, JobState
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.jobs import DummyJob, save_job
from understudy.engine.contract.messages import Done, Failed, Log, Progress, Stage
from understudy.engine.contract.project import Project

PYTHON = Path(sys.executable)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def addon():
    """The add-on registered as a checkout; unregistering stops what a test left running."""
    understudy.register()
    yield
    understudy.unregister()


def request_of(tmp_path, seconds=0.2, behavior="finish", **options):
    folder = Project(tmp_path / "pröject").new_job("dummy")
    save_job(folder / "job.json", DummyJob(seconds, behavior))
    command = tuple(process.engine_command(PYTHON, ["run", str(folder / "job.json")]))
    return JobRequest("dummy", f"Dummy {behavior}", command, folder, **options)


def drive(until, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "timed out"
        jobs.tick()
        time.sleep(0.01)


def run(tmp_path, **options):
    job = jobs.start(request_of(tmp_path, **options))
    jobs.wait([job])
    return job


def test_a_job_runs_to_its_end_and_tells_its_progress(tmp_path):
    job = jobs.start(request_of(tmp_path, seconds=1.2))
    texts = set()
    while not job.is_over:
        jobs.tick()
        texts.add(bpy.context.window_manager.understudy.jobs[0].text)
        time.sleep(0.01)
    state = bpy.context.window_manager.understudy.jobs[0]
    assert (job.state, state.state) == (JobState.DONE, "done")
    assert job.hello.job == "dummy" and state.summary == "The pretended job is finished."
    assert any("left" in text for text in texts), texts
    assert (job.request.folder / "messages.jsonl").is_file()


def test_a_failed_job_says_what_happened_and_what_to_do(tmp_path):
    job = run(tmp_path, behavior="fail")
    state = bpy.context.window_manager.understudy.jobs[0]
    assert job.state is JobState.FAILED
    assert state.summary == "The pretended job failed." and state.hint == "It was asked to."
    assert state.helper == "understudy.job_open_log"


def test_a_crash_becomes_a_sentence_and_a_log(tmp_path):
    job = run(tmp_path, behavior="crash")
    assert job.failure.code == ErrorCode.CRASHED
    assert "exit code 70" in job.failure.message
    state = bpy.context.window_manager.understudy.jobs[0]
    assert (state.helper, state.hint) == ("understudy.job_open_log", "Open the log to see its last words.")
    assert bpy.ops.understudy.job_open_log() == {"FINISHED"}


def test_an_engine_that_is_not_there_becomes_a_sentence(tmp_path):
    folder = Project(tmp_path).new_job("dummy")
    job = jobs.start(JobRequest("dummy", "Dummy", (str(tmp_path / "no python"), "-c", "pass"), folder))
    jobs.wait([job])
    assert job.failure.code == ErrorCode.ENVIRONMENT_BROKEN and "no python" in job.failure.message


def test_the_end_of_the_log_is_quoted_after_a_crash(tmp_path):
    folder = Project(tmp_path).new_job("dummy")
    code = "import sys; sys.stderr.write('a line\\nthe last words ä\\n'); sys.exit(9)"
    job = jobs.start(JobRequest("dummy", "Dummy", (str(PYTHON), "-X", "utf8", "-c", code), folder))
    jobs.wait([job])
    assert "the last words ä" in job.failure.message and "exit code 9" in job.failure.message


def test_stop_is_over_within_two_seconds_and_keeps_the_result(tmp_path):
    job = jobs.start(request_of(tmp_path, seconds=60))
    drive(lambda: job.progress is not None)
    began = time.monotonic()
    jobs.stop()
    assert job.state is JobState.STOPPING
    drive(lambda: job.is_over)
    assert time.monotonic() - began < 2.0
    assert job.state is JobState.STOPPED and job.done.stopped and job.result["seconds"] > 0


def test_stop_before_the_child_is_there(tmp_path):
    job = jobs.start(request_of(tmp_path, seconds=60))
    jobs.tick()
    jobs.stop()
    drive(lambda: job.is_over)
    assert job.state is JobState.STOPPED


def test_a_job_that_ignores_the_stop_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "STOPPING_SECONDS", 0.2)
    monkeypatch.setattr(process, "LEAVING_SECONDS", 0.2)
    job = jobs.start(request_of(tmp_path, seconds=60, behavior="hang"))
    drive(lambda: job.progress is not None)
    jobs.stop()
    drive(lambda: job.is_over, 10)
    assert job.state is JobState.FAILED and "did not stop by itself" in job.failure.message
    assert not is_running(job.process.pid)


def test_noise_on_standard_output_does_not_spoil_the_messages(tmp_path):
    job = run(tmp_path, behavior="noise", seconds=0.3)
    assert job.state is JobState.DONE and not job.warnings
    assert "noise from a child" in job.process.log_path.read_text(encoding="utf-8")


def test_a_flood_of_messages_never_blocks_a_tick(tmp_path):
    job = jobs.start(request_of(tmp_path, seconds=0.2, behavior="flood"))
    walls, cpus = [], []
    while not job.is_over:
        wall, cpu = time.perf_counter(), time.thread_time()
        jobs.tick()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.thread_time() - cpu)
        time.sleep(0.005)
    assert job.state is JobState.DONE and job.logs[-1].text == "message 19999 of a flood"
    # What we use of the main thread; a machine that is busy with something else adds waiting to the wall clock.
    assert max(cpus) < 0.020, max(cpus)
    assert sorted(walls)[len(walls) * 95 // 100] < 0.020, sorted(walls)[-5:]


def test_jobs_wait_in_line_and_waiting_ones_can_be_taken_out(tmp_path):
    first, second, third = (jobs.start(request_of(tmp_path, seconds=0.3)) for _ in range(3))
    jobs.stop(second.uid)
    seen = []
    drive(lambda: seen.append(third.state is JobState.RUNNING and first.is_active) or third.is_over)
    assert [job.state for job in (first, second, third)] == [JobState.DONE, JobState.STOPPED, JobState.DONE]
    assert not any(seen)


def test_stop_everything_drops_the_queue(tmp_path):
    started = [jobs.start(request_of(tmp_path, seconds=60)) for _ in range(3)]
    drive(lambda: started[0].progress is not None)
    jobs.stop(everything=True)
    drive(lambda: jobs.queue.is_idle)
    assert all(job.state is JobState.STOPPED for job in started)
    jobs.clear()
    assert not jobs.queue.jobs and not bpy.context.window_manager.understudy.jobs


def test_a_result_is_taken_over_in_slices(tmp_path):
    slices = []

    def finisher(done):
        for number in range(40):
            time.sleep(0.002)
            slices.append(number)
            yield

    job = jobs.start(request_of(tmp_path, seconds=0.0, finisher=finisher))
    ticks = 0
    while not job.is_over:
        before = len(slices)
        jobs.tick()
        ticks += len(slices) > before
        time.sleep(0.005)
    assert len(slices) == 40 and ticks > 5 and job.state is JobState.DONE


def test_undo_in_between_begins_the_takeover_anew(tmp_path):
    runs = []

    def finisher(done):
        runs.append("begun")
        yield
        if len(runs) == 1:
            for handler in bpy.app.handlers.undo_post:
                handler(None)
        yield
        runs.append("ended")

    job = run(tmp_path, seconds=0.0, finisher=finisher)
    assert runs == ["begun", "begun", "ended"] and job.state is JobState.DONE


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (EngineError(ErrorCode.STRIP_MISSING, "The strip is gone."), "The strip is gone."),
        (ZeroDivisionError("oops"), "oops"),
    ],
)
def test_a_takeover_that_fails_is_a_failed_job_and_the_queue_goes_on(tmp_path, error, sentence):
    def finisher(done):
        yield
        raise error

    first = jobs.start(request_of(tmp_path, seconds=0.0, finisher=finisher))
    second = jobs.start(request_of(tmp_path, seconds=0.0))
    jobs.wait([first, second])
    assert first.state is JobState.FAILED and sentence in first.failure.message
    assert second.state is JobState.DONE


def test_a_running_job_survives_loading_a_file(tmp_path):
    job = jobs.start(request_of(tmp_path, seconds=0.8))
    drive(lambda: job.progress is not None)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert bpy.context.window_manager.understudy.jobs[0].uid == job.uid
    drive(lambda: job.is_over)
    assert job.state is JobState.DONE


def test_unregistering_ends_the_child(tmp_path):
    job = jobs.start(request_of(tmp_path, seconds=60))
    drive(lambda: job.progress is not None)
    pid = job.process.pid
    understudy.unregister()
    try:
        assert not is_running(pid)
    finally:
        understudy.register()


def test_a_killed_blender_leaves_no_engine_behind(tmp_path):
    folder = request_of(tmp_path, seconds=60).folder
    script = (
        "import sys, time, runpy\n"
        f"runpy.run_path({str(ROOT / 'training_cli/launch.py')!r})\n"
        "from pathlib import Path\n"
        "from understudy.blender_addon.process import EngineProcess, engine_command\n"
        f"folder = Path({str(folder)!r})\n"
        "child = EngineProcess(engine_command(Path(sys.executable), ['run', str(folder / 'job.json')]), folder)\n"
        "child.start()\n"
        "while not child.mailbox.take(): time.sleep(0.01)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    blender = subprocess.Popen([str(PYTHON), "-X", "utf8", "-c", script], stdout=subprocess.PIPE, text=True)
    pid = int(blender.stdout.readline())
    assert is_running(pid)
    blender.kill()
    blender.wait()
    blender.stdout.close()
    deadline = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid):
    with contextlib.suppress(OSError):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_child_gets_no_variables_that_steer_python_or_blender():
    found = process.clean_environment({"PYTHONPATH": "x", "BLENDER_USER_RESOURCES": "y", "HOME": "z", "LANG": "C"})
    assert found == {"HOME": "z", "LANG": "C"}


def test_of_what_changes_fast_only_the_latest_is_kept():
    box = process.Mailbox()
    box.put(Stage("a", "A"))
    for number in range(1000):
        box.put(Progress("a", number, 1000, "steps"))
    box.put(Log("info", "x"))
    assert box.take() == [Stage("a", "A"), Progress("a", 999, 1000, "steps"), Log("info", "x")]
    assert box.take() == []


def test_every_failure_code_has_a_sentence_and_unknown_ones_too():
    for code in ErrorCode:
        assert reports.failure_report(Failed(code, "It broke.")).sentence == "It broke."
    assert str(reports.failure_report(Failed("of_the_future", "It broke.", "Do this."))) == "It broke. Do this."


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_durations_read_well(seconds, text):
    assert reports.duration_text(seconds) == text


def test_clocks_read_well():
    assert [reports.clock_text(seconds) for seconds in (0.4, 67, 7500)] == ["0:00", "1:07", "2:05:00"]


def test_a_queue_without_blender_gives_the_same_answers(tmp_path):
    queue = JobQueue()
    job = queue.add(request_of(tmp_path, seconds=0.1))
    assert not queue.is_idle
    while not queue.is_idle:
        queue.poll(0.01)
        time.sleep(0.01)
    assert job.done == Done(False, "The pretended job is finished.", {"seconds": 0.1})
    assert not queue.poll(0.01) and queue.current is None and queue.find(job.uid) is job
    assert {job.state} <= job_queue.OVER
