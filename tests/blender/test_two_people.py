# SPDX-License-Identifier: GPL-3.0-or-later
"""Two people of one shot are swapped one after the other: a strip, a mask and a folder for each, and both show."""

import json
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from coded_footage import add_movie, in_meta, render_frame
from swap_folder import COLOR, center, write_swap
from swapped import swap_into
from test_panels import Layout
from understudy.blender_addon import jobs, masks
from understudy.blender_addon.ids import Panel
from understudy.blender_addon.insertion import insert_swap_steps, swap_strip_of, swap_strips_of
from understudy.blender_addon.sequencer import set_timing, visible_frames
from understudy.blender_addon.strips import strip_shot, strip_uid
from understudy.blender_addon.swap_folders import swap_folder, swapped_folders
from understudy.engine.contract.jobs import load_job
from understudy.engine.contract.project import Project

pytestmark = pytest.mark.usefixtures("addon_with_fake_engine")

OPS = bpy.ops.understudy
BLUE = (10, 60, 220)


def swap_both(scene, strip, folder, **details):
    """Swap bert's face and, to the right of it, cleo's; return both swap strips."""
    first = swap_into(scene, strip, folder / "bert", **details)
    return first, swap_into(scene, strip, folder / "cleo", tracks=(2,), target="cleo", color=BLUE, **details)


def test_each_target_has_a_strip_with_a_mask_of_its_own_above_the_shot(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies(), channel=2)
    bert, cleo = swap_both(scene, strip, tmp_path)
    assert (bert.name, cleo.name) == ("plate swap bert", "plate swap cleo")
    assert (bert.channel, cleo.channel) == (3, 4) and visible_frames(bert) == visible_frames(cleo)
    assert (masks.bound_mask(bert).name, masks.bound_mask(cleo).name) == ("plate mask bert", "plate mask cleo")
    assert swap_strips_of(scene, strip) == [bert, cleo]
    assert (swap_strip_of(scene, strip, "bert"), swap_strip_of(scene, strip, "cleo")) == (bert, cleo)
    assert swap_strip_of(scene, strip, "dora") is None


@pytest.mark.parametrize("apart", [40, 15], ids=["apart", "faces that overlap"])
def test_both_swaps_show_and_the_upper_one_hides_no_more_than_its_face(scene, tmp_path, coded_movies, apart):
    strip = add_movie(scene, coded_movies())
    bert, cleo = swap_both(scene, strip, tmp_path, apart=apart, feather=3.0)

    def picture(is_bert, is_cleo):
        bert.mute, cleo.mute = not is_bert, not is_cleo
        return render_frame(scene, 20, tmp_path)[:, :-1, :3].astype(int)  # not the corner under masks

    plate, only_bert, only_cleo, both = (
        picture(False, False),
        picture(True, False),
        picture(False, True),
        picture(True, True),
    )
    x, y = np.rint(center(19)).astype(int)
    assert np.abs(both[y, x - 4] - COLOR).max() <= 1 and np.abs(both[y, x + apart] - BLUE).max() <= 1
    cleo_shows = (only_cleo != plate).any(axis=-1)
    assert (both[~cleo_shows] == only_bert[~cleo_shows]).all(), "beside the upper swap everything is as without it"
    assert ((only_bert != plate).any(axis=-1) & cleo_shows).any() == (apart < 40)
    # In its soft edge the upper swap is mixed with the lower one, not with the plate.
    share = (only_cleo - plate)[cleo_shows].sum(axis=-1) / (np.array(BLUE) - plate[cleo_shows]).sum(axis=-1)
    mixed = only_bert[cleo_shows] * (1 - share[:, None]) + share[:, None] * BLUE
    assert np.abs(both[cleo_shows] - mixed).max() <= 3


def test_a_swap_that_comes_again_renews_its_own_strip_only(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    bert, cleo = swap_both(scene, strip, tmp_path)
    bert.blend_alpha, cleo.name = 0.5, "mine"
    again = swap_into(scene, strip, tmp_path / "cleo again", tracks=(2,), target="cleo")
    assert again == cleo and cleo.name == "mine" and cleo.directory.rstrip("/\\").endswith("cleo again")
    assert bert.directory.rstrip("/\\").endswith("bert") and len(scene.sequence_editor.strips_all) == 3
    assert len(bpy.data.masks) == 2


def test_a_half_made_swap_is_made_anew_and_the_other_stays(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    bert = swap_into(scene, strip, tmp_path / "bert")
    shot = strip_shot(scene, strip)
    folder = write_swap(tmp_path / "cleo", shot.used, tracks=(2,), target="cleo")
    steps = insert_swap_steps(scene, strip, shot, folder)
    next(steps)
    steps.close()
    assert [swap.mute for swap in swap_strips_of(scene, strip)] == [False, True]
    for _ in insert_swap_steps(scene, strip, shot, folder):
        pass
    assert [swap.mute for swap in swap_strips_of(scene, strip)] == [False, False]
    assert swap_strip_of(scene, strip, "bert") == bert and len(scene.sequence_editor.strips_all) == 3


def test_a_strip_that_does_not_say_whom_it_replaces_is_taken_by_who_asks_first(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    old = swap_into(scene, strip, tmp_path / "old")
    del old["understudy_target"]
    assert swap_strips_of(scene, strip) == [old]
    bert, cleo = swap_both(scene, strip, tmp_path)
    assert bert == old and swap_strips_of(scene, strip) == [old, cleo]


def test_a_split_shot_takes_its_halves_of_both_swaps(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    swaps = swap_both(scene, strip, tmp_path)
    right = strip.split(30, "SOFT")
    right_swaps = [swap.split(30, "SOFT") for swap in swaps]
    assert strip_uid(right) != strip_uid(strip)
    assert swap_strips_of(scene, right) == right_swaps and swap_strips_of(scene, strip) == list(swaps)


def test_inside_a_meta_strip(scene, tmp_path, coded_movies):
    strip = add_movie(scene, coded_movies())
    meta = in_meta(strip)
    bert, cleo = swap_both(scene, strip, tmp_path)
    assert {item.name for item in meta.strips} == {"plate", bert.name, cleo.name} and cleo.channel > bert.channel


@pytest.fixture
def edit(scene, clips, tmp_path):
    """A saved edit: a shot “Duo” with a track of Anna and one of Ben, and a model that knows both."""
    strip = scene.sequence_editor.strips.new_movie("Duo", str(clips / "target_A.mp4"), 1, 1)
    set_timing(strip, "duration", 12)
    strip.select = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    for name in ("Anna", "Ben"):
        OPS.performer_add(name=name)
    OPS.extract()
    (file,) = project().root.glob("footage/*/footage.json")
    document = json.loads(file.read_text(encoding="utf-8"))
    document["tracks"].append({**document["tracks"][0], "id": 2})
    file.write_text(json.dumps(document), encoding="utf-8")
    for track, name in enumerate(("Anna", "Ben"), 1):
        OPS.faces_assign(track=track, performer=name)
    folder = project().models / "M"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps({"performers": ["anna", "ben"], "step": 3}), encoding="utf-8")
    return bpy.context.scene


def project():
    return Project.beside(Path(bpy.data.filepath))


def duo():
    return bpy.context.scene.sequence_editor.strips_all["Duo"]


def swap(source, target):
    OPS.swap(model="M", source=source, target=target)
    return load_job(sorted((project().root / "jobs").glob("*-swap*"))[-1] / "job.json")


def state():
    """Of each swap in the edit whether it shows."""
    return {strip.name: not strip.mute for strip in swap_strips_of(bpy.context.scene, duo())}


def select(*names):
    for strip in bpy.context.scene.sequence_editor.strips_all:
        strip.select = strip.name in names


def test_an_editor_swaps_one_pair_after_the_other(edit):
    first, second = swap("Ben", "Anna"), swap("Anna", "Ben")
    assert state() == {"Duo swap Anna": True, "Duo swap Ben": True}
    assert first.output != second.output and {first.output.name[-5:], second.output.name[-4:]} == {"-anna", "-ben"}
    assert [face.track for job in (first, second) for face in job.assignments] == [1, 2]
    assert [job.request.title for job in jobs.queue.jobs[-2:]] == ["Swap: Duo (Anna)", "Swap: Duo (Ben)"]
    chosen = [strip.name for strip in edit.sequence_editor.strips_all if strip.select]
    assert sorted(chosen) == ["Duo swap Anna", "Duo swap Ben"], "the swaps are selected in place of their shot"
    duo().name = "Renamed"
    assert (swap("Ben", "Anna").output, swap("Anna", "Ben").output) == (first.output, second.output)
    assert len(edit.sequence_editor.strips_all) == 3


def test_the_chosen_swap_is_shown_hidden_and_removed_or_all_of_the_shot(edit):
    swap("Ben", "Anna"), swap("Anna", "Ben")
    select("Duo")
    OPS.swap_toggle()
    assert state() == {"Duo swap Anna": False, "Duo swap Ben": False}
    select("Duo swap Ben")
    OPS.swap_toggle()
    assert state() == {"Duo swap Anna": False, "Duo swap Ben": True}
    select("Duo")
    OPS.swap_toggle()
    assert state() == {"Duo swap Anna": False, "Duo swap Ben": False}, "several get the same state"
    OPS.swap_toggle(target="Anna")
    OPS.swap_toggle(strip="Duo swap Ben")
    assert state() == {"Duo swap Anna": True, "Duo swap Ben": True}
    OPS.swap_remove(strip="Duo", target="Anna")
    assert list(state()) == ["Duo swap Ben"] and len(bpy.data.masks) == 1
    with pytest.raises(RuntimeError, match="no swap with Anna replaced"):
        OPS.swap_remove(strip="Duo", target="Anna")
    OPS.swap_remove(strip="Duo")
    assert not state() and not bpy.data.masks


def test_finished_frames_of_all_swaps_come_back_or_of_one(edit):
    swap("Ben", "Anna"), swap("Anna", "Ben")
    OPS.swap_remove(strip="Duo")
    OPS.swap_insert(strip="Duo", target="Ben")
    assert list(state()) == ["Duo swap Ben"]
    select("Duo swap Ben")
    OPS.swap_insert()
    assert list(state()) == ["Duo swap Ben"], "the selected swap alone is renewed"
    select("Duo")
    OPS.swap_insert()
    assert sorted(state()) == ["Duo swap Anna", "Duo swap Ben"]
    with pytest.raises(RuntimeError, match="no swapped frames with Cleo replaced"):
        OPS.swap_insert(strip="Duo", target="Cleo")


def test_the_panel_says_who_replaces_whom(edit):
    swap("Ben", "Anna"), swap("Anna", "Ben")

    def shown():
        lines = []
        bpy.types.SEQUENCER_PT_understudy_swap.draw(SimpleNamespace(layout=Layout(lines)), bpy.context)
        return " ".join(lines)

    assert Panel.SWAP == "SEQUENCER_PT_understudy_swap"
    select("Duo")
    assert (
        "Duo: Ben in place of Anna" in shown()
        and "Duo: Anna in place of Ben" in shown()
        and "[Plate / Swap]" in shown()
    )
    select("Duo swap Ben")
    assert "Duo: Ben in place of Anna" in shown() and "[Plate / Swap (1 of 2)]" in shown()


def test_the_folder_of_an_older_project_stays_with_whom_it_was_made_for(edit):
    uid = strip_uid(duo())
    old = project().root / "swaps" / f"Duo-{uid[:8]}"
    first = swap("Ben", "Anna")
    first.output.rename(old)
    assert swap_folder(project(), duo(), uid, "anna") == old
    assert swap("Ben", "Anna").output == old
    other = swap("Anna", "Ben").output
    assert other != old and swapped_folders(project(), uid) == {old: "anna", other: "ben"}
    # A folder that doesn't say whose pictures it holds is nobody's: two swaps that wait in line would share it.
    (old / "swap.json").unlink()
    assert swap_folder(project(), duo(), uid, "anna") != old


def test_long_names_that_begin_alike_have_folders_of_their_own(edit):
    names = [f"a-very-long-name-of-performer-{letter}" for letter in "ab"]
    folders = {swap_folder(project(), duo(), strip_uid(duo()), name) for name in names}
    assert len(folders) == 2
    for folder in folders:
        folder.mkdir(parents=True)
    assert {swap_folder(project(), duo(), strip_uid(duo()), name) for name in names} == folders
