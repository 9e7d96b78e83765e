# SPDX-License-Identifier: GPL-3.0-or-later
"""Go to Worst Frame: the playhead goes to the timeline frame of the worst frame a strip uses, however it is mapped."""

import json
from pathlib import Path

import bpy
import pytest
import understudy
from understudy.blender_addon import frame_maps, project_view, readiness, shot_fitness
from understudy.blender_addon.mapping import shown_frames
from understudy.blender_addon.sequencer import set_timing
from understudy.blender_addon.strips import quick_timing, strip_shot
from understudy.engine.contract.fitness import TrackFitness, Weakness, write_fitness
from understudy.engine.contract.project import Project


@pytest.fixture(autouse=True)
def addon(monkeypatch):
    monkeypatch.setattr(project_view, "_SECONDS_BETWEEN_LOOKS", 0.0)
    understudy.register()
    yield
    understudy.unregister()


@pytest.fixture
def edit(scene, coded_movies, tmp_path):
    """A strip of 60 numbered pictures from timeline frame 11 on, with a face in pictures 10 to 49, worst at 33."""
    movie = coded_movies()
    strip = scene.sequence_editor_create().strips.new_movie("Shot", str(movie), 1, 11)
    strip.select = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    folder = Project.beside(Path(bpy.data.filepath)).footage("k")
    folder.mkdir(parents=True)
    tracks = [{"id": 3, "first": 10, "last": 49, "frames": 40, "thumbnail": None}]
    footage = {"key": "k", "footage": {"path": str(movie)}, "frame_count": 60, "tracks": tracks}
    (folder / "footage.json").write_text(json.dumps(footage), encoding="utf-8")
    values = [0.1 if frame == 33 else 0.95 for frame in range(10, 50)]
    values[5] = 0.3
    reasons = [Weakness.HIDDEN if value < 0.5 else None for value in values]
    write_fitness(folder / "fitness.json", "k", [TrackFitness(3, 10, tuple(values), tuple(reasons))])
    return bpy.context.scene


def go(**options):
    return bpy.ops.understudy.face_worst_frame(strip="Shot", track=3, **options)


def test_the_playhead_goes_to_the_worst_frame(edit):
    assert go() == {"FINISHED"}
    assert edit.frame_current == 11 + 33


def test_only_frames_in_use_count(edit):
    strip = edit.sequence_editor.strips["Shot"]
    set_timing(strip, "right_handle", 11 + 30)
    go()
    assert edit.frame_current == 11 + 15
    strip.use_reverse_frames = True
    go()
    shown = strip_shot(edit, strip).used
    assert shown[edit.frame_current - 11] == 33


def test_the_panel_and_the_button_judge_the_same_frames(edit):
    strip = edit.sequence_editor.strips["Shot"]
    for change in (lambda: None, lambda: set_timing(strip, "left_handle", 20), lambda: setattr(strip, "strobe", 3)):
        change()
        assert shown_frames(quick_timing(edit, strip, 60)) == strip_shot(edit, strip).used
        found = readiness.found_in(bpy.context, strip)
        fitness = readiness.fitness_in(found, 3)
        drawn = shot_fitness.strip_fitness(edit, strip, found, fitness)
        assert drawn.shot == shot_fitness.judge_exactly(edit, strip, fitness)
        assert not drawn.is_of_footage


def test_what_cannot_be_shown_is_said(edit):
    with pytest.raises(RuntimeError, match="fitness of face 8 of “Shot” isn't known"):
        bpy.ops.understudy.face_worst_frame(strip="Shot", track=8)
    with pytest.raises(RuntimeError, match="no strip “Nothing”"):
        bpy.ops.understudy.face_worst_frame(strip="Nothing", track=3)
    set_timing(edit.sequence_editor.strips["Shot"], "right_handle", 11 + 5)
    with pytest.raises(RuntimeError, match="Face 3 isn't in the frames that “Shot” uses"):
        go()


def test_a_strip_that_takes_longer_to_map_is_judged_by_its_footage_until_its_frames_are_known(edit, monkeypatch):
    strip = edit.sequence_editor.strips["Shot"]
    monkeypatch.setattr(shot_fitness, "quick_timing", lambda *arguments: None)
    found = readiness.found_in(bpy.context, strip)
    drawn = shot_fitness.strip_fitness(edit, strip, found, readiness.fitness_in(found, 3))
    assert drawn.is_of_footage
    assert (drawn.shot.frames, drawn.shot.worst) == (40, 33)
    # A timer, which never runs in background mode, looks at the frames and draws anew.
    while frame_maps.work():
        pass
    drawn = shot_fitness.strip_fitness(edit, strip, found, readiness.fitness_in(found, 3))
    assert not drawn.is_of_footage and (drawn.shot.frames, drawn.shot.worst) == (40, 11 + 33)
