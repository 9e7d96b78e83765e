# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and places in a project folder, its performers, and its lock."""

import datetime
import subprocess
import sys
from pathlib import Path

import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.performers import (
    Consent,
    Performer,
    load_performers,
    performer_id,
    save_performer,
)
from understudy.engine.contract.project import FOLDER_SUFFIX, Project, ProjectLock, safe_name

LAUNCH = Path(__file__).resolve().parents[2] / "training_cli" / "launch.py"
TODAY = datetime.date(2026, 5, 1)

# Another process that takes the lock, says so, and holds it until its input closes.
HOLDER = """
import runpy, sys
runpy.run_path(sys.argv[1], run_name="holder")
from pathlib import Path
from understudy.engine.contract.project import Project, ProjectLock
with ProjectLock(Project(Path(sys.argv[2])), "train"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_names_become_safe_and_stay_readable():
    assert safe_name("Szene 1: Ünal/Größe*") == "Szene-1-Ünal-Größe"
    assert safe_name("...") == "unnamed"
    assert len(safe_name("x" * 500)) == 48


def test_a_model_s_folder_is_found_as_it_is_called(tmp_path):
    project = Project(tmp_path)
    assert project.model("Anna DFM") == tmp_path / "models" / "Anna-DFM"
    (tmp_path / "models" / "Anna DFM").mkdir(parents=True)
    assert project.model("Anna DFM") == tmp_path / "models" / "Anna DFM"
    for name in ("..", "", "a/../..", "x" * 500, "a\0b"):
        assert project.model(name) == tmp_path / "models" / safe_name(name)
    assert Project.beside(Path("cuts/Film.v2.blend")).root == Path("cuts/Film.v2.understudy")


def test_jobs_of_the_same_second_get_folders_of_their_own(tmp_path):
    project, now = Project(tmp_path / "p.understudy"), datetime.datetime(2026, 1, 2, 3, 4, 5)
    folders = {project.new_job("train", now) for _ in range(3)}
    assert len(folders) == 3
    assert min(folders).name == "20260102-030405-train"


def test_a_second_job_waits_outside_and_is_told_who_is_inside(tmp_path):
    project = Project(tmp_path / "p.understudy")
    holder = subprocess.Popen(
        [sys.executable, "-I", "-c", HOLDER, str(LAUNCH), str(project.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline().strip() == "held"
        with pytest.raises(EngineError) as caught, ProjectLock(project, "swap"):
            pass
        assert caught.value.code == ErrorCode.PROJECT_BUSY
        assert "train" in caught.value.message and str(holder.pid) in caught.value.message
    finally:
        # Killed, not closed: the lock must not outlive a crash.
        holder.kill()
        holder.communicate()
    with ProjectLock(project, "swap"):
        pass


@pytest.mark.parametrize(
    ("consent", "state"),
    [
        (Consent(), "missing"),
        (Consent("  "), "missing"),
        (Consent("agreed"), "given"),
        (Consent("agreed", valid_until="2026-05-01"), "given"),
        (Consent("agreed", valid_until="2026-04-30"), "expired"),
    ],
)
def test_consent_is_given_missing_or_expired(consent, state):
    assert consent.state(TODAY) == state


def test_a_date_that_is_none_is_refused():
    with pytest.raises(EngineError):
        Consent("agreed", valid_until="next summer")


def test_performers_round_trip(tmp_path):
    performer = Performer(performer_id("Žofie Müller"), "Žofie Müller", Consent("agreed", "paper.pdf", "2030-01-01"))
    save_performer(tmp_path, performer)
    assert load_performers(tmp_path) == {"žofie-müller": performer}
    with pytest.raises(EngineError):
        performer_id("!!!")


def test_the_project_of_a_file_with_the_longest_name_can_be_made(tmp_path):
    for letter in ("n", "ä"):
        name = (letter * 250).encode()[:250].decode("utf-8", "ignore")
        project = Project.beside(tmp_path / f"{name}.mp4")
        project.create()
        assert project.root.name.startswith(letter * 100) and project.root.name.endswith(FOLDER_SUFFIX)


def test_a_project_with_an_impossible_name_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(EngineError) as caught:
        Project(tmp_path / ("n" * 300)).create()
    assert caught.value.code == ErrorCode.NOT_WRITABLE and caught.value.hint
