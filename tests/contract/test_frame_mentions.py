# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in sentences: their words, their ranges, and other words in their place."""

import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.frame_mentions import FrameMention, frame_list, frames_in_list, mention, reworded
from understudy.engine.contract.timing import FrameRange


def shout(ranges):
    return f"frames {' '.join(str(item.start + 100) for item in ranges)}!"


def test_frames_become_words_and_ranges():
    assert mention([7]) == FrameMention("frame 7", ((7, 8),))
    assert mention([3, 4, 5, 9], "plate ä.mov") == FrameMention("frames 3–5, 9 of plate ä.mov", ((3, 6), (9, 10)))
    many = mention(range(0, 20, 2))
    assert many.words == "frames 0, 2, 4, 6 and 6 more ranges" and len(many.ranges) == 10


def test_other_words_take_their_place_wherever_they_stand_and_nowhere_else():
    text = "Frame 1 was left empty: frame 12 is whole, but at frame 1: frame 1-3 and frame 1, too."
    assert reworded(text, [mention([1])], shout) == (
        "Frames 101! was left empty: frame 12 is whole, but at frames 101!: frame 1-3 and frames 101!, too."
    )
    where, some = mention([3, 4, 5, 9], "a.mov"), mention([3, 4, 5])
    text = f"In {where.words} it is hidden; in {some.words} nothing was found."
    expected = "In frames 103 109! it is hidden; in frames 103! nothing was found."
    assert reworded(text, [some, where], shout) == expected
    assert reworded(text, [], shout) == text


def test_words_that_look_like_a_pattern_are_taken_as_they_are():
    where = mention([2], "take (1)+\\d.mov")
    assert reworded(f"In {where.words}.", [where], lambda ranges: r"frame \1") == r"In frame \1."


def test_lists_of_frames_go_there_and_back():
    ranges = (FrameRange(3, 6), FrameRange(9, 10))
    assert frame_list(ranges) == "3-5,9" and frames_in_list("3-5,9") == ranges
    assert frames_in_list(" 9 3–4, 5") == ranges and frames_in_list("") == ()
    for wrong in ("5-3", "a", "-4", "1.5"):
        with pytest.raises(EngineError) as caught:
            frames_in_list(wrong)
        assert caught.value.code == ErrorCode.SETTINGS_INVALID and wrong in caught.value.message
