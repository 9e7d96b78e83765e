# SPDX-License-Identifier: GPL-3.0-or-later
"""Several strips at once: what can't be done is left out and named, and only when nothing is left it is an error."""

import json
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from test_panels import Layout
from understudy.blender_addon import jobs, process
from understudy.blender_addon.batch import Batch
from understudy.blender_addon.ids import Panel
from understudy.blender_addon.insertion import swap_strip_of
from understudy.blender_addon.job_queue import JobRequest, JobState
from understudy.blender_addon.sequencer import set_timing
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.project import Project

pytestmark = pytest.mark.usefixtures("addon_with_fake_engine")

OPS = bpy.ops.understudy


@pytest.fixture
def edit(scene, clips, tmp_path):
    """Four selected strips: two shots, one whose file is gone, one whose file is no movie."""
    text = tmp_path / "no movie ä.mp4"
    text.write_text("no movie", encoding="utf-8")
    files = {"One": clips / "train_A.mp4", "Gone": tmp_path / "gone.mp4", "Text": text, "Two": clips / "target_A.mp4"}
    strips = scene.sequence_editor.strips
    for channel, (name, path) in enumerate(files.items(), 1):
        strip = strips.new_movie(name, str(clips / "target_A.mp4"), channel, 1)
        strip.filepath = str(path)
        set_timing(strip, "duration", 30)
        strip.select = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    # Blender learns that the files are bad when it opens the edit.
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    return bpy.context.scene


def strip_named(name):
    return bpy.context.scene.sequence_editor.strips_all[name]


def select(*names):
    for strip in bpy.context.scene.sequence_editor.strips_all:
        strip.select = strip.name in names


def message_of(call, **options):
    with pytest.raises(RuntimeError) as caught:
        call(**options)
    return str(caught.value)


def drawn_jobs():
    lines = []
    getattr(bpy.types, Panel.JOBS).draw(SimpleNamespace(layout=Layout(lines)), bpy.context)
    return " ".join(lines)


def titles():
    return [job.request.title for job in jobs.queue.jobs]


def test_an_extraction_does_the_readable_strips_and_names_the_others(edit):
    assert OPS.extract() == {"FINISHED"}
    assert titles() == ["Extract Faces: train_A.mp4", "Extract Faces: target_A.mp4"]
    assert all(job.state is JobState.DONE for job in jobs.queue.jobs)
    remarks = jobs.queue.jobs[-1].request.remarks
    assert len(remarks) == 2 and not jobs.queue.jobs[0].request.remarks
    assert "Left out: The strip “Gone” has no footage:" in remarks[0] and "gone.mp4 is missing" in remarks[0]
    assert "Left out: The strip “Text” can't be read by Blender" in remarks[1]
    listed = drawn_jobs()
    assert "Left out: The strip “Gone”" in listed and "Left out: The strip “Text”" in listed
    assert bpy.context.window_manager.understudy.jobs[-1].state == "done"


def test_when_nothing_is_left_it_is_an_error_with_every_reason(edit):
    select("Gone", "Text")
    message = message_of(OPS.extract)
    assert "None of 2 strips can be used." in message and "“Gone”" in message and "“Text”" in message
    select("Gone")
    assert "None of" not in message_of(OPS.extract) and not jobs.queue.jobs


def write_model():
    folder = Project.beside(Path(bpy.data.filepath)).models / "M"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps({"performers": ["anna", "ben"], "step": 3}), encoding="utf-8")


def prepare_swap():
    for name in ("Anna", "Ben"):
        OPS.performer_add(name=name)
    select("One", "Two")
    OPS.extract()
    OPS.faces_assign(strip="One", performer="Ben")
    OPS.faces_assign(strip="Two", performer="Anna")
    write_model()
    jobs.clear()


def test_a_swap_does_the_shots_that_can_be_done(edit):
    prepare_swap()
    select("One", "Two", "Gone")
    OPS.swap(model="M", source="Ben", target="Anna")
    assert titles() == ["Swap: Two (Anna)"] and swap_strip_of(bpy.context.scene, strip_named("Two")) is not None
    remarks = jobs.queue.jobs[-1].request.remarks
    assert "No face in “One” is assigned to Anna." in " ".join(remarks) and "gone.mp4 is missing" in " ".join(remarks)
    select("One", "Gone")
    assert "None of 2 strips can be used." in message_of(OPS.swap, model="M", source="Ben", target="Anna")


def test_one_failed_job_of_several_does_not_fail_the_others(edit, monkeypatch, tmp_path):
    engine = tmp_path / "engine.py"
    fake = Path(__file__).with_name("fake_engine.py")
    engine.write_text(
        "import runpy, sys\nfrom pathlib import Path\n"
        "if 'train_A' in Path(sys.argv[2]).read_text(encoding='utf-8'): sys.exit('this one breaks')\n"
        f"runpy.run_path({str(fake)!r}, run_name='__main__')\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(process, "LAUNCH_FILE", engine)
    select("One", "Two")
    assert OPS.extract() == {"FINISHED"}
    assert [job.state for job in jobs.queue.jobs] == [JobState.FAILED, JobState.DONE]
    select("One")
    assert "this one breaks" in message_of(OPS.extract)


def test_training_sets_and_assignments_pass_bad_strips_by(edit):
    prepare_swap()
    select("Two", "Gone")
    OPS.faceset_build(performer="Ben", target="Anna")
    assert "gone.mp4 is missing" in jobs.queue.jobs[-1].request.remarks[0]
    casts = {(item.key, item.performer_id) for item in bpy.context.scene.understudy.assignments}
    OPS.faces_assign(performer="Ben")
    assert {(item.key, item.performer_id) for item in bpy.context.scene.understudy.assignments} != casts
    select("Gone")
    assert "were not extracted yet" in message_of(OPS.faces_assign, performer="Ben")
    assert "gone.mp4 is missing" in message_of(OPS.faceset_build, performer="Ben", target="Anna")


def test_finished_frames_are_put_back_where_there_are_some(edit):
    prepare_swap()
    OPS.swap(strip="Two", model="M", source="Ben", target="Anna")
    OPS.swap_remove(strip="Two")
    select("One", "Two")
    assert OPS.swap_insert() == {"FINISHED"}
    assert swap_strip_of(bpy.context.scene, strip_named("Two")) is not None
    select("One")
    assert "no swapped frames yet" in message_of(OPS.swap_insert)


def test_a_batch_names_a_few_and_counts_the_rest(tmp_path):
    batch = Batch()
    for number in range(6):
        with batch.attempt():
            raise EngineError(ErrorCode.STRIP_UNSUPPORTED, f"Strip {number} is odd.", "Cut it.")
    with pytest.raises(EngineError, match="None of 6 strips can be used. Strip 0 is odd.") as caught:
        batch.told_with([])
    assert caught.value.message.endswith("Strip 3 is odd. And 2 more.") and caught.value.hint == "Cut it."
    request = JobRequest("dummy", "Dummy", (), tmp_path)
    told = batch.told_with([request, request])
    assert told[0] is request and len(told[1].remarks) == 6
    with pytest.raises(ZeroDivisionError), batch.attempt():
        1 / 0  # noqa: B018 - what nobody foresaw is no reason to leave a strip out
