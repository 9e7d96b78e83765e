# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's zip: valid, complete, and leaving nothing behind however often it is enabled and disabled."""

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import bpy  # noqa: F401 - makes Blender's own modules importable

import addon_utils  # isort: skip
import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = Path(addon_utils.__file__).parents[1] / "addons_core/bl_pkg/cli/blender_ext.py"
PACKAGES = ("blender_addon", "operators", "panels", "engine", "training_cli")
SINGLE_FILES = {
    "__init__.py",
    "blender_manifest.toml",
    "LICENSE",
    "README.md",
    "requirements/engine.txt",
    "requirements/models.txt",
}


def run_tool(*arguments):
    done = subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def manifest():
    return tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def extension_zip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zip äß")
    run_tool("build", "--source-dir", ROOT, "--output-dir", folder)
    return next(folder.glob("*.zip"))


@pytest.fixture(scope="module")
def life(extension_zip, tmp_path_factory):
    """What a fresh Blender says after installing, disabling and enabling the extension again and again."""
    resources = tmp_path_factory.mktemp("fresh user")
    script = Path(__file__).with_name("extension_life.py")
    done = subprocess.run(
        [sys.executable, str(script), str(extension_zip), str(resources)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("ANSWER "))
    return {**json.loads(line[len("ANSWER ") :]), "output": done.stdout + done.stderr}


def test_manifest_and_zip_pass_blenders_validator(extension_zip, tmp_path):
    tags = tmp_path / "tags.json"
    tags.write_text(json.dumps({"add-on": ["Sequencer"], "theme": []}))
    run_tool("validate", "--valid-tags", tags, ROOT)
    run_tool("validate", "--valid-tags", tags, extension_zip)


def test_manifest_agrees_with_the_package():
    import understudy

    content = manifest()
    assert content["version"] == understudy.__version__
    assert content["id"] == "understudy" and content["tags"] == ["Sequencer"]
    assert set(content["permissions"]) == {"files", "network"}


def test_zip_holds_what_it_should_and_nothing_else(extension_zip):
    expected = {name for name in SINGLE_FILES if (ROOT / name).exists()}
    for package in PACKAGES:
        files = (path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        expected |= {path.relative_to(ROOT).as_posix() for path in files}
    with zipfile.ZipFile(extension_zip) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    assert names == expected


def test_enabling_registers_and_disabling_leaves_nothing(life):
    assert life["is_enabled"] == [True, True]
    assert life["family"] == "quick"
    assert any(name == "ops.understudy.extract" for name in life["added"])
    assert any(name == "types.SEQUENCER_PT_understudy_swap" for name in life["added"])
    assert life["rounds"] == [[], [], [], []]


def test_enabling_imports_nothing_heavy_and_breaks_no_policy(life):
    assert life["heavy"] == []
    assert life["warnings"] == []
    assert "Policy violation" not in life["output"]


def test_own_data_lies_outside_of_the_code(life):
    folder = Path(life["data_folder"])
    assert folder.parts[-3:] == (".user", "user_default", "understudy")
    assert life["engine_folder"] == ""
