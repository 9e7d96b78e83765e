# SPDX-License-Identifier: GPL-3.0-or-later
"""The training set in Blender: the operator asks for what the library is asked, and training uses what was chosen."""

from pathlib import Path

import bpy
import pytest
from test_panels import drawn
from understudy.blender_addon import readiness
from understudy.blender_addon.ids import Panel
from understudy.blender_addon.sequencer import set_timing
from understudy.engine.contract.build_faceset_job import BuildFacesetJob
from understudy.engine.contract.jobs import load_job
from understudy.engine.contract.project import COVERAGE_FILE, FACESET_FILE, TRAINING_SET_FILE, Project
from understudy.engine.contract.settings import BuildSettings
from understudy.engine.contract.timing import FrameRange
from understudy.engine.contract.training_set import FacesetPart, NeededShot

pytestmark = pytest.mark.usefixtures("addon_with_fake_engine")

OPS = bpy.ops.understudy
KEYS = {name: f"{name}-0123456789ab" for name in ("train_A", "train_B", "target_A")}


@pytest.fixture
def edit(scene, clips, tmp_path):
    """A saved edit of three shots whose faces are Anna's, Ben's and Anna's; Ben is to appear."""
    scene.render.resolution_x = scene.render.resolution_y = 512
    for channel, (name, length) in enumerate({"train_A": 40, "train_B": 40, "target_A": 30}.items(), 1):
        strip = scene.sequence_editor.strips.new_movie(f"Shot {name}", str(clips / f"{name}.mp4"), channel, 1)
        set_timing(strip, "duration", length)
        strip.select = name == "target_A"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "Schnitt ä 1.blend"))
    OPS.performer_add(name="Anna Ärmel")
    OPS.performer_add(name="Ben")
    for name, performer in {"train_A": "Anna Ärmel", "train_B": "Ben", "target_A": "Anna Ärmel"}.items():
        OPS.extract(strip=f"Shot {name}")
        OPS.faces_assign(strip=f"Shot {name}", performer=performer)
    settings = bpy.context.scene.understudy
    settings.source, settings.target = "Ben", "Anna Ärmel"
    return bpy.context.scene


def project():
    return Project.beside(Path(bpy.data.filepath))


def last_job(kind):
    folder = sorted((project().root / "jobs").glob(f"*-{kind}*"))[-1]
    return load_job(folder / "job.json")


def test_the_operator_asks_what_a_script_would_ask_the_library(edit):
    set_timing(bpy.context.scene.sequence_editor.strips_all["Shot target_A"], "left_handle", 11)
    edit.understudy.build.maximum_faces = 200
    OPS.faceset_build()
    expected = BuildFacesetJob(
        project().root,
        "ben",
        (FacesetPart(project().faceset(KEYS["train_B"]), (1,)),),
        (NeededShot(KEYS["target_A"], (1,), (FrameRange(10, 30),)),),
        BuildSettings(maximum_faces=200),
    )
    assert last_job("build_faceset") == expected
    OPS.faceset_build(strip="Shot train_B", performer="Anna Ärmel", target="Ben")
    other = last_job("build_faceset")
    assert (other.performer, [shot.key for shot in other.shots]) == ("anna-ärmel", [KEYS["train_B"]])
    assert [part.folder.name for part in other.faces] == [KEYS["target_A"], KEYS["train_A"]]


def trained_files(edit):
    OPS.train_start(model="M")
    return {item.performer: [part.files for part in item.faces] for item in last_job("train").performers}


def test_training_takes_the_chosen_faces_as_long_as_they_are_fresh(edit):
    everything = {"anna-ärmel": [(), ()], "ben": [()]}
    assert trained_files(edit) == everything
    OPS.faceset_build()
    assert trained_files(edit) == {"anna-ärmel": [(), ()], "ben": [("000001_t01.png",)]}
    edit.understudy.use_training_sets = False
    assert trained_files(edit) == everything
    edit.understudy.use_training_sets = True
    # As a new extraction leaves it.
    (project().faceset(KEYS["train_B"]) / FACESET_FILE).write_text("{}", encoding="utf-8")
    assert trained_files(edit) == everything


def test_the_panel_says_what_was_chosen_and_what_is_missing(edit):
    assert "No training set for Ben: training takes all their faces." in drawn(Panel.FACESET)
    OPS.faceset_build()
    shown = drawn(Panel.FACESET)
    assert "1 of 9 faces are chosen." in shown and "No face looks up; film it." in shown
    assert "Left out: 2 near-duplicates, 1 hidden ones." in shown and "changed" not in shown
    assert "[Build Training Set]" in shown and "[Show Coverage]" in shown
    OPS.faces_assign(strip="Shot train_A", performer="Ben")
    assert "changed since" in " ".join(drawn(Panel.FACESET).split())


def test_the_picture_is_shown_in_an_image_editor(edit):
    with pytest.raises(RuntimeError, match="Ben has no training set yet"):
        OPS.faceset_show()
    OPS.faceset_build()
    OPS.faceset_show()
    path = project().training_set("ben") / COVERAGE_FILE
    assert any(bpy.path.abspath(image.filepath) == str(path) for image in bpy.data.images)


def test_a_damaged_set_is_as_good_as_none(edit):
    OPS.faceset_build()
    (project().training_set("ben") / TRAINING_SET_FILE).write_text("{", encoding="utf-8")
    assert "No training set for Ben" in drawn(Panel.FACESET)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"strip": "Shot train_B"}, "No face in these shots is assigned to Anna Ärmel."),
        ({"performer": "Nobody"}, "There is no performer “Nobody”"),
        ({"strip": "Nothing"}, "There is no strip “Nothing”"),
    ],
)
def test_what_can_not_be_built_is_a_sentence(edit, options, says):
    with pytest.raises(RuntimeError, match=says):
        OPS.faceset_build(**options)


def test_why_the_button_is_grey(edit):
    assert readiness.build_reason(bpy.context) == ""
    edit.understudy.source = ""
    assert readiness.build_reason(bpy.context) == "Choose who shall appear and whose face is replaced"
    edit.understudy.source = "Ben"
    OPS.faces_assign(strip="Shot train_B", performer="Ben", clear=True)
    assert readiness.build_reason(bpy.context) == "Assign faces to Ben first"
