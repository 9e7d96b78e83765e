# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame rates are exact, and frame ranges are half-open."""

from fractions import Fraction
from pathlib import Path

import pytest
from understudy.engine.contract.errors import EngineError
from understudy.engine.contract.timing import (
    Footage,
    FrameRange,
    Shot,
    common_ranges,
    frame_rate,
    merge_ranges,
    ranges_of,
    ranges_without,
)


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        (25, Fraction(25)),
        (23.976, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (59.94005994, Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        (24.0, Fraction(24)),
        (12.5, Fraction(25, 2)),
        ("15.5", Fraction(31, 2)),
    ],
)
def test_rounded_rates_become_exact(value, exact):
    assert frame_rate(value) == exact


@pytest.mark.parametrize("value", [0, -1, "fast", "1/0", float("inf"), float("nan")])
def test_what_is_no_rate_is_refused(value):
    with pytest.raises(EngineError):
        frame_rate(value)


def test_ranges_are_half_open():
    assert list(FrameRange(3, 6)) == [3, 4, 5]
    assert len(FrameRange(3, 3)) == 0
    assert 5 in FrameRange(3, 6) and 6 not in FrameRange(3, 6)
    with pytest.raises(EngineError):
        FrameRange(4, 3)


def test_merging_joins_what_overlaps_or_touches():
    ranges = [FrameRange(8, 9), FrameRange(0, 3), FrameRange(3, 5), FrameRange(4, 6), FrameRange(7, 7)]
    assert merge_ranges(ranges) == (FrameRange(0, 6), FrameRange(8, 9))
    assert ranges_of([5, 1, 2, 2, 9]) == (FrameRange(1, 3), FrameRange(5, 6), FrameRange(9, 10))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([(0, 10)], [(3, 5), (8, 20)]),
        ([(0, 4), (6, 9), (9, 12)], [(2, 7), (11, 11)]),
        ([(5, 6)], [(0, 3), (9, 12)]),
        ([(0, 3), (2, 5)], [(1, 4), (3, 9)]),
        ([(0, 3)], []),
        ([], [(0, 3)]),
    ],
)
def test_common_and_remaining_frames_are_those_of_sets(first, second):
    here, there = ([FrameRange(*item) for item in ranges] for ranges in (first, second))
    frames, others = ({frame for item in ranges for frame in item} for ranges in (here, there))
    assert common_ranges(here, there) == ranges_of(sorted(frames & others))
    assert ranges_without(here, there) == ranges_of(sorted(frames - others))


def test_a_shot_needs_its_frames_and_handles_once_and_none_before_the_first():
    shot = Shot(Footage(Path("a.mov")), (3, 2, 2, 20), handles=5)
    assert shot.needed_ranges() == (FrameRange(0, 9), FrameRange(15, 26))


@pytest.mark.parametrize(
    "footage",
    [Footage(Path("ä b.mov")), Footage(Path("x"), ("1.png", "2.png")), Footage(Path("x"), rate=Fraction(24000, 1001))],
)
def test_footage_round_trip(footage):
    assert Footage.from_json(footage.to_json()) == footage
