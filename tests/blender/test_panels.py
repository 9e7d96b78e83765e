# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels in every state: what they say, that every icon, property and button exists, and that they only read."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
import understudy
from found_faces import track_values, write_found
from understudy.blender_addon import (
    environment,
    frame_maps,
    jobs,
    preferences,
    previews,
    project_view,
    properties,
    readiness,
    shot_fitness,
)
from understudy.blender_addon.ids import Operator, Panel
from understudy.blender_addon.job_queue import Job, JobRequest, JobState
from understudy.blender_addon.sequencer import set_timing
from understudy.engine.contract.correction_list import append_corrections
from understudy.engine.contract.corrections import MoveFace
from understudy.engine.contract.fitness import TrackFitness, Weakness, write_fitness
from understudy.engine.contract.imported_model import ImportedModel, load_imported, save_imported
from understudy.engine.contract.messages import Done, Failed, Log, Metrics, Progress, Stage
from understudy.engine.contract.project import Project
from understudy.panels.layout import sentence

ICONS = {item.identifier for item in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items}


class Layout:
    """Takes what a panel draws and keeps it as text; refuses icons, properties and operators that don't exist."""

    def __init__(self, lines):
        self.lines = lines

    def __getattr__(self, name):
        assert name in {"row", "column", "box", "split"}, name
        assert name in bpy.types.UILayout.bl_rna.functions
        return lambda **options: Layout(self.lines)

    def label(self, text="", icon="NONE"):
        assert icon in ICONS, icon
        self.lines.append(text)

    def operator(self, name, text=None, icon="NONE"):
        assert icon in ICONS, icon
        Operator(name)
        group, _, identifier = str(name).partition(".")
        kind = getattr(getattr(bpy.ops, group), identifier).get_rna_type()
        grey = "" if self.__dict__.get("enabled", True) else " grey"
        self.lines.append(f"[{kind.name if text is None else text or icon}]{grey}")
        return Properties(kind)

    def prop(self, data, name, text=None, icon="NONE", placeholder="", slider=False):
        assert name in data.bl_rna.properties, name
        self.lines.append(f"{data.bl_rna.properties[name].name if text is None else text}: {getattr(data, name)}")

    def prop_search(self, data, name, source, collection, text="", icon="NONE"):
        assert icon in ICONS and name in data.bl_rna.properties and collection in source.bl_rna.properties
        self.lines.append(f"{text}: {getattr(data, name)}")

    def template_list(self, kind, identifier, data, name, active_data, active_name, rows, maxrows):
        cls = getattr(bpy.types, kind)
        for item in getattr(data, name):
            cls.draw_item(None, bpy.context, Layout(self.lines), data, item, 0, active_data, active_name)

    def template_icon(self, icon_value, scale):
        self.lines.append(f"<picture {icon_value}>")

    def progress(self, factor, type, text):
        assert 0 <= factor <= 1
        self.lines.append(f"{factor:.0%} {text}")


class Properties:
    """What `layout.operator` returns: only the operator's own properties can be set."""

    def __init__(self, kind):
        object.__setattr__(self, "kind", kind)

    def __setattr__(self, name, value):
        assert name in self.kind.properties, name


@pytest.fixture(autouse=True)
def addon(monkeypatch, tmp_path):
    monkeypatch.setenv(environment.PYTHON_VARIABLE, sys.executable)
    monkeypatch.setattr(preferences, "data_folder", lambda: tmp_path / "data")
    monkeypatch.setattr(project_view, "_SECONDS_BETWEEN_LOOKS", 0.0)
    understudy.register()
    yield
    jobs.queue.jobs.clear()
    understudy.unregister()


@pytest.fixture
def edit(scene, clips, tmp_path):
    strip = scene.sequence_editor.strips.new_movie("Interview", str(clips / "target_A.mp4"), 1, 1)
    strip.select = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    return bpy.context.scene


def drawn(panel):
    """Return everything a panel shows, or None when it hides itself."""
    cls = getattr(bpy.types, panel)
    if not cls.poll(bpy.context) if hasattr(cls, "poll") else False:
        return None
    lines = []
    panel = SimpleNamespace(layout=Layout(lines))
    if hasattr(cls, "draw_header_preset"):
        cls.draw_header_preset(panel, bpy.context)
    cls.draw(panel, bpy.context)
    return " ".join(lines)


def write_footage(edit, clips):
    folder = Project.beside(Path(bpy.data.filepath)).footage("k")
    folder.mkdir(parents=True)
    tracks = [{"id": number, "first": 0, "last": 9, "frames": 10, "thumbnail": f"t0{number}.png"} for number in (1, 2)]
    content = {
        "key": "k",
        "footage": {"path": str(clips / "target_A.mp4")},
        "ranges": [[0, 72]],
        "tracks": tracks,
        "steadiness": {"raw_jitter": 0.0084, "jitter": 0.006},
    }
    (folder / "footage.json").write_text(json.dumps(content))


def test_a_new_user_reads_what_to_do_next(scene, monkeypatch):
    monkeypatch.delenv(environment.PYTHON_VARIABLE)
    engine = drawn(Panel.ENGINE)
    assert "The engine is not installed yet." in engine and "[Install Engine]" in engine and "Online Access" in engine
    assert "[Add Performer]" in drawn(Panel.PERFORMERS)
    for panel in (Panel.SHOTS, Panel.TRAIN, Panel.SWAP):
        assert "The engine is not installed yet; see Engine above" in drawn(panel)
    assert drawn(Panel.JOBS) is None


def test_an_unsaved_edit_is_told_to_save(scene):
    assert "Your own Python is used." in drawn(Panel.ENGINE) and "[Check Engine]" in drawn(Panel.ENGINE)
    for panel in (Panel.SHOTS, Panel.TRAIN, Panel.SWAP):
        assert "Save the .blend first; the project folder is made beside it" in drawn(panel)


@pytest.mark.parametrize("panel", [Panel.SHOTS_SETTINGS, Panel.TRAIN_SETTINGS, Panel.SWAP_SETTINGS])
def test_settings_are_all_there(edit, panel):
    assert drawn(panel).count(":") >= 10


def test_a_depth_chosen_in_an_older_file_stays_and_the_default_is_the_footages(edit):
    items = properties.UNDERSTUDY_PG_swap.bl_rna.properties["bit_depth"].enum_items
    # Blender stores these numbers; before there was "Auto", they were the same.
    assert {item.identifier: item.value for item in items} == {"8": 0, "16": 1, "0": 2}
    assert items["0"].name == "Auto" and edit.understudy.swap.bit_depth == "0"


def test_faces_and_whose_they_are(edit, clips):
    assert "Interview Faces not extracted yet" in drawn(Panel.SHOTS)
    write_footage(edit, clips)
    shown = drawn(Panel.SHOTS)
    assert "Interview: 2 face tracks" in shown and "Face 1, 10 frames in all Add a performer first" in shown
    bpy.ops.understudy.performer_add(name="Anna")
    assert "[This is Anna]" in drawn(Panel.SHOTS) and "[Assign All to Anna]" in drawn(Panel.SHOTS)
    bpy.ops.understudy.faces_assign(track=2)
    assert "Face 2, 10 frames in all Anna [X]" in drawn(Panel.SHOTS)
    # One face is left, which has a button of its own.
    assert "[Assign All" not in drawn(Panel.SHOTS)
    assert "Anna 1 face track" in drawn(Panel.PERFORMERS)
    assert "Assign faces to two performers; 1 of 1 have some" in drawn(Panel.TRAIN)


def write_fitness_of(clips, hidden=()):
    """Write the fitness of face 1 in all frames of the clip; some are hidden."""
    reasons = tuple(Weakness.HIDDEN if frame in hidden else None for frame in range(72))
    values = tuple(0.1 if reason else 1.0 for reason in reasons)
    folder = Project.beside(Path(bpy.data.filepath)).footage("k")
    write_fitness(folder / "fitness.json", "k", [TrackFitness(1, 0, values, reasons)])


def test_each_face_shows_its_heat_strip_and_the_worst_range_of_the_frames_used(edit, clips):
    write_footage(edit, clips)
    assert "Fit for a swap" not in drawn(Panel.SHOTS)
    write_fitness_of(clips, hidden=range(30, 40))
    shown = drawn(Panel.SHOTS)
    # The strip begins at timeline frame 1 with media frame 0. Sentences wrap.
    assert "Fit for a swap in 62 of 72 frames. Frames 31-40: face mostly hidden." in shown
    assert "[Go to Worst Frame]" in shown and shown.count("<picture") == 2 + shot_fitness.TILES
    assert "Steadiness: landmarks tremble by 0.60 % of the eye distance" in shown
    # Only frames 1 to 20 are used: nothing is hidden there.
    set_timing(edit.sequence_editor.strips["Interview"], "right_handle", 21)
    assert "Fit for a swap in 20 of 20 frames." in drawn(Panel.SHOTS)
    assert "hidden" not in drawn(Panel.SHOTS) and "Go to Worst Frame" not in drawn(Panel.SHOTS)


def test_heat_strips_are_drawn_anew_only_when_they_change(edit, clips, monkeypatch):
    write_footage(edit, clips)
    write_fitness_of(clips, hidden=range(30, 40))
    drawings = []
    draw = shot_fitness._tile
    monkeypatch.setattr(shot_fitness, "_tile", lambda values: (drawings.append(1), draw(values))[1])
    for _ in range(3):
        drawn(Panel.SHOTS)
    assert len(drawings) == shot_fitness.TILES
    write_fitness_of(clips, hidden=range(60, 65))
    drawn(Panel.SHOTS)
    assert shot_fitness.TILES < len(drawings) < 2 * shot_fitness.TILES
    tile = previews._collection["k Interview 1 5"]
    pixels = np.array(tile.image_pixels_float[:]).reshape(*tile.image_size, 4)
    # The bottom row, which Blender has first, holds the colors: orange where the face is hidden.
    assert pixels[0, 33, 0] > 0.7 > pixels[0, 33, 2]


def test_the_terms_of_the_chosen_models_stand_beside_their_menus(edit):
    shown = drawn(Panel.SHOTS_SETTINGS)
    for text in ("MediaPipe BlazeFace: Apache-2.0.", "MediaPipe face mesh: Apache-2.0.", "dlib identity: CC0-1.0."):
        assert text in shown
    assert "Not for paid work" not in shown and "Not for paid work" not in drawn(Panel.SHOTS)
    edit.understudy.extract.landmarks = "dlib-68"
    shown = drawn(Panel.SHOTS_SETTINGS)
    assert "iBUG 300-W training set exclude commercial use" in shown
    warning = "Not for paid work: dlib 68 points (trained on iBUG 300-W). Choose MediaPipe face mesh for that."
    assert warning in drawn(Panel.SHOTS)


def write_tracks(edit, clips):
    frames = np.arange(10)
    walk = np.stack([150.0 + frames, 200.0 + 0 * frames], axis=1)
    tracks = {1: track_values(frames, walk), 2: track_values(frames, walk + 150, bridged=(3,))}
    write_found(Project.beside(Path(bpy.data.filepath)).footage("k"), clips / "target_A.mp4", tracks)


def test_tracking_data_is_not_offered_where_no_face_was_found(edit, clips):
    write_found(Project.beside(Path(bpy.data.filepath)).footage("k"), clips / "target_A.mp4", {})
    assert "Write Tracking Data" not in drawn(Panel.TRACKS)


def test_faces_at_the_playhead_and_their_buttons(edit, clips):
    edit.frame_current = 4
    assert "[Add Face: Draw Its Box] grey Extract the faces of this shot first" in drawn(Panel.TRACKS)
    write_tracks(edit, clips)
    # Which frame the strip shows is found out by a timer; then the window is drawn again.
    assert "No face in this frame" in drawn(Panel.TRACKS)
    while frame_maps.work():
        pass
    shown = drawn(Panel.TRACKS)
    assert "[Face 1] [TRASH] [Face 2, lost here] [TRASH]" in shown and "[Move Face 1]" in shown
    assert "correction" not in shown and "[Merge with…]" in shown
    # There is no movie clip to read back from yet.
    assert "[Write Tracking Data]" in shown and "[Read Back]" not in shown
    bpy.ops.understudy.performer_add(name="Anna")
    bpy.ops.understudy.faces_assign(track=2)
    assert "[Face 1] [TRASH] [Face 2, Anna, lost here] [TRASH]" in drawn(Panel.TRACKS)
    bpy.ops.understudy.track_activate(track=2)
    assert "[Move Face 2]" in drawn(Panel.TRACKS)
    edit.frame_current = 200
    assert "Move the playhead into the selected shot" in drawn(Panel.TRACKS)
    edit.sequence_editor.strips[0].select = False
    assert "Select a movie or image strip" in drawn(Panel.TRACKS)


def test_corrections_are_counted_and_have_their_own_undo(edit, clips):
    write_tracks(edit, clips)
    folder = Project.beside(Path(bpy.data.filepath)).footage("k")
    append_corrections(folder, [MoveFace(1, 4, 1.0, 0.0)])
    assert "1 correction [Undo Last] They are kept in the project folder" in drawn(Panel.TRACKS)
    append_corrections(folder, [MoveFace(1, 5, 1.0, 0.0)])
    assert "2 corrections [Undo Last]" in drawn(Panel.TRACKS)


def test_missing_consent_is_said_where_the_swap_is_started(edit):
    for name in ("Anna", "Ben"):
        bpy.ops.understudy.performer_add(name=name)
    edit.understudy.source, edit.understudy.target = "Ben", "Anna"
    bpy.ops.understudy.performer_consent(performer="Anna", note="Yes", valid_until="2001-01-01")
    assert "No consent noted" in drawn(Panel.PERFORMERS)
    shown = drawn(Panel.SWAP)
    assert "Ben has no consent note. The swap's report will say so." in shown
    assert "The consent of Anna has expired. The swap's report will say so." in shown
    for name in ("Anna", "Ben"):
        bpy.ops.understudy.performer_consent(performer=name, note="Yes", valid_until="2999-01-01")
    assert "consent" not in drawn(Panel.SWAP)
    assert "Consent noted until 2999-01-01" in drawn(Panel.PERFORMERS)


def test_a_date_that_is_none_is_said_before_the_consent_is_stored(edit):
    cls, lines = bpy.types.UNDERSTUDY_OT_performer_consent, []
    dialog = SimpleNamespace(layout=Layout(lines), performer="Anna", note="Yes", document="")
    dialog.bl_rna = bpy.ops.understudy.performer_consent.get_rna_type()
    dialog.valid_until, dialog._noted = "3 May", lambda: cls._noted(dialog)
    cls.draw(dialog, bpy.context)
    assert lines[0] == "Anna" and "Consent: Yes" in lines
    assert lines[-2:] == [
        "'3 May' is not a date.",
        "Write the last day of the consent as YYYY-MM-DD, or leave it empty.",
    ]
    lines.clear()
    dialog.valid_until = "2026-05-03"
    cls.draw(dialog, bpy.context)
    assert lines[-1] == "Valid Until: 2026-05-03"


def show(tmp_path, *messages, state=JobState.RUNNING):
    job = Job(JobRequest("train", "Train: Anna-Ben", (), tmp_path), state=state)
    for message in messages:
        job.apply(message)
    jobs.queue.jobs.append(job)
    jobs.publish()
    return drawn(Panel.JOBS)


def test_a_running_job_shows_progress_time_left_figures_and_stop(edit, tmp_path):
    shown = show(
        tmp_path,
        Stage("training", "Training on the CPU"),
        Progress("training", 250, 1000, "steps", 95.0),
        Metrics(250, {"anna": 0.04219, "ben": 0.05}),
    )
    assert "Train: Anna-Ben [Save] [Stop] 25% 250 / 1000 steps, 2 min left Training on the CPU" in shown
    assert "anna 0.04219  ben 0.05" in shown and "Clear" not in shown


@pytest.mark.parametrize(
    ("messages", "state", "texts"),
    [
        ((), JobState.WAITING, ["Train: Anna-Ben [CANCEL]"]),
        ((), JobState.STOPPING, ["Stopping, saving what is finished"]),
        ((Done(False, "All is well."),), JobState.RUNNING, ["All is well.", "[Clear Finished Jobs]"]),
        ((Done(True, "Stopped at step 7."),), JobState.RUNNING, ["Stopped at step 7."]),
        ((Failed("disk_full", "The disk is full."),), JobState.RUNNING, ["Free some space", "[Open Project Folder]"]),
        ((Failed("environment_broken", "Broken."),), JobState.RUNNING, ["[Install Engine]", "[Open Log]"]),
        ((Failed("crashed", "It crashed.", "Look."),), JobState.RUNNING, ["It crashed.", "Look.", "[Open Log]"]),
        ((Log("warning", "A face was lost."),), JobState.RUNNING, ["A face was lost."]),
    ],
)
def test_jobs_in_every_state(edit, tmp_path, messages, state, texts):
    shown = show(tmp_path, *messages, state=state)
    for text in texts:
        assert text in shown


def test_the_preview_appears_before_the_first_checkpoint(edit):
    edit.understudy.model = "Anna-Ben"
    assert "[Show Preview]" not in drawn(Panel.TRAIN)
    folder = Project.beside(Path(bpy.data.filepath)).model("Anna-Ben")
    folder.mkdir(parents=True)
    bpy.data.images.new("p", 4, 4).save(filepath=str(folder / "preview.png"))
    previews._looks.clear()
    # Without a window Blender makes no icons (number 0); that it was loaded is what can be seen.
    drawn(Panel.TRAIN)
    assert str(folder / "preview.png") in previews._collection


def test_a_picture_that_is_gone_is_not_shown_any_more(tmp_path):
    class Loaded(dict):
        def load(self, name, path, kind):
            assert Path(path).is_file() and kind == "IMAGE"
            self[name] = SimpleNamespace(icon_id=7, reload=lambda: reloaded.append(name))

    reloaded, shown, now = [], [], [0.0]
    path = tmp_path / "preview_shots.png"
    with pytest.MonkeyPatch.context() as patch:
        # Without a window Blender makes no icons, so its collection is stood in for.
        patch.setattr(previews, "_collection", Loaded())
        patch.setattr(previews, "_looks", {})
        patch.setattr(previews, "time", SimpleNamespace(monotonic=lambda: now[0]))
        for is_there in (False, True, False, True):
            path.touch() if is_there else path.unlink(missing_ok=True)
            now[0] += 2.0
            shown.append(previews.icon(path))
    assert shown == [0, 7, 0, 7]
    assert reloaded == [str(path)], "what lies there again may be another picture"


def write_model(name, **content):
    folder = Project.beside(Path(bpy.data.filepath)).model(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps(content))


def test_a_model_that_would_be_refused_is_not_offered_for_training(edit, clips):
    write_footage(edit, clips)
    for number, name in enumerate(("Anna", "Ben"), 1):
        bpy.ops.understudy.performer_add(name=name)
        bpy.ops.understudy.faces_assign(performer=name, track=number)
    edit.understudy.model = "Cast"
    assert drawn(Panel.TRAIN).endswith("[Train]")
    write_model("Cast", family="quick", step=7, performers=["anna", "ben"])
    assert drawn(Panel.TRAIN).endswith("[Go On Training] 7 steps trained (quick)")
    edit.understudy.train.family = "studio"
    refused = "“Cast” has the network quick: choose that one, or type another name"
    assert f"[Go On Training] grey {refused}" in drawn(Panel.TRAIN)
    edit.understudy.train.family = "quick"
    bpy.ops.understudy.faces_assign(track=2, clear=True)
    bpy.ops.understudy.performer_add(name="Cleo")
    bpy.ops.understudy.faces_assign(performer="Cleo", track=2)
    assert "“Cast” has learned Anna, Ben: type another name to learn these performers" in drawn(Panel.TRAIN)


def test_a_network_made_elsewhere_says_who_made_it_and_is_not_trained(edit, clips):
    write_footage(edit, clips)
    imported = ImportedModel("dfm", ("anna",), 64, 2.0, "whole_face", "f")
    for number, name in enumerate(("Anna", "Ben"), 1):
        bpy.ops.understudy.performer_add(name=name)
        bpy.ops.understudy.faces_assign(performer=name, track=number)
    # A folder that Blender's side would have called otherwise.
    edit.understudy.model = "From Elsewhere"
    folder = Project.beside(Path(bpy.data.filepath)).models / "From Elsewhere"
    save_imported(folder, imported)
    shown = drawn(Panel.TRAIN)
    assert "“From Elsewhere” was made elsewhere and can't be trained on" in shown and "steps trained" not in shown
    asked = "From Elsewhere [Note] Who made it and what its licence allows isn't on record."
    assert asked in drawn(Panel.SWAP)
    with pytest.raises(RuntimeError, match="answered by half"):
        bpy.ops.understudy.model_licence(made_by="ourselves")
    bpy.ops.understudy.model_licence(made_by="ourselves", allows="this film")
    assert load_imported(folder).licence.is_complete
    assert "From Elsewhere [Note] Made by ourselves; allows: this film." in drawn(Panel.SWAP)
    assert properties.model_names(None, bpy.context, "else") == ["From Elsewhere"]
    with pytest.raises(RuntimeError, match="no imported network"):
        bpy.ops.understudy.model_licence(model="Nobody's", made_by="x", allows="y")


def test_only_settings_that_the_network_heeds_are_shown(edit):
    assert "Growth Steps" not in drawn(Panel.TRAIN_SETTINGS) and "Workers" not in drawn(Panel.TRAIN_SETTINGS)
    assert "Finish" in drawn(Panel.TRAIN_SETTINGS)
    edit.understudy.train.family = "original"
    assert "Finish" not in drawn(Panel.TRAIN_SETTINGS)
    edit.understudy.train.family = "studio-512"
    assert "Growth Steps" in drawn(Panel.TRAIN_SETTINGS) and "Perceptual" not in drawn(Panel.TRAIN_SETTINGS)
    edit.understudy.train.finish = True
    edit.understudy.train.family = "gan"
    shown = drawn(Panel.TRAIN_SETTINGS)
    assert "Perceptual Weights" in shown and "Growth Steps" not in shown
    assert "Finish: True" in shown, "what would be refused has to be found"


def test_the_rest_of_the_faces_is_assigned_without_taking_any_away(edit, clips):
    write_footage(edit, clips)
    path = Project.beside(Path(bpy.data.filepath)).footage("k") / "footage.json"
    content = json.loads(path.read_text())
    content["tracks"] += [{"id": 3, "first": 0, "last": 0, "frames": 1}]
    path.write_text(json.dumps(content))
    for name in ("Anna", "Ben"):
        bpy.ops.understudy.performer_add(name=name)
    bpy.ops.understudy.faces_assign(performer="Anna", track=1)
    shown = drawn(Panel.SHOTS)
    assert "[Assign the Rest to Ben]" in shown and "Face 3, 1 frame in all" in shown
    bpy.ops.understudy.faces_assign(performer="Ben", unassigned_only=True)
    cast = {item.track: item.performer_id for item in edit.understudy.assignments}
    assert cast == {1: "anna", 2: "ben", 3: "ben"}


def test_drawing_asks_the_disk_at_most_once_a_second(edit, clips, monkeypatch):
    monkeypatch.setattr(project_view, "_SECONDS_BETWEEN_LOOKS", 60.0)
    write_footage(edit, clips)
    looks = []
    follow = project_view._follow
    monkeypatch.setattr(project_view, "_follow", lambda *arguments: (looks.append(1), follow(*arguments)))
    project_view._views.clear()
    for _ in range(50):
        drawn(Panel.SHOTS)
        drawn(Panel.TRAIN)
    assert len(looks) == 4  # footage, its fitness, training sets and models, once each


def test_drawing_changes_nothing(edit, clips):
    write_footage(edit, clips)
    bpy.ops.understudy.performer_add(name="Anna")
    bpy.ops.wm.save_mainfile()
    before = [dict(strip.items()) for strip in edit.sequence_editor.strips_all]
    was_dirty = bpy.data.is_dirty  # Blender 4.5 keeps it set in background
    for panel in Panel:
        drawn(panel)
    assert [dict(strip.items()) for strip in edit.sequence_editor.strips_all] == before
    assert bpy.data.is_dirty == was_dirty


def test_the_last_check_can_be_read_again(edit):
    assert drawn(Panel.ENGINE_REPORT) is None
    bpy.context.window_manager.understudy.engine_report = "Python 3.11\nModels: mesh"
    assert drawn(Panel.ENGINE_REPORT) == "Python 3.11 Models: mesh"


def test_panels_come_in_the_order_of_the_work():
    from understudy.panels import _classes

    shown = [cls.bl_idname for cls in _classes() if cls.bl_rna.base.identifier == "Panel"]
    assert shown == [str(panel) for panel in Panel]
    assert {cls.bl_category for cls in _classes() if hasattr(cls, "bl_category")} == {"Understudy"}
    assert readiness.edit_reason(bpy.context)


def test_all_of_a_few_performers_can_be_chosen_beside_a_face_else_the_active_one(edit, clips):
    write_footage(edit, clips)
    for name in ("Anna", "Ben"):
        bpy.ops.understudy.performer_add(name=name)
    assert "Face 1, 10 frames in all This is [Anna] [Ben]" in drawn(Panel.SHOTS)
    for name in ("Cem", "Dana"):
        bpy.ops.understudy.performer_add(name=name)
    edit.understudy.active_performer = 1
    assert "Face 1, 10 frames in all [This is Ben]" in drawn(Panel.SHOTS)


def test_numbers_and_their_units_stay_on_one_line():
    lines = []
    for more in range(1, 30):
        lines.clear()
        sentence(Layout(lines), f"{'x' * more} 40 % of the poses; film about 5 s of it. Free: 20 MB.")
        assert not any(line.startswith(("%", "s ", "MB")) for line in lines), lines
