# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames through the network: batches, order, steady colors, and frames that fail alone."""

from dataclasses import replace

import numpy as np
import pytest
from comp_faces import FakeSwapper, landmarks_at, painted_picture
from understudy.engine.comp.crop import Watch
from understudy.engine.comp.stream import FrameStream, PlannedFace, ReadFrame
from understudy.engine.contract.settings import SwapSettings

WIDTH, HEIGHT, COUNT = 160, 120, 20


def planned(frame: int, track: int = 1, source: str = "B") -> PlannedFace:
    return PlannedFace(track, source, landmarks_at((70 + frame, 60), 40))


DEFAULT = SwapSettings()
PLAN = {frame: (planned(frame),) for frame in range(COUNT)}


def read_frames(numbers=range(COUNT)):
    for number in numbers:
        yield ReadFrame(number, painted_picture(WIDTH, HEIGHT))


def painted(swapper, settings=DEFAULT, plan=PLAN, frames=None, wanted=None, is_stopped=lambda: False):
    stream = FrameStream(swapper, plan, settings, is_stopped)
    return list(stream.paint(frames or read_frames(), set(range(COUNT)) if wanted is None else wanted))


def test_every_frame_comes_once_in_order_whatever_the_batch():
    results = {}
    for batch_size in (1, 3, 8, 64):
        swapper = FakeSwapper(lambda faces: np.clip(faces * 0.8, 0, 1))
        frames = painted(swapper, SwapSettings(batch_size=batch_size))
        assert [frame.media_frame for frame in frames] == list(range(COUNT))
        assert max(count for count, _ in swapper.calls) <= batch_size
        results[batch_size] = np.stack([frame.picture for frame in frames])
    assert all(np.array_equal(results[1], pictures) for pictures in results.values())


def test_a_part_comes_out_as_in_the_whole_when_its_neighbors_are_read():
    def change(faces):
        # The network's colors depend on the picture, so the solutions differ from frame to frame.
        return np.clip(faces * faces.mean(axis=(1, 2, 3), keepdims=True) * 1.7, 0, 1)

    whole = painted(FakeSwapper(change), SwapSettings(color_steadiness=0.5))
    part = painted(
        FakeSwapper(change), SwapSettings(color_steadiness=0.5), frames=read_frames(range(8, 15)), wanted={10, 11, 12}
    )
    assert [frame.media_frame for frame in part] == [10, 11, 12]
    for frame in part:
        assert np.array_equal(frame.picture, whole[frame.media_frame].picture)


def test_a_frame_that_the_network_refuses_fails_alone():
    def change(faces):
        if (np.abs(faces - bad_face) < 1e-6).all(axis=(1, 2, 3)).any():
            raise ValueError("refused")
        return faces

    seen = []
    painted(FakeSwapper(lambda faces: seen.extend(faces) or faces), SwapSettings(batch_size=1))
    bad_face = seen[5]
    frames = painted(FakeSwapper(change))
    assert [frame.media_frame for frame in frames if frame.picture is None] == [5]
    assert frames[5].reason == "refused"
    assert all(frame.picture[..., 3].any() for frame in frames if frame.media_frame != 5)


def test_values_that_are_no_numbers_never_reach_a_picture():
    frames = painted(FakeSwapper(lambda faces: faces * np.nan))
    assert all(frame.picture is None and "no numbers" in frame.reason for frame in frames)


def test_unreadable_frames_and_broken_landmarks_fail_alone():
    plan = dict(PLAN)
    plan[3] = (PlannedFace(1, "B", np.zeros((68, 2), np.float32)),)
    frames = [frame if frame.media_frame != 7 else ReadFrame(7, None, "it is damaged") for frame in read_frames()]
    results = painted(FakeSwapper(), plan=plan, frames=frames)
    failed = {frame.media_frame: frame.reason for frame in results if frame.picture is None}
    assert set(failed) == {3, 7} and failed[7] == "it is damaged" and failed[3]


def test_each_face_gets_its_own_source():
    plan = {frame: (planned(frame), planned(frame + 60, 2, "A")) for frame in range(4)}
    swapper = FakeSwapper()
    painted(swapper, SwapSettings(batch_size=4), plan=plan, frames=read_frames(range(4)), wanted=set(range(4)))
    assert sorted({source for _, source in swapper.calls}) == ["A", "B"]
    assert sum(count for count, source in swapper.calls if source == "A") == 4


def test_a_stop_ends_at_once_and_leaves_no_picture_that_a_whole_run_would_paint_otherwise():
    read = []

    def frames():
        for frame in read_frames():
            read.append(frame.media_frame)
            yield frame

    def change(faces):
        return np.clip(faces * faces.mean(axis=(1, 2, 3), keepdims=True) * 1.7, 0, 1)

    settings = SwapSettings(batch_size=1, color_steadiness=0.5)
    whole = painted(FakeSwapper(change), settings)
    stopped = painted(FakeSwapper(change), settings, frames=frames(), is_stopped=lambda: len(read) > 10)
    assert 5 < len(stopped) < 11 and len(read) == 11
    for frame in stopped:
        assert np.array_equal(frame.picture, whole[frame.media_frame].picture)


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_deep_frames_give_deep_pictures(bit_depth):
    deep = [ReadFrame(0, painted_picture(WIDTH, HEIGHT).astype(np.uint16) * 257)]
    (frame,) = painted(FakeSwapper(), SwapSettings(bit_depth=bit_depth, color_transfer="none"), frames=deep, wanted={0})
    assert frame.picture.dtype == (np.uint8 if bit_depth == 8 else np.uint16)
    assert frame.picture[60, 70, 3] == np.iinfo(frame.picture.dtype).max
    expected = painted_picture(WIDTH, HEIGHT)[60, 70] / 255
    assert np.allclose(frame.picture[60, 70, :3] / np.iinfo(frame.picture.dtype).max, expected, atol=0.02)


class Asked(FakeSwapper):
    """Notes whose face it is told that each is."""

    def inputs(self, plates, landmarks, source, targets):
        self.targets = getattr(self, "targets", []) + list(targets)
        return super().inputs(plates, landmarks, source, targets)


def test_the_network_is_told_whose_face_it_gets_also_of_a_cast_and_where_nothing_is_watched():
    swapper = Asked(performers=("A", "B", "C"))
    whose = (("A", Watch.NOTHING), ("C", Watch.HANDS), ("B", Watch.NOTHING), ("somebody", Watch.NOTHING))
    plan = {n: (replace(planned(n), target=target, watch=watch),) for n, (target, watch) in enumerate(whose)}
    painted(swapper, SwapSettings(batch_size=8), plan, read_frames(plan))
    assert swapper.targets == ["A", "C", "", ""]
