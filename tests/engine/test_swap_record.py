# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a swap folder: what is reused, what is written again, and what is never touched."""

import json
from dataclasses import replace

import numpy as np
import pytest
from comp_faces import landmarks_at
from understudy.engine.comp.record import SwapRecord, picture_digests, picture_path, save_outlines
from understudy.engine.comp.stream import PlannedFace
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.timing import FrameRange

FRAMES = list(range(3, 8))
RANGES = [FrameRange(3, 8)]
PLAN = {4: (PlannedFace(1, "B", landmarks_at((10, 10), 5)),)}


def open_record(folder, inputs=None, frames=None, plan=PLAN):
    frames = FRAMES if frames is None else frames
    digests = picture_digests(inputs or {"model": "m"}, frames, plan)
    ranges = [FrameRange(frames[0], frames[-1] + 1)]
    return SwapRecord(folder, {"key": "k", "family": "fake"}, ranges, digests, set(plan))


def write_all(record, folder):
    for frame in record.pending():
        picture_path(folder, frame).write_bytes(b"png")
        record.finish(frame)


def test_pictures_made_from_the_same_are_not_written_again(tmp_path):
    record = open_record(tmp_path)
    assert record.pending() == FRAMES
    write_all(record, tmp_path)
    record.save("done")
    again = open_record(tmp_path)
    assert again.pending() == [] and again.counts() == {"swapped": 1, "empty": 4, "failed": 0}
    picture_path(tmp_path, 5).unlink()
    assert open_record(tmp_path).pending() == [5]


def test_other_inputs_other_faces_and_other_sources_are_written_again(tmp_path):
    record = open_record(tmp_path)
    write_all(record, tmp_path)
    record.save("done")
    assert open_record(tmp_path, {"model": "other"}).pending() == FRAMES
    record = open_record(tmp_path)
    write_all(record, tmp_path)
    record.save("done")
    moved = {4: (PlannedFace(1, "B", landmarks_at((10.5, 10), 5)),)}
    assert open_record(tmp_path, plan=moved).pending() == [4]
    assert open_record(tmp_path, plan={4: (PlannedFace(1, "A", landmarks_at((10, 10), 5)),)}).pending() == [4]
    # In whose place they appear decides in whose shape the sketch is drawn.
    assert open_record(tmp_path, plan={4: (replace(PLAN[4][0], target="A"),)}).pending() == [4]
    assert open_record(tmp_path, plan={}).pending() == [4]


def test_a_killed_run_leaves_a_record_of_what_is_finished(tmp_path):
    record = open_record(tmp_path)
    for frame in (3, 4):
        picture_path(tmp_path, frame).write_bytes(b"png")
        record.finish(frame)
    record.save("running")
    assert json.loads((tmp_path / "swap.json").read_text())["state"] == "running"
    assert open_record(tmp_path).pending() == [5, 6, 7]


def test_failed_frames_are_counted_named_and_tried_again(tmp_path):
    record = open_record(tmp_path)
    for frame in FRAMES:
        picture_path(tmp_path, frame).write_bytes(b"png")
        record.finish(frame, "too dark" if frame == 4 else "")
    record.save("done")
    document = json.loads((tmp_path / "swap.json").read_text())
    assert document["failed"] == [{"frame": 4, "reason": "too dark"}]
    assert document["counts"] == {"swapped": 0, "empty": 4, "failed": 1}
    assert open_record(tmp_path).pending() == [4]


def test_pictures_of_earlier_ranges_go_and_foreign_files_stay(tmp_path):
    record = open_record(tmp_path)
    write_all(record, tmp_path)
    record.save("done")
    (tmp_path / "000900.png").write_bytes(b"mine")
    (tmp_path / "notes.txt").write_text("mine")
    later = open_record(tmp_path, frames=[6, 7, 8])
    assert later.pending() == [8]
    write_all(later, tmp_path)
    later.remove_stale()
    later.save("done")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "000006.png", "000007.png", "000008.png", "000900.png", "notes.txt", "swap.json",
    ]  # fmt: skip


def test_pictures_that_no_swap_wrote_are_never_overwritten(tmp_path):
    picture_path(tmp_path, 5).write_bytes(b"a plate")
    with pytest.raises(EngineError) as caught:
        open_record(tmp_path)
    assert caught.value.code == ErrorCode.JOB_INVALID and "000005.png" in caught.value.message
    assert picture_path(tmp_path, 5).read_bytes() == b"a plate"


def test_a_damaged_record_is_said_and_replaced(tmp_path):
    (tmp_path / "swap.json").write_text('{"schema": "understudy.swap", "ver')
    record = open_record(tmp_path)
    assert record.pending() == FRAMES and "damaged" in record.warnings[0]


def test_outlines_have_a_place_for_every_frame_and_track(tmp_path):
    outline = np.arange(32.0).reshape(16, 2)
    path = save_outlines(tmp_path, FRAMES, {(4, 2): (outline, 3.0), (6, 9): (outline + 1, 4.0)})
    with np.load(path) as arrays:
        assert arrays["media_frames"].tolist() == FRAMES and arrays["tracks"].tolist() == [2, 9]
        assert arrays["points"].shape == (5, 2, 16, 2) and arrays["points"].dtype == np.float32
        assert np.argwhere(arrays["present"]).tolist() == [[1, 0], [3, 1]]
        assert arrays["feather_px"][1, 0] == 3.0 and np.array_equal(arrays["points"][3, 1], outline + 1)


def test_outlines_of_a_shot_without_faces_are_empty(tmp_path):
    with np.load(save_outlines(tmp_path, FRAMES, {})) as arrays:
        assert arrays["points"].shape == (5, 0, 16, 2) and len(arrays["media_frames"]) == 5
