# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitness in words and on disk: ranges with their reason, any choice of frames, damaged files, and readable colors."""

import json

import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.fitness import TrackFitness, Weakness, read_fitness, write_fitness
from understudy.engine.contract.heat import bar_height, columns, heat_color
from understudy.engine.contract.steadiness import steadiness_sentence


def track(values, weakness=Weakness.HIDDEN, first=10, number=1):
    return TrackFitness(number, first, tuple(values), tuple(None if value > 0.8 else weakness for value in values))


def test_weak_frames_are_named_as_ranges_the_worst_first():
    found = track([1, 0.4, 0.4, 1, 0.4, 1, 1, 1, 1, 0.1, 0.1, 0.1]).judge()
    assert [item.sentence for item in found.ranges] == [
        "frames 19-21: face mostly hidden",
        "frames 11-14: face partly hidden",
    ]
    assert (found.frames, found.weak, found.worst) == (12, 6, 19)
    assert found.sentence == "Fit for a swap in 6 of 12 frames."
    assert found.worst_sentence == "Frame 19: face mostly hidden, fitness 10%."


def test_another_reason_is_another_range():
    values = (0.3, 0.3, 0.0, 0.0, 0.0)
    reasons = (Weakness.SMALL, Weakness.SMALL, *[Weakness.BRIDGED] * 3)
    sentences = [item.sentence for item in TrackFitness(1, 0, values, reasons).judge().ranges]
    assert sentences == ["frames 2-4: face not found, its place is guessed", "frames 0-1: face small"]


def test_every_weakness_has_words_for_some_and_for_much():
    for weakness in Weakness:
        some, much = (track([value], weakness).judge().ranges[0].sentence for value in (0.4, 0.1))
        assert some.startswith("frame 10: face ")
        assert much.startswith("frame 10: face ")


def test_a_shot_is_judged_in_its_own_frames():
    found = track([1, 1, 0.3, 0.3, 1]).judge([(100, 12), (101, 12), (102, 14), (103, 99)])
    assert (found.frames, found.weak, found.worst) == (3, 2, 100)
    assert found.ranges[0].sentence == "frames 100-101: face partly hidden"


def test_a_face_that_is_not_there_has_no_worst_frame():
    found = track([0.1]).judge([(1, 500)])
    assert (found.frames, found.worst, found.ranges, found.worst_sentence) == (0, None, (), "")
    assert found.sentence == "This face isn't in these frames."
    assert track([0.95]).judge().worst_sentence == "Frame 10 is the least fit one, and still fit."


def test_it_comes_back_from_disk(tmp_path):
    path = tmp_path / "Ordner 名前" / "fitness.json"
    tracks = [track([1, 0.25, 0]), track([0.5], Weakness.TURNED, first=3, number=7)]
    write_fitness(path, "k", tracks)
    assert read_fitness(path) == {1: tracks[0], 7: tracks[1]}
    content = json.loads(path.read_text(encoding="utf-8"))
    assert (content["schema"], content["version"]) == ("understudy.fitness", 1)
    assert content["letters"]["h"] == "hidden"


@pytest.mark.parametrize(
    "change",
    [
        {"tracks": [{"id": 1, "first": 0, "fitness": "1 2", "weaknesses": "."}]},
        {"tracks": [{"id": 1, "first": 0, "fitness": "x", "weaknesses": "."}]},
        {"tracks": [{"id": 1, "first": 0, "fitness": "1", "weaknesses": "?"}]},
        {"tracks": [{"id": 1}]},
        {"tracks": 3},
        {"version": 99},
        {"schema": "other"},
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path, change):
    path = tmp_path / "fitness.json"
    write_fitness(path, "k", [track([1])])
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **change}), encoding="utf-8")
    with pytest.raises(EngineError, match="fitness.json") as caught:
        read_fitness(path)
    assert caught.value.code == ErrorCode.TRACKS_MISSING


def _as_seen_without(cone, color):
    """Return a color as somebody without one kind of cones sees it (Viénot et al. 1999), linear RGB."""
    matrices = {
        "red": ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1)),
        "green": ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1)),
    }
    linear = [(value / 255) ** 2.2 for value in color]
    return [sum(a * b for a, b in zip(row, linear, strict=True)) for row in matrices[cone]]


@pytest.mark.parametrize("cone", ["red", "green"])
def test_fit_and_unfit_differ_for_the_color_blind_too(cone):
    bad, half, good = (_as_seen_without(cone, heat_color(value)) for value in (0.0, 0.5, 1.0))
    for one, other in ((bad, half), (half, good), (bad, good)):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.2
    heights = [bar_height(value) for value in (-1, 0, 0.5, 1, 2)]
    assert heights == sorted(heights)
    assert heights[0] > 0.1
    assert heights[-1] == 1


def test_columns_keep_the_worst_frame_and_repeat_few_frames():
    assert columns([0.9, 0.1, 0.8, None], 2) == [0.1, 0.8]
    assert columns([0.2, 0.7], 4) == [0.2, 0.2, 0.7, 0.7]
    assert columns([None], 2) == [None, None]
    assert min(columns([1.0] * 999 + [0.0] + [1.0] * 3000, 100)) == 0.0


def test_steadiness_says_its_name():
    assert steadiness_sentence({"raw_jitter": 0.0084, "jitter": 0.006}).startswith("Steadiness: ")
    assert steadiness_sentence({}) == ""
