# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators: the whole job in background mode, what they write into job files, and what they refuse in words."""

import datetime
import json
import sys
import time
from pathlib import Path

import bpy
import pytest
import understudy
from understudy.blender_addon import casting, environment, job_requests, jobs, preferences, process, readiness, shots
from understudy.blender_addon.insertion import swap_strip_of
from understudy.blender_addon.job_queue import JobState
from understudy.blender_addon.project_view import FoundFootage, FoundTrack, footage_location
from understudy.blender_addon.sequencer import set_timing
from understudy.blender_addon.slices import finished
from understudy.blender_addon.strips import strip_uid
from understudy.engine.contract.environment import EngineEnvironment
from understudy.engine.contract.errors import ErrorCode
from understudy.engine.contract.jobs import load_job
from understudy.engine.contract.performers import load_performers
from understudy.engine.contract.project import Project
from understudy.engine.contract.settings import ExtractSettings, PeopleSettings, SwapSettings, TrainSettings
from understudy.engine.contract.timing import FrameRange

OPS = bpy.ops.understudy
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def addon(monkeypatch):
    """The add-on registered as a checkout, with an engine that writes small results at once."""
    monkeypatch.setattr(process, "LAUNCH_FILE", Path(__file__).with_name("fake_engine.py"))
    monkeypatch.setenv(environment.PYTHON_VARIABLE, sys.executable)
    understudy.register()
    yield
    understudy.unregister()


@pytest.fixture
def edit(scene, clips, tmp_path):
    """A saved edit of three shots with non-ASCII names; returns its scene."""
    scene.render.resolution_x = scene.render.resolution_y = 512
    for channel, (name, length) in enumerate({"train_A": 40, "train_B": 40, "target_A": 30}.items(), 1):
        strip = scene.sequence_editor.strips.new_movie(f"Shot {name}", str(clips / f"{name}.mp4"), channel, 1)
        set_timing(strip, "duration", length)
        strip.select = False
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "Schnitt ä 1.blend"))
    return bpy.context.scene


def strip_named(name):
    return bpy.context.scene.sequence_editor.strips_all[name]


def project():
    return Project.beside(Path(bpy.data.filepath))


def last_job(kind):
    folder = sorted((project().root / "jobs").glob(f"*-{kind}*"))[-1]
    return load_job(folder / "job.json")


def prepare(consent=True):
    """Performers, faces and a model, by the operators."""
    OPS.performer_add(name="Anna Ärmel")
    OPS.performer_add(name="Ben")
    if consent:
        OPS.performer_consent(performer="Ben", note="Ben agreed to the test", valid_until="2099-12-31")
    for name, performer in {"Shot train_A": "Anna Ärmel", "Shot train_B": "Ben", "Shot target_A": "Anna Ärmel"}.items():
        OPS.extract(strip=name)
        OPS.faces_assign(strip=name, performer=performer)
    OPS.train_start(model="Anna und Ben", minutes=0.5)


def message_of(call, **options):
    with pytest.raises(RuntimeError) as caught:
        call(**options)
    return str(caught.value)


def test_the_whole_job_from_a_saved_edit_to_a_strip_with_a_mask(edit):
    prepare()
    OPS.swap(strip="Shot target_A", model="Anna und Ben", source="Ben", target="Anna Ärmel")
    shot = strip_named("Shot target_A")
    swap = swap_strip_of(edit, shot)
    assert swap.channel > shot.channel and len(swap.elements) == 30 and not swap.mute
    assert [modifier.type for modifier in swap.modifiers] == ["MASK"]
    assert json.loads(swap["understudy_consent"]) == {"ben": "missing"}
    assert bpy.context.window_manager.understudy.jobs[-1].warning == "Nobody gave consent."
    assert all(job.state is JobState.DONE for job in jobs.queue.jobs)


def test_job_files_hold_what_the_edit_uses(edit):
    edit.understudy.handles = 3
    edit.understudy.train.learning_rate = 5e-5
    prepare()
    search = last_job("extract")
    assert search.footage.path.name == "target_A.mp4" and search.ranges == (FrameRange(0, 33),)
    training = last_job("train")
    assert training.settings.learning_rate == 5e-5 and training.settings.maximum_minutes == 0.5
    assert training.model == project().model("Anna und Ben") and training.project == project().root
    assert [item.performer for item in training.performers] == ["anna-ärmel", "ben"]
    assert [part.tracks for part in training.performers[0].faces] == [(1,), (1,)]
    set_timing(strip_named("Shot target_A"), "left_handle", 11)
    edit.understudy.swap.feather = 0.1
    OPS.swap(strip="Shot target_A", model="Anna und Ben", source="Ben", target="anna-ärmel")
    swap = last_job("swap")
    assert swap.ranges == (FrameRange(10, 30),) and swap.settings.feather == 0.1
    assert [(a.track, a.source, a.target) for a in swap.assignments] == [(1, "ben", "anna-ärmel")]
    assert swap.output.parent == project().root / "swaps"


def test_a_cast_of_three_is_one_model_and_any_pair_of_it_can_be_swapped(edit):
    cast = {"Shot train_A": "Anna Ärmel", "Shot train_B": "Ben", "Shot target_A": "Cleo"}
    for name, performer in cast.items():
        OPS.performer_add(name=performer)
        OPS.extract(strip=name)
        OPS.faces_assign(strip=name, performer=performer)
    edit.understudy.train.family = "studio"
    OPS.train_start(model="Besetzung")
    training = last_job("train")
    assert [item.performer for item in training.performers] == ["anna-ärmel", "ben", "cleo"]
    assert training.settings.family == "studio"
    for shot, source, target in (
        ("Shot train_A", "Cleo", "Anna Ärmel"),
        ("Shot train_B", "Anna Ärmel", "Ben"),
        ("Shot target_A", "Ben", "Cleo"),
    ):
        OPS.swap(strip=shot, model="Besetzung", source=source, target=target)
        (face,) = last_job("swap").assignments
        names = {item.performer_id: item.name for item in edit.understudy.performers}
        assert (names[face.source], names[face.target]) == (source, target)
    OPS.performer_add(name="Dora")
    edit.understudy.model, edit.understudy.source, edit.understudy.target = "Besetzung", "Dora", "Ben"
    assert readiness.swap_reason(bpy.context) == "The model “Besetzung” doesn't know Dora; train one that does"


def test_training_shows_the_selected_shot_at_the_playhead(edit):
    prepare()
    assert last_job("train").shots == (), "no shot is selected"
    strip_named("Shot target_A").select = True
    edit.understudy.source, edit.understudy.target = "Ben", "Anna Ärmel"
    edit.frame_current = 11
    OPS.train_start(model="Anna und Ben", minutes=0.5)
    (shot,) = last_job("train").shots
    assert shot.footage.path.name == "target_A.mp4" and shot.frames == (10,) and shot.sources == ((1, "ben"),)
    assert shot.targets == ((1, "anna-ärmel"),)
    edit.frame_current = 35
    OPS.train_start(model="Anna und Ben", minutes=0.5)
    assert last_job("train").shots == (), "the playhead is behind the shot"


def test_performers_and_consent_reach_the_project(edit):
    prepare()
    known = load_performers(project().performers)
    assert known["ben"].consent.state(datetime.date(2030, 1, 1)) == "given"
    assert known["anna-ärmel"].consent.state(datetime.date(2030, 1, 1)) == "missing"


def test_strips_of_one_footage_share_one_search(edit, clips):
    edit.understudy.handles = 0
    other = edit.sequence_editor.strips.new_movie("Again", str(clips / "target_A.mp4"), 5, 101)
    set_timing(other, "left_handle", 141)
    for name in ("Shot target_A", "Again"):
        strip_named(name).select = True
    OPS.extract()
    assert last_job("extract").ranges == (FrameRange(0, 30), FrameRange(40, 72))
    assert len(jobs.queue.jobs) == 1


def test_several_shots_wait_in_line(edit):
    for name in ("Shot train_A", "Shot train_B", "Shot target_A"):
        strip_named(name).select = True
    OPS.extract()
    assert [job.request.title for job in jobs.queue.jobs] == [
        f"Extract Faces: {name}.mp4" for name in ("train_A", "train_B", "target_A")
    ]


def test_a_second_swap_keeps_the_strip_and_the_folder(edit):
    prepare()
    chosen = {"model": "Anna und Ben", "source": "Ben", "target": "Anna Ärmel"}
    OPS.swap(strip="Shot target_A", **chosen)
    first = swap_strip_of(edit, strip_named("Shot target_A"))
    name, folder = first.name, last_job("swap").output
    strip_named("Shot target_A").name = "Renamed"
    OPS.swap(strip="Renamed", **chosen)
    assert last_job("swap").output == folder
    assert [strip.name for strip in edit.sequence_editor.strips_all if "understudy_swap" in strip] == [name]


def test_swaps_are_shown_hidden_removed_and_put_back(edit):
    prepare()
    OPS.swap(strip="Shot target_A", model="Anna und Ben", source="Ben", target="Anna Ärmel")
    shot = strip_named("Shot target_A")
    # After an insertion the swap is selected; it stands for its shot.
    assert [strip.name for strip in shots.chosen_strips(bpy.context)] == ["Shot target_A"]
    OPS.swap_toggle()
    assert swap_strip_of(edit, shot).mute
    OPS.swap_toggle()
    assert not swap_strip_of(edit, shot).mute
    OPS.swap_remove()
    assert swap_strip_of(edit, shot) is None and not bpy.data.masks
    assert "have no swap" in message_of(OPS.swap_remove, strip="Shot target_A")
    OPS.swap_insert(strip="Shot target_A")
    assert len(swap_strip_of(edit, shot).elements) == 30
    assert "no swapped frames" in message_of(OPS.swap_insert, strip="Shot train_A")


def start_swap(monkeypatch):
    """Start a slow swap as the window does: without waiting for it."""
    monkeypatch.setenv("FAKE_ENGINE_SECONDS", "0.4")
    preparation = job_requests.swap_requests(
        bpy.context, [strip_named("Shot target_A")], "Anna und Ben", "Ben", "Anna Ärmel"
    )
    return jobs.start(finished(preparation)[0])


def test_inserting_never_blocks_a_tick(edit, monkeypatch):
    prepare()
    # The first picture that Blender opens sets its color management up, which no window is without.
    strips, picture = edit.sequence_editor.strips, next(project().root.glob("footage/*/t01.png"))
    strips.remove(strips.new_image("warm up", str(picture), 20, 1))
    job = start_swap(monkeypatch)
    cpus = []
    while not job.is_over:
        began = time.thread_time()
        jobs.tick()
        cpus.append(time.thread_time() - began)
        time.sleep(0.01)
    assert job.state is JobState.DONE
    # What we use of the main thread; a machine that is busy with something else adds waiting to the wall clock.
    assert max(cpus) < 0.020, sorted(cpus)[-5:]


def test_a_strip_deleted_meanwhile_becomes_a_sentence(edit, monkeypatch):
    prepare()
    job = start_swap(monkeypatch)
    edit.sequence_editor.strips.remove(strip_named("Shot target_A"))
    jobs.wait([job])
    assert job.state is JobState.FAILED and "no longer in the edit" in job.failure.message
    assert bpy.context.window_manager.understudy.jobs[-1].helper == "understudy.swap_insert"


def test_another_file_loaded_meanwhile_becomes_a_sentence_and_the_frames_are_kept(edit, monkeypatch, tmp_path):
    prepare()
    strip_uid(strip_named("Shot target_A"))
    bpy.ops.wm.save_mainfile()
    path = bpy.data.filepath
    job = start_swap(monkeypatch)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    jobs.wait([job])
    assert job.failure.code == ErrorCode.STRIP_MISSING and "is not open any more" in job.failure.message
    bpy.ops.wm.open_mainfile(filepath=path)
    OPS.swap_insert(strip="Shot target_A")
    assert swap_strip_of(bpy.context.scene, strip_named("Shot target_A")) is not None


def test_saving_under_another_name_meanwhile_is_still_the_same_edit(edit, monkeypatch, tmp_path):
    prepare()
    job = start_swap(monkeypatch)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "version 2.blend"))
    jobs.wait([job])
    assert job.state is JobState.DONE, job.failure
    assert swap_strip_of(bpy.context.scene, strip_named("Shot target_A")) is not None


def test_loading_the_same_file_meanwhile_is_fine(edit, monkeypatch):
    prepare()
    strip_uid(strip_named("Shot target_A"))
    bpy.ops.wm.save_mainfile()
    job = start_swap(monkeypatch)
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    jobs.wait([job])
    assert swap_strip_of(bpy.context.scene, strip_named("Shot target_A")) is not None


def test_an_unsaved_edit_says_save_first(scene):
    assert readiness.edit_reason(bpy.context).startswith("Save the .blend first")
    assert not OPS.extract.poll() and not OPS.folder_open.poll()


def test_a_missing_engine_is_said_first(scene, monkeypatch, tmp_path):
    monkeypatch.setenv(environment.PYTHON_VARIABLE, str(tmp_path / "nowhere"))
    assert "There is no Python" in readiness.edit_reason(bpy.context)
    monkeypatch.delenv(environment.PYTHON_VARIABLE)
    monkeypatch.setattr(preferences, "data_folder", lambda: tmp_path)
    environment.forget()
    assert readiness.edit_reason(bpy.context) == "The engine is not installed yet; see Engine above"


def test_every_step_says_what_is_missing(edit):
    assert readiness.extract_reason(bpy.context) == "Select a movie or image strip"
    assert readiness.assign_reason(bpy.context) == "Add a performer first"
    assert readiness.train_reason(bpy.context) == "Add two performers first"
    assert readiness.swap_reason(bpy.context) == "Train the model “Model” first"
    prepare()
    edit.understudy.model = "Anna und Ben"
    assert readiness.train_reason(bpy.context) == ""
    assert readiness.swap_reason(bpy.context) == "Choose who shall appear and whose face is replaced"
    edit.understudy.source, edit.understudy.target = "Ben", "Ben"
    assert readiness.swap_reason(bpy.context) == "Source and target are the same performer"
    edit.understudy.target = "Anna Ärmel"
    assert readiness.swap_reason(bpy.context) == "Select a movie or image strip"
    strip_named("Shot train_B").select = True
    assert readiness.swap_reason(bpy.context) == "No face in the selected shots is assigned to Anna Ärmel"
    strip_named("Shot target_A").select = True
    assert readiness.swap_reason(bpy.context) == ""
    assert readiness.swaps_reason(bpy.context) == "Select a shot that has a swap, or the swap itself"
    edit.understudy.model = " "
    assert readiness.train_reason(bpy.context) == "Give the model a name"


def test_what_cannot_be_done_is_refused_with_names(edit):
    prepare()
    chosen = {"model": "Anna und Ben", "source": "Ben", "target": "Anna Ärmel"}
    assert "There is no strip “Nope”" in message_of(OPS.extract, strip="Nope")
    assert "No strip is selected" in message_of(OPS.extract)
    assert "no performer “Carla”" in message_of(OPS.swap, strip="Shot target_A", **{**chosen, "source": "Carla"})
    assert "No face in “Shot train_B”" in message_of(OPS.swap, strip="Shot train_B", **chosen)
    assert "no face track 7" in message_of(OPS.faces_assign, strip="Shot train_B", performer="Ben", track=7)
    assert "at least two performers" in message_of(OPS.train_start, performers="Ben")
    text = edit.sequence_editor.strips.new_effect(
        "Title", "TEXT", 9, 1, **({"length": 10} if bpy.app.version >= (5,) else {"frame_end": 11})
    )
    assert "“Title”" in message_of(OPS.extract, strip=text.name)
    # Longer than what was searched, handles included.
    set_timing(strip_named("Shot target_A"), "right_handle", 60)
    assert "were not searched for faces" in message_of(OPS.swap, strip="Shot target_A", **chosen)


def test_a_failing_engine_fails_the_operator_and_names_the_log(edit, monkeypatch, tmp_path):
    engine = tmp_path / "broken.py"
    engine.write_text("import sys; sys.exit('no library here')")
    monkeypatch.setattr(process, "LAUNCH_FILE", engine)
    message = message_of(OPS.extract, strip="Shot target_A")
    assert "no library here" in message and "log.txt" in message


def test_performers_are_added_once_and_removed_with_their_faces(edit):
    prepare()
    settings = edit.understudy
    assert "already" in message_of(OPS.performer_add, name=" ben ")
    assert "no name" in message_of(OPS.performer_add, name=" ?! ")
    assert "is not a date" in message_of(OPS.performer_consent, performer="Ben", note="x", valid_until="soon")
    settings.source = "Ben"
    OPS.performer_remove(performer="Ben")
    assert [item.name for item in settings.performers] == ["Anna Ärmel"] and settings.source == ""
    assert not casting.tracks_by_footage(settings, "ben")
    OPS.faces_assign(strip="Shot train_A", performer="Anna Ärmel", clear=True)
    assert len(casting.tracks_by_footage(settings, "anna-ärmel")) == 1


def test_a_consent_that_ended_has_expired(edit):
    OPS.performer_add(name="Eva")
    OPS.performer_consent(performer="Eva", note="yes", valid_until="2020-01-01")
    assert casting.consent_state(edit.understudy.performers[0]) == "expired"
    edit.understudy.performers[0].valid_until = "some day"
    assert casting.consent_state(edit.understudy.performers[0]) == "missing"


def test_assignments_of_tracks_that_are_gone_go_too(edit):
    settings = edit.understudy
    for key, track in (("k", 1), ("k", 2), ("other", 2)):
        casting.assign(settings, key, track, "anna")
    there = FoundFootage("k", footage_location("/x.mp4"), (), (FoundTrack(1, 0, 9, 10, None),))
    casting.drop_lost_tracks(settings, there)
    assert casting.tracks_by_footage(settings, "anna") == {"k": (1,), "other": (2,)}


@pytest.mark.parametrize("cls", [ExtractSettings, PeopleSettings, TrainSettings, SwapSettings])
def test_settings_come_back_from_blender_as_the_contract_means_them(edit, cls):
    group = getattr(edit.understudy, cls.__name__.removesuffix("Settings").lower())
    assert job_requests.settings_of(group, cls) == cls()
    for item in group.bl_rna.properties:
        if item.identifier not in ("rna_type", "name"):
            assert item.description and not item.description.endswith(".")


def test_settings_out_of_range_are_kept_in_range_by_blender(edit):
    edit.understudy.swap.opacity = 7
    assert edit.understudy.swap.opacity == 1.0
    edit.understudy.extract.face_size = "512"
    assert job_requests.settings_of(edit.understudy.extract, ExtractSettings).face_size == 512


def test_the_engine_is_installed_by_the_chosen_python_and_only_online(edit, monkeypatch, tmp_path):
    assert not bpy.app.online_access and not OPS.environment_install.poll()
    assert "Online Access" in readiness.install_reason(bpy.context)
    monkeypatch.setattr(preferences, "data_folder", lambda: tmp_path)
    command = job_requests.environment_request("install").command
    assert command[0] == sys.executable and command[-4:-2] == ("--folder", str(tmp_path / "engine"))
    assert command[-2:] == ("--python", sys.executable)
    assert readiness.remove_reason(bpy.context) == "The engine's Python is your own; remove it yourself"


def test_a_broken_engine_is_removed_by_its_operator(edit, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.delenv(environment.PYTHON_VARIABLE, raising=False)
    monkeypatch.setattr(preferences, "data_folder", lambda: tmp_path / "data ä")
    engine = EngineEnvironment(preferences.engine_folder())
    engine.write_stamp("0" * 64, complete=False)
    environment.forget()
    assert readiness.edit_reason(bpy.context) == "The installation was interrupted; see Engine above"
    assert readiness.remove_reason(bpy.context) == ""
    OPS.environment_remove()
    assert not engine.folder.exists()
    assert readiness.remove_reason(bpy.context) == "The engine is not installed yet"


def test_a_python_that_is_no_engine_says_which_library_is_missing(edit, monkeypatch):
    # Blender's own Python has none of the engine's libraries.
    monkeypatch.setattr(process, "LAUNCH_FILE", ROOT / "training_cli" / "launch.py")
    message = message_of(OPS.extract, strip="Shot target_A")
    assert "is missing in this Python" in message and sys.executable in message
    assert bpy.context.window_manager.understudy.jobs[-1].helper == "understudy.environment_install"


def test_the_preview_becomes_an_image_that_follows_its_file(edit):
    prepare()
    window = bpy.context.window_manager.windows[0]
    window.screen.areas[0].type = "IMAGE_EDITOR"
    OPS.preview_show(model="Anna und Ben")
    image = window.screen.areas[0].spaces.active.image
    assert tuple(image.size) == (32, 32)
    OPS.preview_show(model="Anna und Ben")
    assert len([item for item in bpy.data.images if item.filepath]) == 1
    assert "no preview yet" in message_of(OPS.preview_show, model="Other")


def test_a_running_training_saves_when_asked_and_goes_on(edit, monkeypatch):
    assert "No training is running" in message_of(OPS.train_save)
    prepare()
    monkeypatch.setenv("FAKE_ENGINE_SAVES", "1")
    job = jobs.start(job_requests.train_request(bpy.context, "Anna und Ben", [], 0.5, ()))
    row = bpy.context.window_manager.understudy.jobs[-1]
    assert not row.can_save and not OPS.train_save.poll()

    def drive(text):
        deadline = time.monotonic() + 30
        while row.note != text:
            assert time.monotonic() < deadline, row.note
            jobs.tick()
            time.sleep(0.01)

    # Before its process is there, an order waits for it.
    jobs.tick()
    assert row.can_save and OPS.train_save() == {"FINISHED"} and row.note == "Saving after this step"
    drive("Saved after step 2, as asked.")
    assert job.state is JobState.RUNNING and OPS.train_save.poll()
    assert "no running training" in message_of(OPS.train_save, uid=jobs.queue.jobs[0].uid)
    OPS.job_stop()
    assert not row.can_save and not OPS.train_save.poll()
    jobs.wait([job])
    assert job.state is JobState.STOPPED


def test_only_trainings_save_in_between(edit):
    OPS.extract(strip="Shot train_A")
    job = jobs.queue.add(jobs.queue.jobs[0].request)
    job.state = JobState.RUNNING
    jobs.publish()
    assert not bpy.context.window_manager.understudy.jobs[-1].can_save
    assert readiness.save_reason() == f"Only a training can save and go on; what runs is “{job.request.title}”"
    assert "Only a training" in message_of(OPS.train_save)
    jobs.queue.jobs.remove(job)


def test_every_operator_says_what_it_is():
    from understudy.blender_addon.ids import Operator

    for name in Operator:
        group, _, identifier = name.partition(".")
        kind = getattr(getattr(bpy.ops, group), identifier).get_rna_type()
        assert kind.name and kind.description and not kind.description.endswith("."), name
        for item in kind.properties:
            assert item.identifier == "rna_type" or item.description, (name, item.identifier)
