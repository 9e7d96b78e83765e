# SPDX-License-Identifier: GPL-3.0-or-later
"""The swap job on a real clip with pretended tracks and networks: files, records, errors, stop and resume."""

import dataclasses
import json
import time
from fractions import Fraction

import numpy as np
import pytest
from comp_faces import FakeSwapper, landmarks_at, painted_picture
from drawn_hands import hand_points
from media_clips import write_clip
from understudy.engine.comp.crop import Watch
from understudy.engine.comp.over import composite
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.frame_mentions import FrameMention
from understudy.engine.contract.jobs import FaceAssignment, SwapJob
from understudy.engine.contract.messages import Log, Progress
from understudy.engine.contract.performers import Consent, Performer, save_performer
from understudy.engine.contract.project import Project, ProjectLock
from understudy.engine.contract.settings import ExtractSettings, SwapSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.faces.hand_paths import REACH
from understudy.engine.faces.hands import Hand
from understudy.engine.faces.picture_views import View
from understudy.engine.faces.tracks import FaceTrack, TrackSet, save_tracks
from understudy.engine.media.fingerprint import footage_key
from understudy.engine.media.images import picture_kind, read_png_xmp, read_rgba, write_png
from understudy.engine.media.reader import FootageReader
from understudy.engine.pipelines import swap_hidden
from understudy.engine.pipelines.swap import swap
from understudy.engine.pipelines.swap_movie import write_swap_movie
from understudy.engine.runtime.reporter import CallbackReporter, Reporter

WIDTH = HEIGHT = 512
QUIET = SwapSettings(color_transfer="none", mark_pictures=False)
# For tests that count what the network is asked.
FORGETFUL = dataclasses.replace(QUIET, keep_faces=False)


def face_track(number, frames, center=(255.0, 240.0), size=110.0):
    landmarks = np.stack([landmarks_at((center[0] + frame, center[1]), size) for frame in frames]).astype(np.float32)
    count = len(frames)
    boxes = np.concatenate([landmarks.min(axis=1), landmarks.max(axis=1)], axis=1)
    zeros = np.zeros(count, np.float32)
    return FaceTrack(
        id=number, frames=np.asarray(frames, np.int32), landmarks=landmarks, raw_landmarks=landmarks, boxes=boxes,
        scores=zeros + 1, bridged=np.zeros(count, bool), identity=np.zeros(128, np.float32), yaw=zeros, pitch=zeros,
        roll=zeros, size=zeros + size, sharpness=zeros, exposure=zeros, occlusion=zeros,
    )  # fmt: skip


def add_tracks(project, footage, tracks, count, ranges=None, size=(WIDTH, HEIGHT)):
    key = footage_key(footage)
    found = TrackSet(
        footage=footage, key=key, width=size[0], height=size[1], rate=Fraction(25), frame_count=count,
        ranges=ranges or (FrameRange(0, count),), settings=ExtractSettings(), tracks=tuple(tracks),
    )  # fmt: skip
    save_tracks(Project(project).footage(key), found)


@pytest.fixture
def job(tmp_path, clips):
    """A job on twelve frames of a clip; a face is in frames 3 to 9."""
    project = tmp_path / "projet d’été.understudy"
    footage = Footage(clips / "target_A.mp4")
    add_tracks(project, footage, [face_track(1, range(3, 10))], 72)
    return SwapJob(
        project=project,
        footage=footage,
        ranges=(FrameRange(0, 12),),
        model=tmp_path / "model",
        assignments=(FaceAssignment(1, "B", "A"),),
        output=tmp_path / "swaps" / "shot é",
        settings=QUIET,
    )


def inverted(**options):
    return FakeSwapper(lambda faces: 1.0 - faces, **options)


def pictures_of(job):
    return {int(path.stem): read_rgba(path, deep=False) for path in sorted(job.output.glob("*.png"))}


def document_of(job):
    return json.loads((job.output / "swap.json").read_text(encoding="utf-8"))


def run(job, swapper=None, reporter=None):
    return swap(job, reporter or Reporter(), swapper or inverted())


def test_every_frame_gets_one_picture_and_the_plate_stays_outside(job):
    done = run(job)
    pictures = pictures_of(job)
    assert list(pictures) == list(range(12))
    assert done.result["swapped"] == 7 and done.result["empty"] == 5 and done.result["failed"] == 0
    assert done.result["pictures"] == 12 and done.result["output"] == str(job.output) and not done.stopped
    with FootageReader(job.footage) as reader:
        for frame, plate in reader.frames(job.ranges):
            picture = pictures[frame]
            assert picture.shape == (HEIGHT, WIDTH, 4)
            assert picture[..., 3].any() == (3 <= frame < 10), "transparent where there is no face, first frame too"
            untouched = picture[..., 3] == 0
            assert np.array_equal(composite(plate, picture)[untouched], plate[untouched])
            if 3 <= frame < 10:
                middle = slice(230, 250), slice(245 + frame, 265 + frame)
                assert (picture[middle][..., 3] == 255).all()
                means = picture[middle][..., :3].mean(axis=(0, 1)), 255.0 - plate[middle].mean(axis=(0, 1))
                assert np.abs(means[0] - means[1]).max() < 4


def test_the_record_says_what_made_the_pictures(job):
    run(job)
    document = document_of(job)
    assert document["schema"] == "understudy.swap" and document["version"] == 1 and document["state"] == "done"
    assert document["counts"] == {"swapped": 7, "empty": 5, "failed": 0} and document["ranges"] == [[0, 12]]
    assert document["family"] == "fake" and document["step"] == 7 and document["width"] == WIDTH
    assert document["model_fingerprint"] == "0123456789abcdef"
    (assignment,) = document["assignments"]
    assert assignment["track"] == 1 and assignment["source"] == "B" and assignment["consent"] == "missing"
    with np.load(job.output / "outlines.npz") as outlines:
        assert outlines["media_frames"].tolist() == list(range(12)) and outlines["tracks"].tolist() == [1]
        assert outlines["present"][:, 0].tolist() == [3 <= frame < 10 for frame in range(12)]
        moved = outlines["points"][9, 0] - outlines["points"][3, 0]
        assert np.allclose(moved, [6.0, 0.0], atol=0.01)


def test_outline_and_alpha_agree(job):
    run(job)
    pictures = pictures_of(job)
    with np.load(job.output / "outlines.npz") as outlines:
        points, feather = outlines["points"][5, 0], float(outlines["feather_px"][5, 0])
    center = points.mean(axis=0)
    outward = (points - center) / np.linalg.norm(points - center, axis=1, keepdims=True)
    alpha = pictures[5][..., 3] / 255.0

    def at(positions):
        return np.array([alpha[round(float(y)), round(float(x))] for x, y in positions])

    assert np.allclose(at(points), 0.9, atol=0.15)
    assert (at(points - 6 * outward) > 0.95).all()
    # Rays leave the outline at a slant, so that the alpha ends a little further along them.
    assert (at(points + (1.6 * feather + 2) * outward) == 0).all()


def test_d07_a_second_run_over_the_same_folder_writes_every_frame(job):
    run(job)
    first = pictures_of(job)
    other = dataclasses.replace(job, settings=dataclasses.replace(job.settings, opacity=0.5))
    done = run(other)
    second = pictures_of(job)
    assert list(second) == list(range(12)) and done.result["swapped"] == 7
    assert first[5][..., 3].max() == 255 and second[5][..., 3].max() in (127, 128)
    for path in job.output.glob("*.png"):
        path.unlink()
    run(other)
    assert list(pictures_of(job)) == list(range(12))


def test_a_second_run_with_the_same_inputs_runs_no_network(job):
    run(job)
    stamps = {path: path.stat().st_mtime_ns for path in job.output.glob("*.png")}
    swapper = inverted()
    done = run(dataclasses.replace(job, settings=dataclasses.replace(job.settings, batch_size=2)), swapper)
    assert swapper.calls == [] and done.result["swapped"] == 7 and done.result["pictures"] == 12
    assert {path: path.stat().st_mtime_ns for path in job.output.glob("*.png")} == stamps
    extended = dataclasses.replace(job, ranges=(FrameRange(2, 5), FrameRange(8, 14)))
    run(extended, swapper)
    assert sorted(pictures_of(job)) == [2, 3, 4, 8, 9, 10, 11, 12, 13], "frames of earlier ranges are removed"
    assert swapper.calls == []


def test_d08_frames_without_a_record_still_get_a_picture(job, clips):
    add_tracks(job.project, job.footage, [face_track(1, [4, 5])], 72, ranges=(FrameRange(0, 6),))
    done = run(dataclasses.replace(job, ranges=(FrameRange(2, 8), FrameRange(70, 75))))
    assert sorted(pictures_of(job)) == [2, 3, 4, 5, 6, 7, 70, 71, 72, 73, 74]
    assert done.result["swapped"] == 2 and done.result["empty"] == 9
    text = " ".join(done.result["warnings"])
    assert "6–7" in text and "not searched" in text and "72–74" in text


def test_a_shot_without_the_face_is_all_transparent_and_says_so(job):
    done = run(dataclasses.replace(job, ranges=(FrameRange(40, 43),)))
    assert not any(picture.any() for picture in pictures_of(job).values())
    assert any("all pictures are empty" in warning for warning in done.result["warnings"])


def test_a_stop_keeps_what_is_finished_and_the_next_run_goes_on(job):
    whole = dataclasses.replace(job, output=job.output.with_name("whole"), settings=SwapSettings(batch_size=1))
    change = dataclasses.replace(job, settings=SwapSettings(batch_size=1))

    def slow(faces):
        time.sleep(0.02)
        return np.clip(faces * faces.mean(), 0, 1)

    run(whole, FakeSwapper(slow))
    reporter = CallbackReporter(lambda message: None)
    written = []

    def watch(message):
        if isinstance(message, Progress) and message.stage == "swapping" and message.done >= 5:
            written.append(time.monotonic())
            reporter.stop.set()

    reporter._callback, reporter.SECONDS_BETWEEN = watch, 0.0
    done = run(change, FakeSwapper(slow), reporter)
    assert done.stopped and time.monotonic() - written[0] < 2.0
    finished = sorted(pictures_of(change))
    assert finished == list(range(len(finished))) and 5 <= len(finished) < 12
    assert document_of(change)["state"] == "stopped"
    swapper = FakeSwapper(slow)
    assert run(change, swapper).result["pictures"] == 12
    resumed, uninterrupted = pictures_of(change), pictures_of(whole)
    assert all(np.array_equal(resumed[frame], uninterrupted[frame]) for frame in range(12))


def test_a_failing_frame_is_transparent_counted_and_named(job):
    broken = face_track(1, range(3, 10))
    broken.landmarks[2] = 0.0
    add_tracks(job.project, job.footage, [broken], 72)
    done = run(job)
    assert done.result["failed"] == 1 and done.result["swapped"] == 6
    assert not pictures_of(job)[5].any()
    assert [item["frame"] for item in document_of(job)["failed"]] == [5]


def test_when_every_frame_fails_the_job_fails(job):
    with pytest.raises(EngineError, match="None of the 7 frames"):
        run(job, FakeSwapper(lambda faces: faces * np.nan))
    assert len(pictures_of(job)) == 12


def test_tracks_assignments_and_skips(job):
    add_tracks(job.project, job.footage, [face_track(1, range(12)), face_track(4, range(12), (120.0, 120.0), 40)], 72)
    both = dataclasses.replace(
        job,
        assignments=(FaceAssignment(-1, "B"), FaceAssignment(4, "A")),
        skip_frames=(2,),
        skip_faces=((3, 1), (4, 4)),
    )
    swapper = inverted()
    run(both, swapper)
    assert {source for _, source in swapper.calls} == {"A", "B"}
    pictures = pictures_of(both)
    big = {frame: bool(picture[240, 255 + frame, 3]) for frame, picture in pictures.items()}
    small = {frame: bool(picture[120, 120 + frame, 3]) for frame, picture in pictures.items()}
    assert [frame for frame in range(12) if not big[frame]] == [2, 3]
    assert [frame for frame in range(12) if not small[frame]] == [2, 4]
    only = dataclasses.replace(job, assignments=(FaceAssignment(4, "A"),))
    run(only)
    assert not pictures_of(only)[5][240, 260, 3] and pictures_of(only)[5][120, 125, 3]


@pytest.mark.parametrize("source, target", [("A", "B"), ("B", "A")])
def test_either_direction_is_just_the_assignment(job, source, target):
    swapper = inverted()
    run(dataclasses.replace(job, assignments=(FaceAssignment(1, source, target),)), swapper)
    assert {name for _, name in swapper.calls} == {source}


def test_d16_every_setting_can_be_switched_off(job):
    off = SwapSettings(
        mask="rect", erode=0.0, feather=0.0, margin=0.0, color_transfer="none", color_steadiness=0.0, blend="alpha",
        sharpen=0.0, face_scale=1.0, opacity=1.0, mark_pictures=False,
    )  # fmt: skip
    run(dataclasses.replace(job, settings=off), FakeSwapper(size=220, coverage=2.0))
    with FootageReader(job.footage) as reader:
        plates = dict(reader.frames(job.ranges))
    for frame in range(3, 10):
        picture = pictures_of(job)[frame]
        assert read_png_xmp(job.output / f"{frame:06d}.png") is None
        difference = composite(plates[frame], picture).astype(float) - plates[frame]
        inside = picture[..., 3] > 0
        assert 10 * np.log10(255**2 / np.mean(difference[inside] ** 2)) > 40, "an identity network changes nothing"


@pytest.mark.parametrize("setting", [
    {"mask": "hull"}, {"erode": 0.05}, {"feather": 0.3}, {"margin": 0.1}, {"color_transfer": "mean"},
    {"color_transfer": "histogram"}, {"color_transfer": "lab"}, {"blend": "poisson"}, {"opacity": 0.7},
    {"sharpen": 2.0}, {"face_scale": 1.2}, {"bit_depth": 16},
])  # fmt: skip
def test_every_setting_has_an_effect(job, setting):
    one = dataclasses.replace(job, ranges=(FrameRange(5, 6),))
    run(one)
    plain = read_rgba(job.output / "000005.png", deep=True)
    run(dataclasses.replace(one, settings=dataclasses.replace(QUIET, **setting)))
    assert not np.array_equal(read_rgba(job.output / "000005.png", deep=True), plain)


def deep_footage(folder, kind):
    """Footage of twelve pictures whose color rises by less than a step of 8 bits from column to column."""
    if kind == "movie":
        return Footage(write_clip(folder / "ten bits.mov", range(12), size=(160, 120), pixel_format="yuv420p10le"))
    ramp = np.linspace(20000, 30000, 160 * 120 * 3).reshape(120, 160, 3).astype(np.uint16)
    for number in range(12):
        write_png(folder / f"{number:02d}.png", ramp)
    return Footage(folder, tuple(f"{number:02d}.png" for number in range(12)))


@pytest.mark.parametrize("kind", ["movie", "pictures"])
@pytest.mark.parametrize(("asked", "given"), [(0, 16), (8, 8), (16, 16)])
def test_pictures_over_deep_footage_are_as_deep_unless_asked_otherwise(job, tmp_path, kind, asked, given):
    folder = tmp_path / "tief"
    folder.mkdir()
    footage = deep_footage(folder, kind)
    add_tracks(job.project, footage, [face_track(1, range(3, 10), (60.0, 60.0), 40)], 12, size=(160, 120))
    settings = dataclasses.replace(QUIET, bit_depth=asked)
    run(dataclasses.replace(job, footage=footage, settings=settings))
    assert {picture_kind(path).bit_depth for path in job.output.glob("*.png")} == {given}
    assert document_of(job)["bit_depth"] == given and document_of(job)["settings"]["bit_depth"] == asked
    picture = read_rgba(job.output / "000005.png", deep=True)
    inside = picture[picture[..., 3] == 65535]
    assert (inside % 257 != 0).any() == (given == 16), "steps finer than those of 8 bits reach the picture"


def test_the_depth_left_to_footage_of_eight_bits_gives_the_pictures_of_eight(job):
    run(dataclasses.replace(job, settings=dataclasses.replace(QUIET, bit_depth=8)))
    stamps = {path: path.stat().st_mtime_ns for path in job.output.glob("*.png")}
    assert QUIET.bit_depth == 0
    run(job)
    assert {path: path.stat().st_mtime_ns for path in job.output.glob("*.png")} == stamps
    assert document_of(job)["bit_depth"] == 8


def test_pictures_carry_the_mark(job):
    run(dataclasses.replace(job, settings=SwapSettings(), ranges=(FrameRange(0, 5),)))
    for path in job.output.glob("*.png"):
        packet = read_png_xmp(path)
        assert packet is not None and b"compositeWithTrainedAlgorithmicMedia" in packet
        assert b"Understudy" in packet and b">7<" in packet and b">B<" in packet


def hide(job, frames, share=0.5, track=1, others=()):
    """Say in the job's tracks that the face is hidden in some frames."""
    found = face_track(track, range(40))
    found.occlusion[list(frames)] = share
    add_tracks(job.project, job.footage, [found, *others], 72)


def about_hidden(warnings):
    return [item for item in warnings if "hidden in part" in item]


def test_a_hidden_face_is_said_at_the_end_with_frames_and_what_to_do(job):
    hide(job, range(20, 26))
    messages = []
    asked = dataclasses.replace(job, ranges=(FrameRange(10, 24), FrameRange(30, 32)))
    done = swap(asked, CallbackReporter(messages.append), FakeSwapper())
    (text,) = about_hidden(done.result["warnings"])
    assert "frames 20–23 of target_A.mp4" in text and "studio" in text and "keyframe" in text
    assert done.result["hidden"] == [{"track": 1, "first": 20, "last": 23}]
    said = [item for item in messages if isinstance(item, Log) and item.level == "warning"]
    assert said[-1].text == text, "panels show the last warnings"
    assert said[-1].frames == (FrameMention("frames 20–23 of target_A.mp4", ((20, 24),)),)
    assert about_hidden(document_of(asked)["warnings"]) == [text]
    off = dataclasses.replace(asked, settings=dataclasses.replace(QUIET, keep_in_front=False))
    (text,) = about_hidden(run(off).result["warnings"])
    assert "keep_in_front" in text


def test_a_free_face_and_one_that_is_not_swapped_give_no_warning(job):
    hide(job, range(20, 26), share=0.19)
    assert about_hidden(run(dataclasses.replace(job, ranges=(FrameRange(0, 40),))).result["warnings"]) == []
    hide(job, range(20, 26))
    elsewhere = run(dataclasses.replace(job, ranges=(FrameRange(0, 20),)))
    assert about_hidden(elsewhere.result["warnings"]) == [] and elsewhere.result["hidden"] == []
    left_out = dataclasses.replace(job, ranges=(FrameRange(0, 40),), skip_frames=tuple(range(20, 26)))
    assert about_hidden(run(left_out).result["warnings"]) == []


def test_each_hidden_face_is_named_where_there_are_several(job):
    other = face_track(4, range(40), (120.0, 120.0), 40)
    other.occlusion[30:34] = 0.6
    hide(job, range(20, 26), others=[other])
    both = dataclasses.replace(job, assignments=(FaceAssignment(-1, "B", "A"),), ranges=(FrameRange(0, 40),))
    texts = about_hidden(run(both).result["warnings"])
    assert ["face 1" in texts[0], "face 4" in texts[1]] == [True, True] and "30–33" in texts[1]


class ThingSwapper(FakeSwapper):
    """Paints performer A, whose clip it is, as it is but for a bright thing, and B inverted."""

    def swap(self, faces, source):
        super().swap(faces, source)
        thing = (faces > 0.97).all(axis=3, keepdims=True)
        return (np.where(thing, 0.5, faces) if source == "A" else 1.0 - faces).astype(np.float32), None


def with_thing(job, tmp_path, frames):
    """The job on ten pictures of the clip, with a white card before the face in some of them."""
    folder = tmp_path / "karten"
    with FootageReader(job.footage) as reader:
        for number, plate in reader.frames([FrameRange(0, 10)]):
            picture = np.minimum(plate, 235)
            if number in frames:
                picture[220:270, 240 + number : 290 + number] = 255
            write_png(folder / f"{number:03d}.png", picture)
    footage = Footage(folder, tuple(f"{number:03d}.png" for number in range(10)))
    track = face_track(1, range(10))
    track.occlusion[list(frames)] = 0.5
    add_tracks(job.project, footage, [track], 10)
    return dataclasses.replace(job, footage=footage, ranges=(FrameRange(0, 10),))


def test_what_is_in_front_stays_in_the_frames_that_are_hidden_and_the_others_keep_every_bit(job, tmp_path):
    asked = with_thing(job, tmp_path, range(4, 7))
    done = run(asked, ThingSwapper())
    pictures, kept = pictures_of(asked), document_of(asked)["in_front"]
    assert done.result["in_front"] == len(kept) == 3 and kept == {str(frame): [1] for frame in (4, 5, 6)}
    (text,) = about_hidden(done.result["warnings"])
    assert "stays in the picture" in text
    for frame in (4, 5, 6):
        card = pictures[frame][230:260, 252 + frame : 278 + frame, 3]
        assert card.max() < 25 and pictures[frame][290, 255 + frame, 3] == 255
    off = dataclasses.replace(asked, output=tmp_path / "off", settings=dataclasses.replace(QUIET, keep_in_front=False))
    assert run(off, ThingSwapper()).result["in_front"] == 0
    without = pictures_of(off)
    same = [frame for frame in range(10) if np.array_equal(pictures[frame], without[frame])]
    assert same == [0, 1, 2, 3, 7, 8, 9]


def test_switching_it_renews_the_pictures_near_hidden_frames_only_and_the_record_stays_true(job):
    hide(job, [30, 31, 32])
    asked = dataclasses.replace(job, ranges=(FrameRange(0, 40),), settings=FORGETFUL)
    run(asked)
    swapper = FakeSwapper()
    off = dataclasses.replace(asked, settings=dataclasses.replace(FORGETFUL, keep_in_front=False))
    run(off, swapper)
    # Twelve frames before the first hidden one, and all to the track's end.
    assert sum(count for count, _ in swapper.calls) == 40 - 18
    again = FakeSwapper()
    run(off, again)
    assert again.calls == []


class PassingHand:
    """Finds a hand before the face in the frames it was told of; their number is in the first pixel's red."""

    found = frozenset(range(2, 22)) - {9, 10}

    def find_in(self, part, is_thorough=True):
        number = int(part.cut(View(0.0, 0.0, 1.0), 1)[0, 0, 0])
        return [Hand(hand_points((200.0 + 3 * number, 330.0), 45.0), 1.0)] if number in self.found else []

    def follow(self, part, hand):
        return None


def with_passing_hand(job, tmp_path, monkeypatch):
    """The job on 24 numbered pictures, which a hand passes and which it is missed in twice."""
    monkeypatch.setattr(swap_hidden, "HandFinder", PassingHand)
    folder = tmp_path / "hände"
    for number in range(24):
        picture = painted_picture(400, 400)
        picture[0, 0] = number
        write_png(folder / f"{number:03d}.png", picture)
    footage = Footage(folder, tuple(f"{number:03d}.png" for number in range(24)))
    track = face_track(1, range(24))
    track.occlusion[6:14] = 0.5
    add_tracks(job.project, footage, [track], 24)
    return dataclasses.replace(job, footage=footage, ranges=(FrameRange(0, 24),), settings=FORGETFUL)


def test_a_range_and_a_picture_made_again_show_a_hand_as_the_whole_run_does(job, tmp_path, monkeypatch):
    asked = with_passing_hand(job, tmp_path, monkeypatch)
    run(asked)
    whole = pictures_of(asked)
    assert {9, 10} <= {int(frame) for frame in document_of(asked)["in_front"]}, "bridged"
    part = dataclasses.replace(asked, output=tmp_path / "range", ranges=(FrameRange(9, 11),))
    run(part)
    pictures = pictures_of(part)
    assert len(pictures) == 2 and all(np.array_equal(pictures[frame], whole[frame]) for frame in pictures)
    (asked.output / "000009.png").unlink()
    swapper = inverted()
    run(asked, swapper)
    assert sum(count for count, source in swapper.calls if source == "B") == 1
    assert np.array_equal(pictures_of(asked)[9], whole[9])


def test_a_face_that_moved_is_looked_at_anew_in_all_frames_that_depend_on_it(job, tmp_path, monkeypatch):
    asked = with_passing_hand(job, tmp_path, monkeypatch)
    run(asked)
    track = face_track(1, range(24))
    track.occlusion[6:14] = 0.5
    track.landmarks[12] += 2.0
    add_tracks(job.project, asked.footage, [track], 24)
    swapper = FakeSwapper()
    run(asked, swapper)
    assert sum(count for count, source in swapper.calls if source == "B") == 2 * REACH + 1


def test_a_hand_is_looked_for_where_a_lost_face_is_found_anew():
    before, after = face_track(1, range(10)), face_track(2, range(30, 60))
    assert set(swap_hidden.watches(after, QUIET, [before, after])) == {Watch.NOTHING}
    before.occlusion[7:] = 0.5
    watches = swap_hidden.watches(after, QUIET, [before, after])
    assert watches[0] is Watch.ANYTHING and watches[12] is Watch.HANDS and watches[13] is Watch.NOTHING
    elsewhere, late = face_track(2, range(30, 60), (20.0, 30.0), 40.0), face_track(2, range(80, 90))
    for other in (elsewhere, late):
        assert set(swap_hidden.watches(other, QUIET, [before, other])) == {Watch.NOTHING}


def test_hand_models_that_are_missing_are_said_once_and_the_swap_goes_on(job, monkeypatch):
    def missing():
        raise EngineError(ErrorCode.DETECTOR_UNAVAILABLE, "The model palm is missing.", "Run the set-up again.")

    monkeypatch.setattr(swap_hidden, "HandFinder", missing)
    messages = []
    run(job, reporter=CallbackReporter(messages.append))
    assert not [item for item in messages if isinstance(item, Log) and "palm" in item.text], "nobody asked for hands"
    hide(job, range(6, 9))
    done = run(job, reporter=CallbackReporter(messages.append))
    texts = [item.text for item in messages if isinstance(item, Log) and "palm" in item.text]
    assert len(texts) == 1 and "Run the set-up again." in texts[0] and done.result["swapped"] == 12


def test_consent_is_reported(job):
    folder = Project(job.project).performers
    save_performer(folder, Performer("A", "Ada", Consent("signed", valid_until="2020-01-01")))
    done = run(job)
    assert "The consent of Ada expired on 2020-01-01." in done.result["warnings"]
    assert "No consent of B is on record." in done.result["warnings"]
    save_performer(folder, Performer("A", "Ada", Consent("signed")))
    save_performer(folder, Performer("B", "Bea", Consent("signed")))
    assert run(job).result["warnings"] == []
    assert document_of(job)["assignments"][0]["consent"] == "given"
    unnamed = dataclasses.replace(job, assignments=(FaceAssignment(1, "B"),))
    assert "not named" in run(unnamed).result["warnings"][0]


def test_what_is_missing_is_said(job, tmp_path):
    def code_of(changed, swapper=None):
        with pytest.raises(EngineError) as caught:
            swap(changed, Reporter(), swapper)
        assert caught.value.hint
        return caught.value.code, caught.value.message

    empty = dataclasses.replace(job, project=tmp_path / "nothing")
    assert code_of(empty, inverted())[0] == ErrorCode.TRACKS_MISSING and not (tmp_path / "nothing").exists()
    (tmp_path / "empty").mkdir()
    code, message = code_of(dataclasses.replace(job, project=tmp_path / "empty"), inverted())
    assert code == ErrorCode.TRACKS_MISSING and "target_A.mp4" in message
    code, message = code_of(dataclasses.replace(job, assignments=(FaceAssignment(9, "B"),)), inverted())
    assert code == ErrorCode.TRACKS_MISSING and "9" in message and "1" in message
    code, message = code_of(dataclasses.replace(job, assignments=(FaceAssignment(1, "C"),)), inverted())
    assert code == ErrorCode.PERFORMER_UNKNOWN and "A, B" in message
    gone = dataclasses.replace(job, footage=Footage(tmp_path / "gone.mp4"))
    assert code_of(gone, inverted())[0] == ErrorCode.FOOTAGE_MISSING


def test_a_missing_or_unreadable_model_is_said(job, tmp_path):
    with pytest.raises(EngineError) as caught:
        swap(job, Reporter())
    assert caught.value.code == ErrorCode.MODEL_MISSING
    job.model.mkdir()
    (job.model / "model.json").write_text("{")
    with pytest.raises(EngineError) as caught:
        swap(job, Reporter())
    assert caught.value.code == ErrorCode.MODEL_UNREADABLE
    assert not job.output.exists()


def test_two_jobs_on_one_project(job):
    with ProjectLock(Project(job.project), "train"), pytest.raises(EngineError) as caught:
        run(job)
    assert caught.value.code == ErrorCode.PROJECT_BUSY


def test_a_full_disk_keeps_what_is_finished(job, monkeypatch):
    from understudy.engine.comp import pictures

    job = dataclasses.replace(job, settings=FORGETFUL)

    def full(path, *arguments):
        if path.stem >= "000006":
            raise EngineError(ErrorCode.DISK_FULL, f"The disk is full: {path} could not be written.", "Free some.")
        return write_png(path, *arguments)

    monkeypatch.setattr(pictures, "write_png", full)
    with pytest.raises(EngineError) as caught:
        run(job)
    assert caught.value.code == ErrorCode.DISK_FULL and "000006.png" in caught.value.message
    assert {3, 4, 5} <= set(pictures_of(job)) and document_of(job)["state"] == "failed"
    monkeypatch.undo()
    swapper = inverted()
    run(job, swapper)
    assert list(pictures_of(job)) == list(range(12)) and sum(count for count, _ in swapper.calls) == 4


def test_a_place_where_nothing_can_be_written(job, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(EngineError) as caught:
        run(dataclasses.replace(job, output=tmp_path / "file" / "swap"))
    assert caught.value.code == ErrorCode.NOT_WRITABLE


@pytest.fixture
def picture_job(job, tmp_path):
    """A job on a folder of five pictures, one damaged, one of another size."""
    folder = tmp_path / "bilder ü"
    for number in range(5):
        write_png(folder / f"shot_{number + 101}.png", painted_picture(200 if number < 4 else 120, 160, number))
    (folder / "shot_103.png").write_bytes(b"\x89PNG damaged")
    footage = Footage(folder, tuple(f"shot_{number}.png" for number in range(101, 106)))
    add_tracks(job.project, footage, [face_track(1, range(4), (100.0, 80.0), 40)], 5, size=(200, 160))
    return dataclasses.replace(job, footage=footage, ranges=(FrameRange(0, 5),))


def test_a_damaged_picture_in_a_folder_fails_alone(picture_job):
    done = run(picture_job)
    assert done.result["swapped"] == 3 and done.result["failed"] == 1 and done.result["empty"] == 1
    (failed,) = document_of(picture_job)["failed"]
    assert failed["frame"] == 2 and "shot_103.png" in failed["reason"]
    shapes = [picture.shape[:2] for picture in pictures_of(picture_job).values()]
    assert shapes == [(160, 200)] * 4 + [(160, 120)]


def test_a_damaged_first_picture_fails_alone_too(picture_job):
    first = picture_job.footage.path / "shot_101.png"
    first.write_bytes(first.read_bytes()[:100])
    add_tracks(
        picture_job.project, picture_job.footage, [face_track(1, range(4), (100.0, 80.0), 40)], 5, size=(200, 160)
    )
    done = run(picture_job)
    assert done.result["failed"] == 2 and done.result["swapped"] == 2
    assert [item["frame"] for item in document_of(picture_job)["failed"]] == [0, 2]


def test_pictures_never_land_among_the_footage(picture_job):
    with pytest.raises(EngineError) as caught:
        run(dataclasses.replace(picture_job, output=picture_job.footage.path))
    assert caught.value.code == ErrorCode.JOB_INVALID


def test_a_movie_of_the_result(job, tmp_path):
    run(job)
    path = tmp_path / "résultat.mp4"
    assert write_swap_movie(job.footage, job.output, path, Reporter(), job.ranges) == 12
    pictures = pictures_of(job)
    with FootageReader(Footage(path)) as result, FootageReader(job.footage) as plate:
        assert result.info.frame_count == 12 and (result.info.width, result.info.height) == (WIDTH, HEIGHT)
        for (frame, made), (_, original) in zip(result.frames(), plate.frames(job.ranges), strict=True):
            expected = composite(original, pictures[frame]).astype(float)
            assert np.abs(made - expected).mean() < 3.0
    stopped = Reporter()
    stopped.stop.set()
    assert write_swap_movie(job.footage, job.output, tmp_path / "no.mp4", stopped) == 0
    assert not (tmp_path / "no.mp4").exists()
