# SPDX-License-Identifier: GPL-3.0-or-later
"""One version, one list of packages, one list of libraries: what is written twice agrees."""

import re
import tomllib
from pathlib import Path

import pytest
import understudy

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MANIFEST = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
LISTS = sorted(path.stem for path in REQUIREMENTS.glob("*.in"))


def pinned(path):
    """Name -> versions of a solved list."""
    found = {}
    for name, version in re.findall(r"^([a-z0-9][\w.\-]*)==([^\s;\\]+)", path.read_text(encoding="utf-8"), re.M | re.I):
        found.setdefault(name.lower().replace("_", "-"), set()).add(version)
    return found


def test_the_version_is_the_same_everywhere():
    assert MANIFEST["version"] == understudy.__version__
    assert "version" in PYPROJECT["project"]["dynamic"]
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"]["attr"] == "understudy.__version__"
    assert f"## {understudy.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_package_list_names_every_folder_of_the_engine_and_no_other():
    folders = {
        ".".join(("understudy", *path.parent.relative_to(ROOT).parts))
        for top in ("engine", "training_cli")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == folders | {"understudy"}


def test_blenders_lowest_version_and_the_licence_are_named():
    assert MANIFEST["blender_version_min"] == "4.5.0"
    assert MANIFEST["license"] == ["SPDX:GPL-3.0-or-later"]
    assert PYPROJECT["project"]["license"] == "GPL-3.0-or-later"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("GNU GENERAL PUBLIC LICENSE")


@pytest.mark.parametrize("name", LISTS)
def test_every_list_is_solved_with_a_hash_for_every_package(name):
    wanted, solved = pinned(REQUIREMENTS / f"{name}.in"), pinned(REQUIREMENTS / f"{name}.txt")
    assert wanted, name
    for package, versions in wanted.items():
        assert versions == solved[package], f"{package}: run `python3 tasks.py lock`"
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    for entry in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M)[1:]:
        assert "--hash=sha256:" in entry, entry[:60]


def test_the_blender_lists_are_those_the_tasks_know():
    import sys

    sys.path.insert(0, str(ROOT))
    try:
        from development.environments import BLENDERS
    finally:
        sys.path.remove(str(ROOT))
    assert {f"blender-{version}" for version in BLENDERS} == {name for name in LISTS if name.startswith("blender-")}
    for version in BLENDERS:
        assert all(found.startswith(version) for found in pinned(REQUIREMENTS / f"blender-{version}.txt")["bpy"])


def test_why_each_library_is_here_and_its_licence_are_written_down():
    text = (ROOT / "docs/explanation/decisions/0007-dependencies.md").read_text(encoding="utf-8").lower()
    for package in [*pinned(REQUIREMENTS / "engine.in"), "mediapipe"]:
        assert f"| {package} |" in text, package
