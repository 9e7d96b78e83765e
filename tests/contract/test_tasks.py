# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks find Pythons that work, count honestly, and leave nothing out in CI without saying so."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def development(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    import development.environments
    import development.suites

    return development


def test_finds_a_python_that_starts_and_no_other(development):
    found = development.environments.find_python(VERSION)
    answer = subprocess.run([found, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True)
    assert answer.stdout.strip() == str(sys.version_info[:2])
    assert development.environments.find_python("3.99") is None


def test_a_name_on_the_path_that_refuses_to_start_is_passed_over(development, monkeypatch, tmp_path):
    # What a version manager puts there for a Python that isn't switched on.
    shim = tmp_path / f"python{VERSION}"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setattr(
        development.environments,
        "_python_candidates",
        lambda version: [shim, tmp_path / "nothing", Path(sys.executable)],
    )
    assert development.environments.find_python(VERSION) == Path(sys.executable)


def test_what_is_left_out_is_named_and_fails_in_ci_only(development, monkeypatch, capsys):
    def outcomes():
        left_out = development.suites.Outcome("blender-5.2", note="left out: no Python 3.13 on this machine")
        return [development.suites.Outcome("engine", passed=7), left_out]

    monkeypatch.delenv("CI", raising=False)
    assert development.suites.summarize(outcomes()) == 0
    assert "left out: no Python 3.13" in capsys.readouterr().out
    monkeypatch.setenv("CI", "true")
    assert development.suites.summarize(outcomes()) == 1
    assert capsys.readouterr().out.strip().splitlines()[-1] == "7 passed, 1 failed"


def test_a_suite_that_hangs_or_dies_is_a_failure(development):
    assert development.suites.run_suite("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], 0.5) == 124
    assert development.suites.run_suite("dead", [sys.executable, "-c", "import os; os._exit(7)"]) == 7


def test_every_supported_blender_has_its_suite(development):
    names = list(development.suites.suites())
    assert [name for name in names if name.startswith("blender-")] == [
        f"blender-{version}" for version in development.environments.BLENDERS
    ]
    assert names[0] == "lint" and names[-1] == "zip"


@pytest.mark.parametrize("ci", [True, False])
def test_in_ci_an_environment_is_removed_after_its_last_suite_and_never_before(development, monkeypatch, tmp_path, ci):
    monkeypatch.setattr(development.suites, "ENVIRONMENTS", tmp_path)
    monkeypatch.setenv("CI", "true" if ci else "")
    seen = []

    def suite(name, *environments):
        def run():
            for environment in environments:
                (tmp_path / environment).mkdir(exist_ok=True)
            seen.append(sorted(folder.name for folder in tmp_path.iterdir()))
            if name == "b":
                raise development.environments.TaskError("no disk")
            return development.suites.Outcome(name, passed=1)

        return development.suites.Suite(run, environments)

    chosen = {"a": suite("a", "engine", "lint"), "b": suite("b", "engine", "jax"), "c": suite("c", "blender")}
    outcomes = development.suites.run_suites(chosen)
    assert [(outcome.passed, outcome.failed) for outcome in outcomes] == [(1, 0), (0, 1), (1, 0)]
    kept = [["engine", "lint"], ["engine", "jax"], ["blender"]]
    everything = [["engine", "lint"], ["engine", "jax", "lint"], ["blender", "engine", "jax", "lint"]]
    assert seen == (kept if ci else everything)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ([] if ci else everything[-1])


def test_every_suite_names_the_environments_it_makes(development, monkeypatch, tmp_path):
    monkeypatch.setattr(development.suites, "ENVIRONMENTS", tmp_path)
    suites = development.suites.suites()
    made = []
    for maker, title in (
        ("lint_environment", lambda: "lint"),
        ("engine_environment", lambda version, for_tests=False: f"engine-{version}"),
        ("backend_environment", lambda backend: f"engine-{backend}"),
        ("blender_environment", lambda blender: f"blender-{blender}"),
    ):
        monkeypatch.setattr(
            development.suites, maker, lambda *a, title=title, **k: made.append(title(*a, **k)) or Path("/python")
        )
    monkeypatch.setattr(development.suites, "run_suite", lambda *a, **k: 0)
    monkeypatch.setattr(development.suites, "build_zip", lambda python: ROOT / "understudy.zip")
    monkeypatch.setattr(development.suites, "extension_builder", lambda python: python)
    for name, suite in suites.items():
        made.clear()
        try:
            suite.run()
        except FileNotFoundError:
            assert name == "zip"
        assert {folder.replace("engine-torch", "torch-cpu") for folder in made} <= set(suite.environments), name
