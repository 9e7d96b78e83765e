# SPDX-License-Identifier: GPL-3.0-or-later
"""Corrections on tracks made of numbers: each kind, together, after a new search, and what can't be placed."""

from dataclasses import replace

import numpy as np
import pytest
from made_tracks import PretendedFinder, face, made_set, made_track, still_track
from understudy.engine.contract.correction_list import with_keys
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
from understudy.engine.contract.errors import ErrorCode
from understudy.engine.faces.corrections import apply_corrections
from understudy.engine.faces.face_paths import CorrectionResults, load_results, save_results
from understudy.engine.faces.quality import head_pose
from understudy.engine.faces.smoothing import steady_landmarks

# Float32 landmarks around 300 pixels are exact to 3e-5.
ROUNDING_PX = 1e-4
WALK = [face(150 + 2 * frame, 200) for frame in range(60)]


def corrected(found, *corrections, finder=None, results=None):
    return apply_corrections(found, with_keys(corrections), results or CorrectionResults(), finder or PretendedFinder())


def placed(found, *corrections, finder=None):
    done = corrected(found, *corrections, finder=finder)
    assert not done.problems
    return done


def refused(found, *corrections, finder=None):
    """Return the sentence about the last correction; those before it are fine."""
    done = corrected(found, *corrections, finder=finder)
    assert list(done.problems) == [done.corrections[-1].key]
    error = done.problems[done.corrections[-1].key]
    assert error.code == ErrorCode.CORRECTION_INVALID
    return error.message


def spans(done):
    return {track.id: (track.first, track.last) for track in done.tracks.tracks}


def points(landmarks):
    return tuple((float(x), float(y)) for x, y in landmarks)


def test_a_moved_face_is_exactly_there_and_the_change_fades_out():
    found = made_set(made_track(1, 0, WALK, noise=0.5))
    before, after = found.track(1), placed(found, MoveFace(1, 30, 6, -4, reach=10)).tracks.track(1)
    shift = after.landmarks - before.landmarks
    assert np.abs(shift[30] - (6, -4)).max() < ROUNDING_PX
    # The fading offset goes with the face, whose size trembles with its landmarks.
    assert np.abs(shift[35] - (3, -2)).max() < 0.05
    assert np.array_equal(after.landmarks[:21], before.landmarks[:21])
    assert np.array_equal(after.landmarks[40:], before.landmarks[40:])
    assert np.allclose(after.boxes[30, :2], after.landmarks[30].min(axis=0))
    assert np.allclose([after.yaw[30], after.pitch[30], after.roll[30]], head_pose(after.landmarks[30]), atol=1e-3)
    assert np.abs(after.raw_landmarks[30] - before.raw_landmarks[30] - (6, -4)).max() < 0.2
    assert after.scores[30] == 1 and after.scores[31] == before.scores[31]


def test_between_two_key_frames_a_face_is_exactly_in_the_middle():
    found = made_set(still_track(1, 0, 60))
    track = placed(found, MoveFace(1, 10, 8), MoveFace(1, 20, 0, 6)).tracks.track(1)
    # The second move starts from what the first one shows there: two of twelve frames left of its fading.
    there = 8 * (1 - 10 / 12)
    assert np.abs(track.landmarks[20] - face(200 + there, 206)).max() < ROUNDING_PX
    assert np.abs(track.landmarks[15] - face(200 + (8 + there) / 2, 203)).max() < ROUNDING_PX


def test_scale_runs_geometrically_and_turns_evenly():
    track = placed(
        made_set(still_track(1, 0, 60)),
        SetLandmarks(1, 10, points(face(200, 200, 80))),
        SetLandmarks(1, 20, points(face(200, 200, 80 * 1.44, 40))),
    ).tracks.track(1)
    assert np.abs(track.landmarks[15] - face(200, 200, 80 * 1.2, 20)).max() < ROUNDING_PX
    assert track.roll[15] == pytest.approx(20, abs=0.5)
    assert track.size[15] == pytest.approx(96, abs=0.1)


def test_set_landmarks_are_the_landmarks_to_the_bit():
    wanted = face(220, 190) + np.random.default_rng(2).normal(size=(68, 2)).astype(np.float32)
    found = made_set(made_track(1, 0, WALK, noise=0.5))
    assert np.array_equal(placed(found, SetLandmarks(1, 30, points(wanted))).tracks.track(1).landmarks[30], wanted)


def test_a_set_box_is_the_box():
    box = (180.0, 150.0, 290.0, 280.0)
    track = placed(made_set(still_track(1, 0, 60)), SetBox(1, 30, box, reach=0)).tracks.track(1)
    assert np.abs(track.boxes[30] - box).max() < ROUNDING_PX
    assert np.array_equal(track.landmarks[29], track.landmarks[31])


def test_a_kept_frame_ends_a_correction():
    found = made_set(still_track(1, 0, 60))
    track = placed(found, MoveFace(1, 10, 8, reach=None), KeepFound(1, 14, reach=None)).tracks.track(1)
    x = track.landmarks[:, 30, 0] - found.track(1).landmarks[:, 30, 0]
    assert x[[0, 10, 12, 14, 50]] == pytest.approx([8, 8, 4, 0, 0], abs=ROUNDING_PX)


def test_a_bridged_frame_that_is_set_counts_as_seen():
    bridged = np.zeros(60, np.bool_)
    bridged[20:30] = True
    found = made_set(replace(still_track(1, 0, 60), bridged=bridged, occlusion=bridged.astype(np.float32)))
    track = placed(found, MoveFace(1, 25, 3)).tracks.track(1)
    assert np.flatnonzero(track.bridged).tolist() == [20, 21, 22, 23, 24, 26, 27, 28, 29]
    assert (track.scores[25], track.occlusion[25], track.occlusion[26]) == (1, 0, 1)


def test_splitting_changes_no_face():
    found = made_set(made_track(1, 0, WALK, noise=0.5))
    whole = placed(found, MoveFace(1, 10, 9), MoveFace(1, 20, 0, 9)).tracks.track(1)
    done = placed(found, MoveFace(1, 10, 9), MoveFace(1, 20, 0, 9), SplitTrack(1, 15))
    assert spans(done) == {1: (0, 14), 1001: (15, 59)}
    assert done.parents == {1001: 1}
    both = np.concatenate([done.tracks.track(number).landmarks for number in (1, 1001)])
    assert np.abs(both - whole.landmarks).max() < ROUNDING_PX


def test_splitting_and_merging_gives_the_track_back_to_the_bit():
    found = made_set(made_track(1, 0, WALK, noise=0.5))
    done = placed(found, SplitTrack(1, 25), MergeTracks(1, 1001))
    assert done.tracks.track(1).is_same_as(found.track(1))


def test_merging_bridges_a_gap_of_half_a_second():
    found = made_set(made_track(1, 0, WALK[:20]), made_track(2, 32, WALK[32:60]))
    for first, second in ((1, 2), (2, 1)):
        done = placed(found, MergeTracks(first, second))
        track = done.tracks.track(first)
        assert spans(done) == {first: (0, 59)}
        assert np.flatnonzero(track.bridged).tolist() == list(range(20, 32))
        assert track.scores[25] == 0 and track.occlusion[25] == 1
        assert np.abs(track.raw_landmarks[25] - WALK[25]).max() < ROUNDING_PX
        assert np.allclose(track.landmarks, steady_landmarks(track.raw_landmarks, 1.0), atol=ROUNDING_PX)
        assert np.array_equal(track.identity, found.track(2).identity)


def test_a_longer_gap_is_refused():
    found = made_set(made_track(1, 0, WALK[:20]), made_track(2, 33, WALK[33:60]))
    assert "13 frames without the face; at most 12" in refused(found, MergeTracks(1, 2))


def test_overlapping_tracks_merge_only_in_the_same_place():
    found = made_set(still_track(1, 0, 30), still_track(2, 20, 30, x=203), still_track(3, 25, 30, x=500))
    done = placed(found, MergeTracks(1, 2))
    assert spans(done) == {1: (0, 49), 3: (25, 54)}
    assert np.array_equal(done.tracks.track(1).raw_landmarks[:30], found.track(1).raw_landmarks)
    message = refused(found, MergeTracks(1, 3))
    assert "different places in 5 frames, first in frame 25" in message
    # A track on both sides of another one.
    inside = made_set(still_track(1, 20, 10), still_track(2, 0, 60, x=203))
    assert spans(placed(inside, MergeTracks(1, 2))) == {1: (0, 59)}


def test_merging_keeps_both_corrections_as_they_were():
    found = made_set(still_track(1, 0, 30), still_track(2, 30, 30))
    moves = (MoveFace(1, 5, 8, reach=4), MoveFace(2, 50, 0, 8, reach=4))
    apart = placed(found, *moves).tracks
    track = placed(found, *moves, MergeTracks(1, 2)).tracks.track(1)
    both = np.concatenate([apart.track(1).landmarks, apart.track(2).landmarks])
    assert np.abs(track.landmarks - both).max() < ROUNDING_PX


def test_deleting_tracks_and_frames():
    found = made_set(made_track(1, 0, WALK), still_track(2, 0, 60, y=400))
    assert spans(placed(found, DeleteTrack(1))) == {2: (0, 59)}
    assert spans(placed(found, DeleteFrames(1, 50, 1000))) == {1: (0, 49), 2: (0, 59)}
    assert spans(placed(found, DeleteFrames(1, 0, 10))) == {1: (10, 59), 2: (0, 59)}
    assert spans(placed(found, DeleteFrames(1, 0, 60))) == {2: (0, 59)}
    done = placed(found, DeleteFrames(1, 20, 30))
    assert spans(done) == {1: (0, 19), 2: (0, 59), 1001: (30, 59)}
    assert done.parents == {1001: 1}
    assert np.array_equal(done.tracks.track(1001).landmarks, found.track(1).landmarks[30:])
    assert done.tracks.track(2) is found.track(2)


def test_realigning_follows_from_the_corrected_face():
    found = made_set(made_track(1, 0, WALK, noise=0.5))
    finder = PretendedFinder(reach=20)
    done = placed(found, MoveFace(1, 30, 5), Realign(1, 30), finder=finder)
    track = done.tracks.track(1)
    assert finder.followed == [30]
    assert spans(done) == {1: (0, 50)}
    moved = placed(found, MoveFace(1, 30, 5)).tracks.track(1)
    assert np.abs(track.landmarks[:30] - moved.landmarks[:30]).max() < ROUNDING_PX
    assert np.array_equal(track.landmarks[30:], np.stack([moved.landmarks[30]] * 21))
    assert np.array_equal(track.identity, found.track(1).identity)


def test_realigning_the_first_frame_replaces_the_track():
    found = made_set(made_track(1, 10, WALK[10:]))
    done = placed(found, SetLandmarks(1, 10, points(face(300, 200))), Realign(1, 10))
    assert spans(done) == {1: (10, 99)}
    assert np.array_equal(done.tracks.track(1).landmarks[-1], face(300, 200))


def test_an_added_face_is_followed_both_ways_up_to_other_tracks():
    found = made_set(still_track(1, 0, 20), still_track(2, 70, 30), still_track(3, 0, 100, x=500))
    done = placed(found, AddFace(40, (160.0, 150.0, 240.0, 250.0)))
    assert spans(done) == {1: (0, 19), 2: (70, 99), 3: (0, 99), 1001: (20, 69)}
    assert done.corrections[0].new_track == 1001
    assert np.array_equal(done.tracks.track(1001).identity, np.full(128, 0.5, np.float32))
    exact = face(300, 300)
    done = placed(found, AddFace(40, (1.0, 1.0, 2.0, 2.0), points(exact)))
    assert np.array_equal(done.tracks.track(1001).landmarks[40], exact)


def test_corrections_work_on_tracks_that_corrections_made():
    found = made_set(made_track(1, 0, WALK, noise=0.5), still_track(2, 0, 60, y=400))
    done = placed(
        found,
        SplitTrack(1, 20),
        MoveFace(1001, 30, 4),
        DeleteFrames(1001, 40, 45),
        AddFace(50, (460.0, 150.0, 540.0, 250.0)),
        DeleteTrack(2),
        MergeTracks(1, 1001),
        Realign(1002, 50),
    )
    assert spans(done) == {1: (0, 39), 1002: (45, 99), 1003: (0, 99)}


def test_the_same_list_gives_the_same_result_to_the_bit_with_or_without_stored_results(tmp_path):
    found = made_set(made_track(1, 0, WALK, noise=0.5), still_track(2, 0, 60, y=400))
    steps = with_keys(
        (MoveFace(1, 10, 7.3, 2, 1.1, 5), SetBox(2, 5, (100, 350, 220, 470)), Realign(1, 20), SplitTrack(1, 40),
         AddFace(30, (460.0, 50.0, 540.0, 150.0)), MergeTracks(1, 1001))
    )  # fmt: skip
    first = apply_corrections(found, steps, CorrectionResults(), PretendedFinder())
    assert not first.problems
    save_results(tmp_path, first.results)
    finder = PretendedFinder()
    again = apply_corrections(found, first.corrections, load_results(tmp_path), finder)
    assert finder.followed == []
    assert again.corrections == first.corrections
    for one, other in zip(first.tracks.tracks, again.tracks.tracks, strict=True):
        assert one.is_same_as(other)


@pytest.mark.parametrize(
    "last",
    [
        MoveFace(1, 12, 3),
        SetBox(1, 50, (100, 100, 200, 210)),
        KeepFound(1, 33),
        Realign(1, 25),
        AddFace(30, (460.0, 50.0, 540.0, 150.0)),
        SplitTrack(1, 31),
        MergeTracks(1, 3),
        DeleteTrack(2),
        DeleteFrames(1, 20, 24),
    ],
    ids=lambda item: item.kind,
)
def test_taking_the_last_correction_back_gives_the_result_before_to_the_bit(last):
    walk = made_track(1, 0, WALK, noise=0.5)
    found = made_set(walk, still_track(2, 0, 60, y=400), made_track(3, 63, [face(270, 200)] * 20))
    before = placed(found, MoveFace(1, 10, 7, 2), MoveFace(1, 30, -3))
    with_last = apply_corrections(found, with_keys((*before.corrections, last)), before.results, PretendedFinder())
    assert not with_last.problems
    undone = apply_corrections(found, with_last.corrections[:-1], with_last.results, PretendedFinder())
    assert [track.id for track in undone.tracks.tracks] == [track.id for track in before.tracks.tracks]
    for one, other in zip(before.tracks.tracks, undone.tracks.tracks, strict=True):
        assert one.is_same_as(other)


def test_after_a_new_search_tracks_are_found_by_their_place_not_by_number():
    here, there = made_track(1, 0, WALK), still_track(2, 0, 60, y=400)
    done = placed(made_set(here, there), MoveFace(1, 30, 5), DeleteTrack(2))
    renumbered = made_set(replace(here, id=2), replace(there, id=1))
    again = apply_corrections(renumbered, done.corrections, done.results, PretendedFinder())
    assert not again.problems
    assert spans(again) == {2: (0, 59)}
    assert np.array_equal(again.tracks.track(2).landmarks, done.tracks.track(1).landmarks)


def test_after_a_new_search_a_face_stays_where_it_was_put():
    done = placed(made_set(still_track(1, 0, 60)), MoveFace(1, 30, 9, reach=None))
    # The new search finds the face elsewhere, right where the old one was corrected to.
    again = apply_corrections(made_set(still_track(1, 0, 60, x=209)), done.corrections, done.results)
    assert not again.problems
    assert np.abs(again.tracks.track(1).landmarks - face(209, 200)).max() < ROUNDING_PX


def test_after_more_was_searched_corrections_hold_on_and_faces_are_followed_further():
    finder = PretendedFinder(searched=(0, 60))
    early = made_set(still_track(1, 0, 60), ranges=((0, 60),))
    done = placed(early, MoveFace(1, 30, 9, reach=None), AddFace(20, (460.0, 50.0, 540.0, 150.0)), finder=finder)
    assert spans(done) == {1: (0, 59), 1001: (0, 59)}
    later, more = made_set(still_track(1, 0, 90), ranges=((0, 90),)), PretendedFinder(searched=(0, 90))
    again = apply_corrections(later, done.corrections, done.results, more)
    assert not again.problems and more.followed == [20]
    assert spans(again) == {1: (0, 89), 1001: (0, 89)}
    assert np.abs(again.tracks.track(1).landmarks[89] - face(209, 200)).max() < ROUNDING_PX
    # Without the footage stored paths serve as they are.
    assert spans(apply_corrections(later, done.corrections, done.results)) == {1: (0, 89), 1001: (0, 59)}


def test_what_can_not_be_placed_is_kept_and_reported_and_the_rest_is_applied():
    found = made_set(made_track(1, 0, WALK), still_track(2, 0, 60, y=400))
    done = placed(found, SplitTrack(1, 30), MoveFace(2, 10, 4), DeleteTrack(1001))
    again = apply_corrections(made_set(found.track(2)), done.corrections, done.results, PretendedFinder())
    assert again.corrections == done.corrections
    assert [item.kind for item in again.corrections if item.key in again.problems] == ["split_track", "delete_track"]
    assert again.tracks.track(2).is_same_as(done.tracks.track(2))
    # Once the face is found again, so is its correction.
    back = apply_corrections(found, again.corrections, again.results, PretendedFinder())
    assert not back.problems and spans(back) == spans(done)


def test_the_number_of_a_made_track_stays_after_a_new_search_found_more_faces():
    found = made_set(made_track(1, 0, WALK))
    done = placed(found, SplitTrack(1, 30))
    more = made_set(found.track(1), still_track(2, 0, 60, y=400))
    assert spans(apply_corrections(more, done.corrections, done.results)) == {1: (0, 29), 2: (0, 59), 1001: (30, 59)}


@pytest.mark.parametrize(
    ("correction", "says"),
    [
        (MoveFace(7, 10), "clip ä.mov has no face track 7"),
        (MoveFace(1, 70, 1), "Face track 1 is not in frame 70; it runs from frame 0 to 59"),
        (MoveFace(1, 10, 5000), "outside of the picture in frame 10"),
        (SetLandmarks(1, 10, ((5.0, 5.0),) * 68), "no face"),
        (SetLandmarks(1, 10, tuple((float(n), 9.0) for n in range(68))), "no face"),
        (Realign(1, 60), "not in frame 60"),
        (AddFace(150, (1.0, 1.0, 50.0, 50.0)), "Frame 150 of clip ä.mov was not searched"),
        (AddFace(30, (170.0, 150.0, 250.0, 250.0)), "is face track 1 already"),
        (SplitTrack(1, 0), "begins in frame 0"),
        (SplitTrack(1, 60), "not in frame 60"),
        (MergeTracks(1, 9), "no face track 9"),
        (DeleteTrack(3), "no face track 3"),
        (DeleteFrames(1, 60, 70), "not in frame 60"),
    ],
)
def test_a_correction_without_a_place_is_refused_with_a_sentence(correction, says):
    found = made_set(made_track(1, 0, [face(210, 200)] * 60))
    assert says in refused(found, correction)
    assert corrected(found, correction).tracks.track(1).is_same_as(found.track(1))
