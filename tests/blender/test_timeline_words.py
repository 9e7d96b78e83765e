# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences of the engine name media frames; Blender says where these are on the timeline, and goes there."""

import json
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from test_panels import Layout
from understudy.blender_addon import frame_maps, job_frames, jobs
from understudy.blender_addon.edit_frames import StripFrames, in_edit, showing, time_code, words_for
from understudy.blender_addon.ids import Panel
from understudy.blender_addon.job_queue import Job, JobRequest
from understudy.blender_addon.sequencer import set_timing
from understudy.engine.contract.frame_mentions import mention
from understudy.engine.contract.messages import Done, Failed, Log
from understudy.engine.contract.project import Project
from understudy.engine.contract.timing import FrameRange

pytestmark = pytest.mark.usefixtures("addon_with_fake_engine")

OPS = bpy.ops.understudy


@pytest.fixture
def edit(scene, clips, tmp_path):
    """A shot that shows pictures 10 to 49 of its 72 from timeline frame 101 on, at 25 frames a second."""
    scene.render.fps = 25
    strip = scene.sequence_editor.strips.new_movie("Shot ä", str(clips / "target_A.mp4"), 1, 91)
    set_timing(strip, "left_handle", 101)
    set_timing(strip, "right_handle", 141)
    strip.select = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    return bpy.context.scene


def shot():
    return bpy.context.scene.sequence_editor.strips_all["Shot ä"]


def shown(start=101, used=range(10, 50), name="Shot", rate=25.0):
    return StripFrames("", name, start, tuple(used), rate)


def drawn_jobs():
    lines = []
    getattr(bpy.types, Panel.JOBS).draw(SimpleNamespace(layout=Layout(lines)), bpy.context)
    return " ".join(lines)


def test_frames_are_called_as_on_the_timeline():
    strip = shown()
    assert words_for([strip], [FrameRange(12, 15), FrameRange(20, 21)]) == "frames 103–105, 111 (00:00:04:03)"
    assert words_for([strip], [FrameRange(49, 60)]) == "frame 140 (00:00:05:15)"
    text = "frames 60–69 of the footage, which the strip doesn't show,"
    assert words_for([strip], [FrameRange(60, 70)]) == text
    backwards = shown(used=range(49, 9, -1))
    assert showing(backwards, (FrameRange(10, 12),)) == (FrameRange(139, 141),)
    still = shown(used=[5] * 3 + [6] * 2)
    assert showing(still, (FrameRange(6, 7),)) == (FrameRange(104, 106),)
    other = shown(1001, range(40, 80), "Again")
    assert words_for([strip, other], [FrameRange(45, 47)]) == (
        "frames 136–137 of “Shot” (00:00:05:11) and frames 1006–1007 of “Again” (00:00:40:06)"
    )
    assert words_for([strip, other], [FrameRange(90, 91)]) == "frame 90 of the footage, which no strip shows,"


def test_time_code_is_blenders():
    for fps in (24, 25, 30, 60):
        for frame in (0, 1, 24, 25, 1000, 86399, 123456):
            assert time_code(frame, fps) == bpy.utils.smpte_from_frame(frame, fps=fps, fps_base=1.0), (frame, fps)
    # Seconds of the clock: 1000 frames take 41.708 s, and 0.708 s are 17 frames; Blender's ruler rounds, too.
    assert time_code(1000, 24000 / 1001) == "00:00:41:17"
    assert time_code(-26, 25.0) == "-00:00:01:01"


def test_a_sentence_keeps_its_capital_and_is_left_alone_without_strips():
    where = [mention([12])]
    text = "Frame 12 was left empty: frame 12 is damaged."
    assert in_edit(text, where, [shown()]) == (
        "Frame 103 (00:00:04:03) was left empty: frame 103 (00:00:04:03) is damaged."
    )
    assert in_edit(text, where, ()) == text


def test_the_last_messages_of_a_job_are_in_frames_of_the_edit(tmp_path):
    request = JobRequest("swap", "Swap", (), tmp_path, strips=(shown(),))
    job = Job(request)
    job.apply(Failed("internal", "Frame 12 is damaged.", "Leave frame 12 out.", (mention([12]),)))
    assert job.failure.message == "Frame 103 (00:00:04:03) is damaged."
    assert job.failure.hint == "Leave frame 103 (00:00:04:03) out."
    job = Job(request)
    job.apply(Log("warning", "In frame 12 of a.mov it is dark.", (mention([12], "a.mov"),)))
    job.apply(Done(False, "Worst is frame 20.", {}, (mention([20]),)))
    assert job.done.summary == "Worst is frame 111 (00:00:04:11)."
    assert job.warnings == ["In frame 103 (00:00:04:03) it is dark."]


def prepare_swap():
    for name in ("Anna", "Ben"):
        OPS.performer_add(name=name)
    OPS.extract()
    OPS.faces_assign(performer="Anna")
    folder = Project.beside(Path(bpy.data.filepath)).models / "M"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps({"performers": ["anna", "ben"], "step": 3}), encoding="utf-8")


def test_the_warning_of_a_swap_names_the_timeline_and_follows_the_strip(edit, monkeypatch):
    prepare_swap()
    monkeypatch.setenv("FAKE_ENGINE_HIDDEN", "12 13 14 30 31")
    OPS.swap(strip="Shot ä", model="M", source="Ben", target="Anna")
    hidden = "In frames 103–105, 121–122 (00:00:04:03) the face is probably hidden in part."
    assert hidden in jobs.queue.jobs[-1].warnings
    listed = drawn_jobs()
    assert f"{hidden} [Go to These Frames] Nobody gave consent." in listed and "target_A.mp4 the face" not in listed
    # An editor who moves or trims the shot afterwards reads where the frames are now.
    set_timing(shot(), "content_start", 191)
    assert "In frames 203–205, 221–222 (00:00:08:03) the face" in drawn_jobs()
    set_timing(shot(), "right_handle", 215)
    assert "In frames 203–205 (00:00:08:03) the face" in drawn_jobs()
    set_timing(shot(), "left_handle", 206)
    shut = drawn_jobs()
    assert "which the strip doesn't show" in shut and "Go to These Frames" not in shut


def test_a_strip_that_takes_long_to_map_is_known_as_it_was_and_one_that_is_gone_too(edit, monkeypatch):
    prepare_swap()
    monkeypatch.setenv("FAKE_ENGINE_HIDDEN", "12 13")
    OPS.swap(strip="Shot ä", model="M", source="Ben", target="Anna")
    monkeypatch.setattr(job_frames, "quick_timing", lambda *arguments: None)
    set_timing(shot(), "content_start", 101)
    assert "In frames 113–114 (00:00:04:13) the face" in drawn_jobs()
    # Once a timer has found out which frames it shows, which in background mode never runs, changes count, too.
    set_timing(shot(), "right_handle", 114)
    assert "In frames 113–114 (00:00:04:13) the face" in drawn_jobs()
    while frame_maps.work():
        pass
    assert "In frame 113 (00:00:04:13) the face" in drawn_jobs()
    edit.sequence_editor.strips.remove(shot())
    gone = drawn_jobs()
    assert "In frames 103–104 (00:00:04:03) the face" in gone and "Go to These Frames" not in gone


def test_the_playhead_goes_from_range_to_range(edit):
    edit.frame_current = 1
    for expected in (103, 121, 103):
        assert OPS.frames_show(strip="Shot ä", frames="12-14,30") == {"FINISHED"}
        assert edit.frame_current == expected
    for frames, sentence in (("60-70", "doesn't show frames 60–70"), ("", "no frame"), ("x", "no list of frames")):
        with pytest.raises(RuntimeError, match=sentence):
            OPS.frames_show(strip="Shot ä", frames=frames)
    assert edit.frame_current == 103


def test_an_extraction_of_two_strips_names_both(edit, clips):
    other = edit.sequence_editor.strips.new_movie("Again", str(clips / "target_A.mp4"), 2, 201)
    other.select = True
    OPS.extract()
    (job,) = jobs.queue.jobs
    job.apply(Log("warning", "Frame 20: it is damaged.", (mention([20]),)))
    assert "Frame 111 of “Shot ä” (00:00:04:11) and frame 221 of “Again” (00:00:08:21): it is damaged." in drawn_jobs()


def test_frames_that_were_not_searched_are_named_on_the_timeline(edit):
    edit.understudy.handles = 0
    prepare_swap()
    set_timing(shot(), "right_handle", 151)
    with pytest.raises(RuntimeError, match=r"were not searched for faces: frames 141–150 \(00:00:05:16\)"):
        OPS.swap(strip="Shot ä", model="M", source="Ben", target="Anna")
