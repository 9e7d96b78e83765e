# SPDX-License-Identifier: GPL-3.0-or-later
"""The training set: it covers what the shots need, leaves out what adds nothing, and says in words what is missing."""

from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from extract_material import Recorder
from understudy.engine.contract.build_faceset_job import BuildFacesetJob
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.jobs import TrainingPerformer
from understudy.engine.contract.performers import Performer, save_performer
from understudy.engine.contract.project import COVERAGE_FILE, TRAINING_SET_FILE, Project
from understudy.engine.contract.settings import BuildSettings, ExtractSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.contract.training_set import FacesetPart, NeededShot, load_training_set
from understudy.engine.faces.tracks import FaceTrack, TrackSet, save_tracks
from understudy.engine.faceset.coverage import ASPECTS, measure_coverage
from understudy.engine.faceset.coverage_picture import HEIGHT, WIDTH, draw_coverage
from understudy.engine.faceset.gaps import find_gaps, gap_sentences
from understudy.engine.faceset.record import FaceRecord
from understudy.engine.faceset.removing import remove_faces
from understudy.engine.faceset.selection import select_faces
from understudy.engine.faceset.store import FacesetWriter
from understudy.engine.faceset.traits import Traits, seen_in
from understudy.engine.media.images import read_image, write_png
from understudy.engine.pipelines.build_faceset import build_faceset
from understudy.engine.training.augmentation import View
from understudy.engine.training.dataset import read_faces

pytestmark = pytest.mark.engine

SIZE = 48
RANDOM = np.random.default_rng(5)


def traits(count, **given):
    """Frontal, evenly lit, quiet faces with open eyes, but for what is given."""
    usual = {"yaw": 0, "pitch": 0, "exposure": 0.4, "light": 0, "mouth": 0.02, "eyes": 1.0, "size": 150,
             "sharpness": 20}  # fmt: skip
    return Traits(**{name: np.full(count, value, float) + given.get(name, 0) for name, value in usual.items()})


def mixed(*parts):
    return Traits(
        **{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Traits)}
    )


def landmarks(mouth=2.0, eyes=7.0):
    points = (RANDOM.random((68, 2)) * 100).astype(np.float32)
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        points[lower] = points[upper] + (0, mouth)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        points[lower] = points[upper] + (0, eyes)
    return points


def picture(level=100):
    noise = cv2.resize(RANDOM.integers(0, 255, (12, 12, 3), dtype=np.uint8), (SIZE, SIZE))
    return np.clip(noise.astype(int) // 2 + level - 60, 0, 255).astype(np.uint8)


def write_faces(folder: Path, details, images=None):
    with FacesetWriter(folder, SIZE, 2.0) as writer:
        for number, item in enumerate(details):
            image = picture() if images is None else images[number]
            record = FaceRecord("", "", number, item.pop("track", 1), landmarks=landmarks(),
                                image_to_face=np.eye(3)[:2] * 0.24, **item)  # fmt: skip
            writer.add(image, record)
    return folder


def write_shot(project: Project, yaw, key="shot-1"):
    """A shot of one face track with the given turns of the head, one frame each, the last one bridged."""
    count = len(yaw)
    points = np.stack([landmarks() for _ in yaw])
    figures = {name: np.zeros(count, np.float32) for name in ("pitch", "roll", "occlusion")}
    bridged = np.zeros(count, bool)
    bridged[-1] = True
    track = FaceTrack(
        id=1, frames=np.arange(count, dtype=np.int32), landmarks=points, raw_landmarks=points,
        boxes=np.zeros((count, 4), np.float32), scores=np.ones(count, np.float32), bridged=bridged,
        identity=np.zeros(128, np.float32), yaw=np.array(yaw, np.float32), size=np.full(count, 100, np.float32),
        sharpness=np.full(count, 20, np.float32), exposure=np.full(count, 0.4, np.float32), **figures,
    )  # fmt: skip
    found = TrackSet(Footage(Path("shot.mov")), key, 640, 480, Fraction(25), count, (FrameRange(0, count),),
                     ExtractSettings(), (track,))  # fmt: skip
    save_tracks(project.footage(key), found)
    return NeededShot(key)


@pytest.fixture
def project(tmp_path):
    found = Project(tmp_path / "Schöner Film.understudy")
    found.create()
    save_performer(found.performers, Performer("berta", "Berta Ä."))
    return found


def job(project, details, yaw=(0.0,) * 20, images=None, **settings):
    folder = write_faces(project.faceset("berta-1"), details, images)
    return BuildFacesetJob(
        project.root, "berta", (FacesetPart(folder, (1,)),), (write_shot(project, yaw),), BuildSettings(**settings)
    )


def chosen_of(project):
    return load_training_set(project.training_set("berta") / TRAINING_SET_FILE)


def yaw_details(values, **more):
    return [{"yaw": float(value), "sharpness": 20.0, **more} for value in values]


def test_the_faces_that_the_shots_need_are_chosen_first(project):
    request = job(project, yaw_details([-60] * 30 + [40] * 30 + [0] * 30), [40.0] * 40, maximum_faces=25)
    done = build_faceset(request, Recorder())
    (part,) = chosen_of(project).parts
    assert len(part.files) == 25 and all(30 <= int(name[:6]) < 60 for name in part.files)
    assert done.result["chosen"] == 25 and done.result["coverage"]["pose"] == 1.0
    assert done.result["sentences"][0].startswith("25 of 90 faces of Berta Ä. are chosen.")


def test_all_kinds_of_faces_are_covered_before_one_is_doubled():
    need = mixed(*(traits(20, yaw=yaw, mouth=mouth) for yaw in (-40, 0, 40) for mouth in (0, 0.2)))
    supply = mixed(traits(500), *(traits(3, yaw=yaw, mouth=mouth) for yaw in (-40, 0, 40) for mouth in (0, 0.2)))
    taken = select_faces(need, supply, np.ones(len(supply)), 12)
    kinds = {(supply.yaw[i], round(supply.mouth[i], 2)) for i in taken}
    assert len(kinds) == 6
    assert (select_faces(need, supply, np.ones(len(supply)), 12) == taken).all()


def test_of_equal_faces_the_better_one_is_taken():
    supply = traits(3)
    taken = select_faces(traits(10), supply, np.array([0.2, 1.0, 0.5]), 2)
    assert taken.tolist() == [1, 2]


def test_a_greedy_choice_is_worth_at_least_the_guaranteed_share_of_the_best():
    """Against all pairs of a small set; the bound is 1 - 1/e (Nemhauser, Wolsey and Fisher 1978)."""
    need = traits(12, yaw=RANDOM.normal(0, 30, 12), mouth=RANDOM.random(12) * 0.2)
    supply = traits(10, yaw=RANDOM.normal(0, 30, 10), mouth=RANDOM.random(10) * 0.2)

    def worth(indices):
        total = 0.0
        for names in (
            (("yaw", 12.0), ("pitch", 10.0)),
            (("exposure", 0.1), ("light", 0.1)),
            (("mouth", 0.03), ("eyes", 0.15)),
        ):
            for point in range(12):
                closeness = sum(
                    np.exp(-0.5 * sum(((getattr(supply, n)[i] - getattr(need, n)[point]) / w) ** 2 for n, w in names))
                    for i in indices
                )
                total += np.log1p(closeness)
        return total

    taken = select_faces(need, supply, np.ones(10), 2)
    best = max(worth((a, b)) for a in range(10) for b in range(a))
    assert worth(taken) >= (1 - 1 / np.e) * best


def test_near_duplicates_and_hidden_faces_are_left_out(project):
    images = [picture() for _ in range(70)]
    images += [np.clip(images[i].astype(int) + 1, 0, 255).astype(np.uint8) for i in range(10)]
    details = yaw_details([0] * 80)
    details[5]["occlusion"] = 0.9
    done = build_faceset(job(project, details, images=images), Recorder())
    assert (done.result["duplicates"], done.result["hidden"], done.result["chosen"]) == (9, 1, 70)
    kept = build_faceset(replace(job(project, yaw_details([0] * 80), images=images),
                                 settings=BuildSettings(drop_duplicates=False)), Recorder())  # fmt: skip
    assert kept.result["chosen"] == 80


def test_a_still_face_leaves_enough_to_train_on(project):
    still = picture()
    done = build_faceset(job(project, yaw_details([0] * 100), images=[still] * 100), Recorder())
    assert done.result["chosen"] == 60


def test_the_worst_gaps_are_said_with_what_to_film():
    need = mixed(traits(82), traits(18, yaw=-40))
    (sentence,) = gap_sentences("Berta", need, traits(200), needed_s=25.0)
    assert sentence == (
        "No face of Berta looks to the left of the picture beyond 15°; 18 % of the shots need it. "
        "Film about 10 s of it."
    )
    partly = mixed(traits(200), traits(50, yaw=-20), traits(1, yaw=-45))
    (sentence,) = gap_sentences("Berta", need, partly, needed_s=25.0)
    assert sentence.startswith("Only 1 face of Berta looks to the left of the picture beyond 30°;")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"yaw": 60}, "looks to the right of the picture beyond 15°"),
        ({"pitch": -20}, "looks down beyond 10°"),
        ({"pitch": 30}, "looks up beyond 10°"),
        ({"exposure": -0.3}, "is that dark"),
        ({"exposure": 0.3}, "is that bright"),
        ({"light": -0.3}, "is lit from the left of the picture"),
        ({"light": 0.3}, "is lit from the right of the picture"),
        ({"mouth": 0.2}, "has the mouth open"),
        ({"eyes": -0.5}, "has the eyes shut"),
    ],
)
def test_every_kind_of_gap_is_found_and_nothing_else(given, says):
    need = mixed(traits(50), traits(50, **given))
    assert [gap.what for gap in find_gaps(need, traits(100))] == [says]
    assert find_gaps(need, need) == []


def test_a_single_missing_pose_is_told_when_turns_and_nods_alone_are_there():
    supply = mixed(traits(50), traits(50, yaw=40), traits(50, pitch=20))
    need = mixed(traits(80), traits(20, yaw=40, pitch=20))
    assert [gap.what for gap in find_gaps(need, supply)] == ["looks right 30 to 50° and up 10 to 25°"]


def test_small_faces_for_large_shots_are_told():
    (sentence,) = gap_sentences("Berta", traits(50, size=250), traits(50), 10.0)
    assert "400 px" in sentence and "150 px" in sentence


def test_unknown_traits_are_neither_need_nor_supply():
    unknown = replace(traits(10), light=np.full(10, np.nan), yaw=np.full(10, np.nan))
    pose, light, expression, _ = measure_coverage(unknown, unknown, unknown)
    assert not any(map(any, pose.need)) and not any(map(any, light.supply))
    assert expression.covered == 1.0
    assert find_gaps(unknown, traits(10)) == []
    assert len(select_faces(unknown, traits(10), np.ones(10), 5)) == 5


def test_coverage_adds_up():
    need, supply = mixed(traits(50), traits(50, yaw=40)), mixed(traits(10), traits(3, yaw=40))
    for aspect, item in zip(ASPECTS, measure_coverage(need, supply, supply), strict=True):
        assert item.name == aspect.name and np.sum(item.need) == pytest.approx(1)
        assert np.sum(item.supply) == np.sum(item.chosen) == 13
    assert measure_coverage(need, supply, supply)[0].covered == 0.5


def test_bridged_frames_and_frames_that_are_not_shown_are_no_need(project):
    request = job(project, yaw_details([0] * 20), [0.0] * 10 + [80.0] * 10)
    shot = replace(request.shots[0], ranges=(FrameRange(0, 10), FrameRange(19, 2**31)))
    build_faceset(replace(request, shots=(shot,)), Recorder())
    pose = chosen_of(project).coverage[0]
    assert pose.need[2][3] == 1.0
    from understudy.engine.faces.tracks import load_tracks

    assert seen_in(load_tracks(project.footage("shot-1")).tracks[0], ()).tolist() == list(range(19))


def test_the_picture_shows_gaps_and_covered_bins(project):
    build_faceset(job(project, yaw_details([0] * 30), [0.0] * 10 + [40.0] * 11), Recorder())
    image = read_image(project.training_set("berta") / COVERAGE_FILE)
    assert image.shape == (HEIGHT, WIDTH, 3)
    colors = {tuple(color) for color in image.reshape(-1, 3)[::7]}
    assert (0, 158, 115) in colors and (213, 94, 0) in colors
    calm = draw_coverage("名 " * 300, chosen_of(project).coverage)
    assert calm.shape == image.shape


def test_training_reads_the_chosen_faces_only(project):
    build_faceset(job(project, yaw_details([0] * 30 + [-60] * 30), [0.0] * 20, maximum_faces=12), Recorder())
    chosen = chosen_of(project)
    view = View(size=16, coverage=1.0)
    found = read_faces(TrainingPerformer("berta", chosen.chosen_parts()), view, 2.0, Recorder())
    assert len(found.learned) == 12
    # A chosen face that was removed since is passed over.
    remove_faces(project.faceset("berta-1"), chosen.parts[0].files[:2])
    found = read_faces(TrainingPerformer("berta", chosen.chosen_parts()), view, 2.0, Recorder())
    assert len(found.learned) == 10


def test_a_set_is_fresh_until_faces_change(project, tmp_path):
    request = job(project, yaw_details([0] * 20))
    build_faceset(request, Recorder())
    chosen = chosen_of(project)
    assert chosen.is_fresh(request.faces)
    assert not chosen.is_fresh((FacesetPart(request.faces[0].folder, (1, 2)),))
    assert not chosen.is_fresh((*request.faces, FacesetPart(tmp_path)))
    moved = project.root.rename(tmp_path / "moved.understudy")
    there = load_training_set(Project(moved).training_set("berta") / TRAINING_SET_FILE)
    assert there.parts[0].folder == Project(moved).faceset("berta-1")
    remove_faces(there.parts[0].folder, there.parts[0].files[:1])
    assert not there.is_fresh((FacesetPart(there.parts[0].folder, (1,)),))


def test_plain_faces_and_several_parts_are_chosen_from_too(project, tmp_path):
    request = job(project, yaw_details([0] * 10))
    for number in range(6):
        write_png(tmp_path / "plain" / f"{number}.png", picture())
    (tmp_path / "plain" / "broken.png").write_bytes(b"no picture")
    recorder = Recorder()
    build_faceset(replace(request, faces=(*request.faces, FacesetPart(tmp_path / "plain"))), recorder)
    assert [len(part.files) for part in chosen_of(project).parts] == [10, 6]
    assert any("broken.png" in text for text in recorder.warnings)


def test_a_shot_without_tracks_is_left_out_and_named(project):
    request = job(project, yaw_details([0] * 20))
    recorder = Recorder()
    build_faceset(replace(request, shots=(NeededShot("nowhere"), *request.shots)), recorder)
    assert chosen_of(project).shots == request.shots
    assert [text for text in recorder.warnings if text.startswith("Left out: ") and "nowhere" in text]


def test_what_can_not_be_built_is_a_sentence(project):
    request = job(project, yaw_details([0] * 20, occlusion=0.9))
    with pytest.raises(EngineError, match="None of the 20 faces of Berta") as caught:
        build_faceset(request, Recorder())
    assert caught.value.code == ErrorCode.NO_FACES
    with pytest.raises(EngineError) as caught:
        build_faceset(replace(request, shots=(NeededShot("nowhere"),)), Recorder())
    assert caught.value.code == ErrorCode.TRACKS_MISSING
    with pytest.raises(EngineError, match="show no face"):
        build_faceset(replace(request, shots=(NeededShot("shot-1", ranges=(FrameRange(900, 901),)),)), Recorder())
    assert not project.training_set("berta").exists()


def test_stopping_leaves_the_set_of_before(project):
    request = job(project, yaw_details([0] * 20))
    build_faceset(request, Recorder())
    before = (project.training_set("berta") / TRAINING_SET_FILE).read_bytes()
    done = build_faceset(replace(request, settings=BuildSettings(maximum_faces=8)), Recorder(stop_after=1))
    assert done.stopped and (project.training_set("berta") / TRAINING_SET_FILE).read_bytes() == before


@pytest.mark.parametrize("text", ["{", '{"schema": "understudy.trainingset", "version": 1}'])
def test_a_damaged_set_is_a_sentence(tmp_path, text):
    path = tmp_path / TRAINING_SET_FILE
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EngineError, match=r"trainingset\.json") as caught:
        load_training_set(path)
    assert caught.value.code == ErrorCode.FACESET_UNREADABLE
