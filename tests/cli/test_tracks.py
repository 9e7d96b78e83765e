# SPDX-License-Identifier: GPL-3.0-or-later
"""`tracks` in a terminal: face tracks are shown and corrected in words and in JSON."""

import json
import shutil
from pathlib import Path

import pytest
from launching import messages, run
from understudy.engine.contract.correction_list import load_corrections
from understudy.engine.contract.corrections import (
    AddFace,
    DeleteFrames,
    DeleteTrack,
    KeepFound,
    MergeTracks,
    MoveFace,
    Realign,
    SetBox,
    SetLandmarks,
    SplitTrack,
)

CLIP = Path(__file__).resolve().parents[2] / "demo" / "clips" / "target_A.mp4"


@pytest.fixture(scope="module")
def extracted(tmp_path_factory) -> Path:
    project = tmp_path_factory.mktemp("cli") / "Schöner Film.understudy"
    ended = run("extract", CLIP, "--project", project, "--ranges", "0-11", timeout=300)
    assert ended.returncode == 0, ended.stderr
    return project


@pytest.fixture
def tracks(extracted, tmp_path):
    """Return a function that runs `tracks ACTION` on the extracted clip and gives the finished process."""
    project = Path(shutil.copytree(extracted, tmp_path / "名前"))

    def call(action, *arguments, footage=CLIP, is_json=False):
        return run("tracks", action, project, footage, *arguments, *(["--json"] if is_json else []), timeout=300)

    call.folder = next((project / "footage").iterdir())
    return call


def test_looking_in_words_and_json(tracks):
    ended = tracks("list")
    assert ended.returncode == 0
    assert ended.stdout.startswith("face track 1: frames 0 to 11, ")
    assert ended.stdout.endswith("Face tracks: 1, corrections: 0.\n")
    result = messages(tracks("list", footage=tracks.folder.name, is_json=True).stdout)[-1].result
    assert result["tracks"][0]["last"] == 11
    assert tracks("show", 1, "--frames", "3-5").stdout.count("\nframe ") == 2
    faces = messages(tracks("show", 1, "--frames", 4, is_json=True).stdout)[-1].result["faces"]
    assert [item["frame"] for item in faces] == [4] and len(faces[0]["landmarks"]) == 68
    assert tracks("corrections").stdout == "Nothing was corrected.\n"


def test_every_action_is_the_correction_it_says(tracks, tmp_path):
    shown = messages(tracks("show", 1, "--frames", 2, is_json=True).stdout)[-1].result["faces"][0]
    points = [[x + 1, y] for x, y in shown["landmarks"]]
    (tmp_path / "points.json").write_text(json.dumps(points), encoding="utf-8")
    box = [value + 2 for value in shown["box"]]
    steps = [
        ("move", 1, 1, "--dx", 3, "--dy", -1, "--scale", 1.05, "--turn", 2, "--reach", 3),
        ("landmarks", 1, 2, tmp_path / "points.json", "--hold"),
        ("box", 1, 3, "--box", *box, "--reach", 0),
        ("keep", 1, 4),
        ("realign", 1, 5),
        ("split", 1, 6),
        ("delete", 1, "--frames", "5-"),
        ("delete", 1001),
        ("add", 8, "--box", *shown["box"]),
        ("undo",),
        ("undo", "--count", 2),
        ("merge", 1, 1001),
    ]
    for step in steps:
        ended = tracks(*step)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.startswith("target_A.mp4: ")
    found = load_corrections(tracks.folder)
    kinds = [MoveFace, SetLandmarks, SetBox, KeepFound, Realign, SplitTrack, MergeTracks]
    assert [type(item) for item in found] == kinds
    move, landmarks, set_box = found[:3]
    assert (move.dx, move.dy, move.scale, move.turn_deg, move.reach) == (3, -1, 1.05, 2, 3)
    assert (landmarks.reach, set_box.reach, set_box.box) == (None, 0, tuple(box))
    assert [list(item) for item in landmarks.landmarks] == points
    listed = tracks("corrections").stdout.splitlines()
    assert listed[0] == "1. move face track 1 in frame 1" and listed[-1] == "7. merge face tracks 1 and 1001"
    assert tracks("clear").returncode == 0
    assert load_corrections(tracks.folder) == ()


def test_a_deletion_and_an_addition_by_hand(tracks):
    result = messages(tracks("delete", 1, "--frames", "0-3", is_json=True).stdout)[-1].result
    assert (result["changed"], result["faces_removed"]) == ([1], 4)
    tracks("delete", 1)
    box = ("190", "190", "390", "390")
    result = messages(tracks("add", 8, "--box", *box, is_json=True).stdout)[-1].result
    assert result["added"] == [1001]
    kinds = [type(item) for item in load_corrections(tracks.folder)]
    assert kinds == [DeleteFrames, DeleteTrack, AddFace]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("move", 9, 1), 1, "target_A.mp4 has no face track 9."),
        (("move", 1, 50), 1, "Face track 1 is not in frame 50; it runs from frame 0 to 11."),
        (("move", 1, 1, "--dx", "nan"), 1, "no usable number"),
        (("move", 1, 1, "--scale", 0), 1, "can't be scaled by 0"),
        (("move", 1, 1, "--hold", "--reach", 3), 2, "not allowed with"),
        (("box", 1, 1, "--box", 9, 9, 9, 20), 1, "is empty"),
        (("landmarks", 1, 1, "nowhere.json"), 1, "nowhere.json can't be read"),
        (("merge", 1, 1), 1, "merged with itself"),
        (("undo",), 1, "has 0 corrections"),
        (("undo", "--count", -1), 1, "can't be taken back"),
        (("show", 1, "--frames", "90-"), 1, "runs from frame 0 to 11"),
        (("fly", 1), 2, "invalid choice"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(tracks, arguments, code, says):
    ended = tracks(*arguments)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert says in ended.stderr and "Traceback" not in ended.stderr


def test_a_footage_that_was_never_searched_is_refused(tracks):
    ended = tracks("list", footage=CLIP.with_name("train_A.mp4"))
    assert ended.returncode == 1 and "train_A.mp4 were not extracted into" in ended.stderr
    assert "is missing" in tracks("list", footage="nothing.mp4").stderr
