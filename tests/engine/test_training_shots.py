# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview of shot frames while training: plate beside swap, cut once, and never a reason not to train."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from comp_faces import landmarks_at
from training_victim import tiny_families
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.files import write_bytes
from understudy.engine.contract.jobs import FacesetPart, TrainingPerformer, TrainJob, load_job, save_job
from understudy.engine.contract.messages import Log, Preview, Progress
from understudy.engine.contract.preview_shot import PreviewShot
from understudy.engine.contract.project import Project
from understudy.engine.contract.settings import ExtractSettings, SwapSettings, TrainSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.faces.tracks import FaceTrack, TrackSet, load_tracks, save_tracks
from understudy.engine.faceset.record import FaceRecord
from understudy.engine.faceset.writer import FacesetWriter
from understudy.engine.media.fingerprint import footage_key
from understudy.engine.networks.registry import FAMILIES, quick_family
from understudy.engine.pipelines import shot_preview
from understudy.engine.pipelines.shot_preview import MAXIMUM_FRAMES, open_shot_frames
from understudy.engine.pipelines.train import train
from understudy.engine.pipelines.training_views import draw_training_views
from understudy.engine.runtime.reporter import CallbackReporter
from understudy.engine.training.recipes import RECIPES
from understudy.engine.training.sketcher import Sketcher
from understudy.training_cli.main import main

FAMILY = quick_family(face_size=32, width=8, code=32)
# Networks that paint what they are given, and see no sketch.
PLAIN = Sketcher(FAMILY.coverage)


def face_track(frames):
    landmarks = np.stack([landmarks_at((400.0 + 5 * frame, 300.0), 150.0) for frame in frames]).astype(np.float32)
    zeros = np.zeros(len(frames), np.float32)
    return FaceTrack(
        id=1, frames=np.asarray(frames, np.int32), landmarks=landmarks, raw_landmarks=landmarks,
        boxes=np.concatenate([landmarks.min(axis=1), landmarks.max(axis=1)], axis=1), scores=zeros + 1,
        bridged=np.zeros(len(frames), bool), identity=np.zeros(128, np.float32), yaw=zeros, pitch=zeros, roll=zeros,
        size=zeros + 150, sharpness=zeros, exposure=zeros, occlusion=zeros,
    )  # fmt: skip


@pytest.fixture
def footage(tmp_path):
    """Ten pictures of 960 × 540 with a face in frames 2 to 9, and its tracks in a project."""
    names = tuple(f"é {i:03d}.png" for i in range(10))
    for i, name in enumerate(names):
        image = np.full((540, 960, 3), 90, np.uint8)
        cv2.circle(image, (400 + 5 * i, 300), 110, (150, 180, 210), -1, cv2.LINE_AA)
        write_bytes(tmp_path / "shot" / name, cv2.imencode(".png", image)[1].tobytes())
    found = Footage(tmp_path / "shot", names, Fraction(25))
    key = footage_key(found)
    tracks = TrackSet(
        footage=found, key=key, width=960, height=540, rate=Fraction(25), frame_count=10, ranges=(FrameRange(0, 10),),
        settings=ExtractSettings(), tracks=(face_track(range(2, 10)),),
    )  # fmt: skip
    save_tracks(Project(tmp_path / "p.understudy").footage(key), tracks)
    return found


def job(tmp_path, shots, others=(), **settings):
    for name, skin in (("anna", (230, 190, 160)), ("bert", (120, 80, 60))):
        for i in range(8):
            image = np.full((64, 64, 3), 60, np.uint8)
            cv2.ellipse(image, (30 + i, 32), (18, 22), 0, 0, 360, skin, -1, cv2.LINE_AA)
            write_bytes(tmp_path / name / f"{i:06d}_t00.png", cv2.imencode(".png", image)[1].tobytes())
    parts = (*(TrainingPerformer(name, (FacesetPart(tmp_path / name),)) for name in ("anna", "bert")), *others)
    chosen = TrainSettings(**{"maximum_steps": 2, "batch_size": 2, "deterministic": True, **settings})
    return TrainJob(tmp_path / "model", parts, tmp_path / "p.understudy", chosen, tuple(shots))


def recorder():
    messages = []
    return messages, CallbackReporter(messages.append)


def warnings(messages):
    return [item.text for item in messages if isinstance(item, Log) and item.level == "warning"]


def test_the_swap_lies_where_the_face_is_and_the_plate_beside_it(tmp_path, footage):
    messages, reporter = recorder()
    asked_for = job(tmp_path, [PreviewShot(footage, (5, 0), ((1, "bert"),))])
    frames = open_shot_frames(asked_for, FAMILY, reporter, SwapSettings(color_transfer="none"))
    asked = []

    def green(faces, performer):
        asked.append((performer, faces.copy()))
        return np.broadcast_to(np.array([0.0, 1.0, 0.0], np.float32), faces.shape).copy(), None

    picture = frames.draw(green, PLAIN)
    # Two frames of half the size, plate and swap side by side; no face in frame 0.
    assert picture.shape == (2 * 270, 2 * 480, 3)
    plate, swapped = picture[270:, :480].astype(int), picture[270:, 480:].astype(int)
    assert np.array_equal(picture[:270, :480], picture[:270, 480:])
    assert swapped[150, 212, 1] > 250 and swapped[150, 212, 0] < 5, "the face's middle is at (425, 300) of the frame"
    assert np.array_equal(plate[:50], swapped[:50]) and np.array_equal(plate[:, 400:], swapped[:, 400:])
    (performer, crop), *more = asked
    assert performer == "bert" and not more and crop.shape == (1, 32, 32, 3)
    assert np.allclose(crop[0, 16, 16] * 255, (210, 180, 150), atol=2), "the network sees the full frame's face"
    assert warnings(messages) == []


def test_the_preview_leaves_what_is_in_front_like_the_swap(tmp_path, footage):
    folder = Project(tmp_path / "p.understudy").footage(footage_key(footage))
    found = load_tracks(folder)
    track = replace(found.tracks[0], occlusion=np.full(8, 0.6, np.float32))
    save_tracks(folder, replace(found, tracks=(track,)))
    image = cv2.imread(str(footage.path / footage.pictures[5]))
    cv2.rectangle(image, (395, 250), (455, 340), (20, 20, 200), -1)
    write_bytes(footage.path / footage.pictures[5], cv2.imencode(".png", image)[1].tobytes())
    # The key is made of names, sizes and contents of the ends, so the tracks are put where the changed footage is.
    save_tracks(Project(tmp_path / "p.understudy").footage(footage_key(footage)), replace(found, tracks=(track,)))
    _, reporter = recorder()
    asked_for = job(tmp_path, [PreviewShot(footage, (5,), ((1, "bert"),))])
    frames = open_shot_frames(asked_for, FAMILY, reporter, SwapSettings(color_transfer="none"))

    def draw(faces, performer):
        color = (0.0, 1.0, 0.0) if performer == "bert" else (210 / 255, 180 / 255, 150 / 255)
        return np.broadcast_to(np.array(color, np.float32), faces.shape).copy(), None

    picture = frames.draw(draw, PLAIN)
    plate, swapped = picture[:270].astype(int), picture[270:].astype(int)
    assert np.abs(swapped[140:155, 206:220] - plate[140:155, 206:220]).max() < 12, "the card is still there"
    assert swapped[150, 240, 1] > 200 and swapped[150, 240, 0] < 60, "and beside it the new face"


def test_frames_are_read_once_however_many_previews_there_are(tmp_path, footage, monkeypatch):
    opened = []
    reader = shot_preview.FootageReader
    monkeypatch.setattr(shot_preview, "FootageReader", lambda item: opened.append(item) or reader(item))
    shots = [PreviewShot(footage, tuple(range(10)), ((-1, "anna"),))]
    messages, reporter = recorder()
    frames = open_shot_frames(job(tmp_path, shots), FAMILY, reporter)
    assert frames.draw(lambda faces, _who: (faces, None), PLAIN).shape[0] == MAXIMUM_FRAMES * 270
    frames.draw(lambda faces, _who: (faces, None), PLAIN)
    assert len(opened) == 1
    assert any("first 6 of 10" in text for text in warnings(messages))


def test_shots_beyond_the_most_frames_are_not_read_and_a_stop_ends_reading(tmp_path, footage, monkeypatch):
    opened = []
    reader = shot_preview.FootageReader
    monkeypatch.setattr(shot_preview, "FootageReader", lambda item: opened.append(item) or reader(item))
    shots = [
        PreviewShot(footage, tuple(range(MAXIMUM_FRAMES)), ((1, "anna"),)),
        PreviewShot(footage, (9,), ((1, "bert"),)),
    ]
    messages, reporter = recorder()
    frames = open_shot_frames(job(tmp_path, shots), FAMILY, reporter)
    assert frames.draw(lambda faces, _who: (faces, None), PLAIN).shape[0] == MAXIMUM_FRAMES * 270
    assert len(opened) == 1 and any("first 6 of 7" in text for text in warnings(messages))
    told = [item for item in messages if isinstance(item, Progress)]
    assert told[-1].done == told[-1].total == MAXIMUM_FRAMES
    reporter.stop.set()
    assert open_shot_frames(job(tmp_path, shots), FAMILY, reporter) is None


def test_all_faces_of_a_performer_are_swapped_in_one_call(tmp_path, footage):
    calls = []

    def shade(faces, performer):
        calls.append((performer, len(faces)))
        return np.full_like(faces, 0.2 if performer == "anna" else 0.8), None

    shots = [PreviewShot(footage, (3, 5), ((1, "bert"),)), PreviewShot(footage, (4, 0, 6), ((1, "anna"),))]
    plain = SwapSettings(color_transfer="none")
    picture = open_shot_frames(job(tmp_path, shots), FAMILY, recorder()[1], plain).draw(shade, PLAIN)
    assert calls == [("bert", 2), ("anna", 2)]
    middles = [picture[270 * row + 150, 480 + x, 0] for row, x in enumerate((207, 212, 0, 210, 215))]
    assert [round(value / 255, 1) for value in middles[:2] + middles[3:]] == [0.8, 0.8, 0.2, 0.2]


def test_a_training_without_shots_leaves_no_picture_of_an_earlier_one(tmp_path, footage, monkeypatch):
    families, recipes = tiny_families()
    monkeypatch.setitem(FAMILIES, "quick", families["quick"])
    monkeypatch.setitem(RECIPES, "quick", recipes["quick"])
    monkeypatch.setattr("understudy.engine.pipelines.train._MUCH_WAITING", -1.0)
    done = train(job(tmp_path, [PreviewShot(footage, (3,), ((1, "bert"),))]), recorder()[1])
    picture = tmp_path / "model" / "preview_shots.png"
    assert picture.exists()
    assert 0.0 <= done.result["waiting_share"] < 1.0 and "Steps waited for their faces for " in done.summary
    assert done.result["preview_share"] > 0.0 and " steps. This run took " in done.summary
    assert " of it for saving and the last pictures. Previews took " in done.summary
    train(job(tmp_path, [], maximum_steps=3), recorder()[1])
    assert not picture.exists() and (tmp_path / "model" / "preview.png").exists()


def test_a_training_shows_the_shot_and_goes_on_without_one_that_is_lost(tmp_path, footage, monkeypatch):
    families, recipes = tiny_families()
    monkeypatch.setitem(FAMILIES, "quick", families["quick"])
    monkeypatch.setitem(RECIPES, "quick", recipes["quick"])
    lost = replace(footage, path=tmp_path / "lost")
    shots = [PreviewShot(lost, (3,), ((1, "bert"),)), PreviewShot(footage, (3,), ((1, "bert"),))]
    messages, reporter = recorder()
    done = train(job(tmp_path, shots), reporter)
    assert done.result["step"] == 2
    assert any("leaves out lost" in text for text in warnings(messages))
    picture = tmp_path / "model" / "preview_shots.png"
    # One wide frame: the swap lies below the plate, which fills a square better.
    assert cv2.imread(str(picture)).shape == (540, 480, 3)
    assert str(picture) in [item.path for item in messages if isinstance(item, Preview) and item.kind == "shots"]


def test_shots_survive_the_job_file_and_senseless_ones_are_refused(tmp_path, footage):
    asked = job(tmp_path, [PreviewShot(footage, (3, 4), ((1, "bert"), (2, "anna")), ((1, "anna"), (2, "bert")))])
    save_job(tmp_path / "job.json", asked)
    assert load_job(tmp_path / "job.json") == asked
    content = asked.shots[0].to_json()
    del content["targets"]
    assert PreviewShot.from_json(content) == replace(asked.shots[0], targets=()), "a job file from before targets"
    shot = PreviewShot(footage, (3,), ((1, "cleo"),))
    for make in (
        lambda: PreviewShot(footage, (), ((1, "bert"),)),
        lambda: job(tmp_path, [shot]),
        lambda: job(tmp_path, [PreviewShot(footage, (3,), ((1, "bert"),), ((1, "cleo"),))]),
        lambda: replace(asked, project=None),
    ):
        with pytest.raises(EngineError) as caught:
            make()
        assert caught.value.code is ErrorCode.JOB_INVALID


def given_sketch(asked, family=FAMILY):
    """Where the network is given the one face's eyes, in tenths of its side; bert's lie a tenth below all others'."""
    shape = landmarks_at((0.0, 0.0), 160.0) @ np.array([1, 1j])
    shapes = {item.performer: shape + 25.6j * (item.performer == "bert") for item in asked.performers}
    given = []
    frames = open_shot_frames(asked, family, recorder()[1], SwapSettings(color_transfer="none"))
    frames.draw(lambda faces, _who: (given.append(faces) or faces[..., :3], None), Sketcher(1.6, True, shapes))
    eyes = given[0][0, ..., 5]
    return (eyes.sum(axis=1) @ np.arange(32)) / eyes.sum() / 3.2


def test_a_sketch_is_moved_from_the_shape_of_whoever_the_shot_shows(tmp_path, footage):
    shot = PreviewShot(footage, (5,), ((-1, "bert"),))
    key = footage_key(footage)
    shown, other = (Project(tmp_path / "p.understudy").faceset(name) for name in (key, "other"))
    with FacesetWriter(shown, 64, 2.0) as writer:
        for track in (1, 2):
            place = {"landmarks": landmarks_at((32, 32), 32), "image_to_face": np.eye(2, 3)}
            record = FaceRecord(file="", media_frame=3, track=track, **place)
            writer.add(np.zeros((64, 64, 3), np.uint8), record)

    def cleo(folder, *tracks, files=()):
        return TrainingPerformer("cleo", (FacesetPart(folder, tracks, files),))

    own = given_sketch(job(tmp_path, [shot], [cleo(other)]))
    assert given_sketch(job(tmp_path, [shot])) == pytest.approx(own + 1.0, abs=0.15), "a cast of two"
    moved = {
        "said of the track": job(tmp_path, [replace(shot, targets=((1, "anna"),))], [cleo(other)]),
        "said of all tracks": job(tmp_path, [replace(shot, targets=((-1, "anna"),))], [cleo(other)]),
        "trained on all faces": job(tmp_path, [shot], [cleo(shown)]),
        "trained on this track": job(tmp_path, [replace(shot, targets=((-1, "bert"),))], [cleo(shown, 1)]),
        "trained on a file of it": job(tmp_path, [shot], [cleo(shown, files=("000003_t01.png",))]),
    }
    still = {
        "trained on another track": job(tmp_path, [shot], [cleo(shown, 2)]),
        "trained on another's file": job(tmp_path, [shot], [cleo(shown, files=("000003_t02.png",))]),
        "claimed by two": job(tmp_path, [shot], [cleo(shown, 1), TrainingPerformer("dora", (FacesetPart(shown),))]),
        "bert's own face": job(tmp_path, [replace(shot, targets=((-1, "bert"),))], [cleo(other)]),
    }
    assert {what: round(given_sketch(asked) - own) for what, asked in moved.items()} == dict.fromkeys(moved, 1)
    assert {what: round(given_sketch(asked) - own) for what, asked in still.items()} == dict.fromkeys(still, 0)


def test_one_command_draws_what_the_network_sees(tmp_path):
    asked = job(tmp_path, [])
    done = draw_training_views(asked, tmp_path / "vues.png", recorder()[1])
    assert done.result["flips"] == {"anna": 0.0, "bert": 0.0}
    height = cv2.imread(str(tmp_path / "vues.png")).shape[0]
    assert height == 2 * 4 * FAMILIES["quick"].face_size + 4, "stored face, picture, sketch and target of each"
    command = ["train", str(tmp_path / "model"), "--show-views", str(tmp_path / "same.png")]
    command += [word for name in ("anna", "bert") for word in ("--performer", f"{name}={tmp_path / name}")]
    assert main(command) == 0
    assert (tmp_path / "same.png").read_bytes() == (tmp_path / "vues.png").read_bytes()
    assert not (tmp_path / "model").exists()
    assert main([*command, "--augment-light", "1"]) == 0
    assert (tmp_path / "same.png").read_bytes() != (tmp_path / "vues.png").read_bytes()
