# SPDX-License-Identifier: GPL-3.0-or-later
"""The child process as Blender meets it: clean lines, prompt stops, no orphans, an end for every beginning."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from launching import command, is_running, messages, run, start
from PIL import Image
from understudy.engine.contract.jobs import (
    CheckJob,
    DummyJob,
    FacesetPart,
    SwapJob,
    TrainingPerformer,
    TrainJob,
    save_job,
)
from understudy.engine.contract.messages import Done, Failed, Hello, Log, Progress, Stage, decode
from understudy.engine.contract.project import MESSAGES_FILE, Project, ProjectLock


def job_file(folder: Path, seconds: float = 0.2, behavior: str = "finish") -> Path:
    path = folder / "Auftrag ä 名前" / "job file.json"
    save_job(path, DummyJob(seconds, behavior))
    return path


def test_hello_first_done_last_and_a_record_beside_the_job(tmp_path):
    path = job_file(tmp_path)
    ended = run("run", path)
    assert ended.returncode == 0
    found = messages(ended.stdout)
    assert isinstance(found[0], Hello)
    assert (found[0].job, found[0].python.split(".")[0]) == ("dummy", "3")
    assert isinstance(found[-1], Done)
    assert not found[-1].stopped
    record = path.with_name(MESSAGES_FILE).read_text(encoding="utf-8")
    assert record == ended.stdout


def test_noise_on_stdout_goes_to_the_log(tmp_path):
    ended = run("run", job_file(tmp_path, 0.2, "noise"))
    assert ended.returncode == 0
    messages(ended.stdout)
    for source in ("a stream", "the descriptor", "a child"):
        assert f"noise from {source}" in ended.stderr


def test_a_flood_arrives_whole_and_in_order(tmp_path):
    ended = run("run", job_file(tmp_path, 0.0, "flood"))
    assert ended.returncode == 0
    texts = [message.text for message in messages(ended.stdout) if isinstance(message, Log)]
    assert texts == [f"message {number} of a flood" for number in range(20_000)]


def test_failure_is_a_sentence_with_a_hint_and_exit_code_1(tmp_path):
    ended = run("run", job_file(tmp_path, 0.0, "fail"))
    last = messages(ended.stdout)[-1]
    assert ended.returncode == 1
    assert last == Failed("internal", "The pretended job failed.", "It was asked to.")


def test_a_crash_has_no_last_message_and_a_nonzero_exit_code(tmp_path):
    ended = run("run", job_file(tmp_path, 0.1, "crash"))
    assert ended.returncode != 0
    found = [decode(line) for line in ended.stdout.splitlines()]
    assert isinstance(found[0], Hello)
    assert not any(isinstance(message, Done | Failed) for message in found)


def wait_for_progress(process: subprocess.Popen) -> list[str]:
    lines = []
    for line in process.stdout:
        lines.append(line)
        if isinstance(decode(line), Progress):
            return lines
    raise AssertionError("the run ended before any progress")


def test_closing_stdin_stops_within_two_seconds(tmp_path):
    with start("run", job_file(tmp_path, 60)) as process:
        lines = wait_for_progress(process)
        began = time.monotonic()
        process.stdin.close()
        lines += list(process.stdout)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 2
    last = messages("".join(lines))[-1]
    assert isinstance(last, Done)
    assert last.stopped


@pytest.mark.parametrize("way", ["closed pipe", "interrupt"])
def test_a_training_that_is_stopped_as_it_begins_ends_and_writes_nothing(tmp_path, way):
    faces = [tmp_path / name for name in ("anna", "ben")]
    for folder in faces:
        folder.mkdir()
        for number in range(8):
            Image.new("RGB", (64, 64), (number, 90, 90)).save(folder / f"{number}.png")
    parts = tuple(TrainingPerformer(folder.name, (FacesetPart(folder),)) for folder in faces)
    path = tmp_path / "job é.json"
    save_job(path, TrainJob(tmp_path / "model", parts))
    with start("run", path) as process:
        lines = [next(process.stdout), next(process.stdout)]
        assert isinstance(decode(lines[-1]), Stage)
        process.stdin.close() if way == "closed pipe" else process.send_signal(signal.SIGINT)
        lines += list(process.stdout)
        assert process.wait(30) == 0
    found = messages("".join(lines))
    assert found[-1].stopped and found[-1].result["step"] == 0 and not (tmp_path / "model").exists()
    assert [item.name for item in found if isinstance(item, Stage)] == ["loading"], "no face is read any more"


def test_standard_input_without_a_pipe_stops_nothing(tmp_path):
    ended = run("run", job_file(tmp_path, 0.3), stdin=subprocess.DEVNULL)
    last = messages(ended.stdout)[-1]
    assert isinstance(last, Done)
    assert not last.stopped


def test_json_mode_of_any_command_watches_stdin_too():
    with start("dummy", "--seconds", 60, "--json") as process:
        lines = wait_for_progress(process)
        process.stdin.close()
        lines += list(process.stdout)
        assert process.wait(10) == 0
    assert messages("".join(lines))[-1].stopped


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_too(tmp_path, number):
    with start("run", job_file(tmp_path, 60)) as process:
        lines = wait_for_progress(process)
        process.send_signal(number)
        lines += list(process.stdout)
        assert process.wait(10) == 0
    assert messages("".join(lines))[-1].stopped


def test_a_second_interrupt_ends_at_once(tmp_path):
    with start("run", job_file(tmp_path, 60, "hang")) as process:
        wait_for_progress(process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


PARENT = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for _ in range(3):
    child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""


def test_no_orphan_survives_its_parent(tmp_path):
    path = job_file(tmp_path, 600)
    arguments = [sys.executable, "-c", PARENT, *command("run", path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)
    # What the dead parent couldn't hear stands in the record.
    last = decode(path.with_name(MESSAGES_FILE).read_text(encoding="utf-8").splitlines()[-1])
    assert isinstance(last, Done)
    assert last.stopped


def test_a_listener_that_goes_away_stops_the_run(tmp_path):
    with start("run", job_file(tmp_path, 60)) as process:
        wait_for_progress(process)
        process.stdout.close()
        assert process.wait(10) == 0


def test_a_full_log_pipe_does_not_spoil_the_messages(tmp_path):
    """Blender sends the log to a file; even so nothing of it may reach the messages."""
    with (tmp_path / "log.txt").open("w", encoding="utf-8") as log:
        ended = run("run", job_file(tmp_path, 0.2, "noise"), capture_output=False, stdout=subprocess.PIPE, stderr=log)
    messages(ended.stdout)
    assert "noise from a child" in (tmp_path / "log.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is missing"),
        ("[" * 100_000, "not valid JSON"),
        (
            json.dumps(
                {"schema": "understudy.job", "version": 1, "kind": "extract", "job": {"project": "x", "footage": 1}}
            ),
            "is damaged",
        ),
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "not a document of the kind"),
        (json.dumps({"schema": "understudy.job", "version": 99, "kind": "dummy", "job": {}}), "newer version"),
        (json.dumps({"schema": "understudy.job", "version": 1, "kind": "dance", "job": {}}), "no job of the kind"),
        (json.dumps({"schema": "understudy.job", "version": 1, "kind": "dummy", "job": {}}), "'seconds' is missing"),
        (
            json.dumps({"schema": "understudy.job", "version": 1, "kind": "swap", "job": {"project": "x"}}),
            "'footage' is missing",
        ),
        (
            json.dumps(
                {"schema": "understudy.job", "version": 1, "kind": "dummy", "job": {"seconds": 1, "behavior": "x"}}
            ),
            "no behavior",
        ),
    ],
)
def test_a_bad_job_file_is_a_sentence(tmp_path, content, words):
    path = tmp_path / "böse job.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    ended = run("run", path)
    last = messages(ended.stdout)[-1]
    assert ended.returncode == 1
    assert isinstance(last, Failed)
    assert last.code == "job_invalid"
    assert words in last.message
    assert "Traceback" not in ended.stderr


def test_settings_of_another_version_are_a_sentence(tmp_path):
    path = tmp_path / "job.json"
    save_job(path, CheckJob())
    document = json.loads(path.read_text(encoding="utf-8"))
    footage = {"path": "x.mp4", "pictures": [], "rate": None}
    document.update(kind="extract", job={"project": "p", "footage": footage, "settings": {"sharpen_everything": 1}})
    path.write_text(json.dumps(document), encoding="utf-8")
    last = messages(run("run", path).stdout)[-1]
    assert last.code == "settings_invalid"
    assert "sharpen_everything" in last.message


def test_two_jobs_on_one_project(tmp_path):
    """The second job names the first and ends; the lock goes with the process that held it."""
    from understudy.engine.contract.jobs import FaceAssignment
    from understudy.engine.contract.timing import Footage, FrameRange

    project = Project(tmp_path / "Schnitt ä.understudy")
    project.create()
    path = tmp_path / "job.json"
    save_job(
        path,
        SwapJob(
            project=project.root,
            footage=Footage(tmp_path / "plate.mp4"),
            ranges=(FrameRange(0, 1),),
            model=tmp_path / "model",
            assignments=(FaceAssignment(-1, "a"),),
            output=tmp_path / "out",
        ),
    )
    with ProjectLock(project, "train"):
        ended = run("run", path)
    last = messages(ended.stdout)[-1]
    assert ended.returncode == 1
    assert last.code == "project_busy"
    assert "the job train" in last.message


def test_a_job_of_no_sensible_length_ends_at_once(tmp_path):
    path = tmp_path / "job.json"
    save_job(path, DummyJob(float("1e308"), "finish"))
    path.write_text(path.read_text(encoding="utf-8").replace("1e+308", '"NaN"'), encoding="utf-8")
    # No passed time is less than NaN seconds, so the job must end at once instead of never.
    assert run("run", path).returncode == 0


def test_messages_are_readable_while_the_job_runs(tmp_path):
    path = job_file(tmp_path, 60)
    with start("run", path) as process:
        wait_for_progress(process)
        record = path.with_name(MESSAGES_FILE).read_text(encoding="utf-8").splitlines()
        assert isinstance(decode(record[0]), Hello)
        process.stdin.close()
        threading.Thread(target=process.stdout.read, daemon=True).start()
        assert process.wait(10) == 0
