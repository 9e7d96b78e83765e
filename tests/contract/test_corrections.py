# SPDX-License-Identifier: GPL-3.0-or-later
"""Corrections pass through their file unchanged, and what makes no sense is refused with a sentence."""

import json
import math
from pathlib import Path
from typing import get_args

import pytest
from understudy.engine.contract.correction_list import (
    VERSION,
    append_corrections,
    clear_corrections,
    load_corrections,
    save_corrections,
    undo_last,
)
from understudy.engine.contract.corrections import (
    AddFace,
    Anchor,
    AnyCorrection,
    DeleteFrames,
    DeleteTrack,
    KeepFound,
    MergeTracks,
    MoveFace,
    Realign,
    SetBox,
    SetLandmarks,
    SplitTrack,
    correction_from_json,
)
from understudy.engine.contract.errors import EngineError, ErrorCode

ANCHOR = Anchor(4, (1.25, 2.5, 30.75, 40.0))
POINTS = tuple((number + 0.1, number / 3) for number in range(68))
CORRECTIONS = [
    MoveFace(1, 4, 2.5, -1.0, 1.1, -12.0, reach=None, anchor=ANCHOR),
    SetLandmarks(2, 5, POINTS, reach=0),
    SetBox(2, 6, (1.5, 2.5, 100.25, 120.0)),
    KeepFound(2, 7),
    Realign(1, 8, anchor=ANCHOR),
    AddFace(9, (3.0, 4.0, 50.0, 60.0), POINTS, new_track=1001),
    AddFace(9, (3.0, 4.0, 50.0, 60.0)),
    SplitTrack(3, 20, 1002),
    MergeTracks(1, 3, anchor=ANCHOR, second_anchor=Anchor(9, (0.5, 0.5, 2.0, 2.0))),
    DeleteTrack(4),
    DeleteFrames(5, 10, 12),
]


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "Schöner Film 名前" / "footage"


def test_every_kind_passes_through_its_file_unchanged(folder):
    assert {type(item) for item in CORRECTIONS} == set(get_args(AnyCorrection))
    save_corrections(folder, CORRECTIONS)
    assert list(load_corrections(folder)) == CORRECTIONS


def test_a_footage_without_a_file_has_no_corrections(folder):
    assert load_corrections(folder) == ()
    assert undo_last(folder) is None
    clear_corrections(folder)


def test_corrections_are_added_behind_and_taken_back_from_behind(folder):
    append_corrections(folder, CORRECTIONS[:2])
    whole = append_corrections(folder, CORRECTIONS[2:3])
    assert [item.kind for item in whole] == ["move_face", "set_landmarks", "set_box"]
    assert len({item.key for item in whole} - {""}) == 3
    assert load_corrections(folder) == whole
    assert undo_last(folder) == whole[-1]
    assert load_corrections(folder) == whole[:-1]
    clear_corrections(folder)
    assert load_corrections(folder) == () and not list(folder.iterdir())


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: MoveFace(0, 4), "track"),
        (lambda: MoveFace(1, -1), "frame"),
        (lambda: MoveFace(1, 1.5), "frame"),
        (lambda: MoveFace(True, 1), "track"),
        (lambda: MoveFace(1, 4, dx=math.nan), "dx"),
        (lambda: MoveFace(1, 4, dy=math.inf), "dy"),
        (lambda: MoveFace(1, 4, dy="3"), "dy"),
        (lambda: MoveFace(1, 4, scale=0.0), "scaled by 0"),
        (lambda: MoveFace(1, 4, turn_deg=181), "turned by 181"),
        (lambda: MoveFace(1, 4, reach=-1), "reach"),
        (lambda: SetLandmarks(1, 4, POINTS[:-1]), "68 landmarks"),
        (lambda: SetLandmarks(1, 4, (*POINTS[:-1], (math.nan, 1.0))), "landmarks"),
        (lambda: SetBox(1, 4, (10, 10, 10, 20)), "empty"),
        (lambda: SetBox(1, 4, (10, 10, 20)), "four numbers"),
        (lambda: AddFace(1, (0, 0, 1e9, 1)), "no usable number"),
        (lambda: MergeTracks(2, 2), "merged with itself"),
        (lambda: DeleteFrames(1, 5, 5), "no frames from 5"),
        (lambda: Anchor(1, (5, 5, 4, 9)), "empty"),
    ],
)
def test_what_makes_no_sense_is_refused(build, says):
    with pytest.raises(EngineError) as caught:
        build()
    assert caught.value.code == ErrorCode.CORRECTION_INVALID
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"kind": "paint"}, "Not a correction"),
        ({"kind": "move_face", "track": 1}, "lacks values: ['frame']"),
        ({"kind": "delete_track", "track": 1, "color": 2}, "unknown values: ['color']"),
        ({"kind": "delete_track", "track": 1, "anchor": {"frame": 1}}, "Not a correction"),
        (["move_face"], "Not a correction"),
        (None, "Not a correction"),
    ],
)
def test_other_json_is_refused(content, says):
    with pytest.raises(EngineError, match=None) as caught:
        correction_from_json(content)
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": VERSION + 1}, "newer version"),
        ({"schema": "understudy.swap"}, "not a document of the kind"),
        ({"corrections": {}}, "missing"),
        ({"corrections": [{"kind": "delete_track", "track": "1"}]}, "can't be '1'"),
    ],
)
def test_a_damaged_file_is_refused_by_name(folder, change, says):
    save_corrections(folder, CORRECTIONS)
    path = folder / "corrections.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(EngineError) as caught:
        load_corrections(folder)
    assert "corrections.json" in caught.value.message and says in caught.value.message
