# SPDX-License-Identifier: GPL-3.0-or-later
"""Every order and every grouping of a faceset: what comes first, what belongs together, and that nothing is touched."""

import time
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from extract_material import Recorder, frame
from understudy.engine.contract.curation import GROUPS as GROUP_NAMES
from understudy.engine.contract.curation import ORDERS as ORDER_NAMES
from understudy.engine.contract.errors import EngineError
from understudy.engine.contract.settings import ExtractSettings
from understudy.engine.faces.alignment import align_face, face_matrix
from understudy.engine.faceset import looks as looks_module
from understudy.engine.faceset.appearance import FIGURES, picture_figures
from understudy.engine.faceset.bins import YAW
from understudy.engine.faceset.curate import ORDERS, sort_faces
from understudy.engine.faceset.duplicates import find_duplicates
from understudy.engine.faceset.grouping import GROUPS, group_faces
from understudy.engine.faceset.likeness import chain, clusters, lead
from understudy.engine.faceset.looks import APPEARANCE_FILE, Looks, identities_of, look_at
from understudy.engine.faceset.record import FaceRecord
from understudy.engine.faceset.store import Faceset, FacesetWriter, load_faceset
from understudy.engine.faceset.views import write_group_view
from understudy.engine.media.images import write_png
from understudy.engine.pipelines.face_search import load_models
from understudy.engine.runtime.reporter import Reporter

pytestmark = pytest.mark.engine

SIZE = 64
RANDOM = np.random.default_rng(11)
NOISE = cv2.resize(RANDOM.integers(0, 255, (16, 16, 3), dtype=np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def landmarks(mouth=0.0, eyes=4.0):
    points = (RANDOM.random((68, 2)) * 100).astype(np.float32)
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        points[lower] = points[upper] + (0, mouth)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        points[lower] = points[upper] + (0, eyes)
    return points


def record(frame_number, mouth=0.0, eyes=4.0, scale=1.0, **details):
    matrix = np.array([[scale, 0, 0], [0, scale, 0]], float)
    details.setdefault("track", 1)
    return FaceRecord(
        "", media_frame=frame_number, landmarks=landmarks(mouth, eyes), image_to_face=matrix, score=0.9, **details
    )


def write(folder: Path, faces):
    with FacesetWriter(folder, SIZE, 2.0) as writer:
        for image, item in faces:
            writer.add(image, item)
    return load_faceset(folder)


def flat(level, **shift):
    return np.clip(NOISE.astype(int) // 4 + np.array(level), 0, 255).astype(np.uint8)


def order(faceset, by, **options):
    return [item.record.media_frame for item in sort_faces(faceset, by, **options)]


def test_what_the_user_reads_and_what_the_engine_does_agree():
    assert list(ORDERS) == list(ORDER_NAMES)
    assert list(GROUPS) == list(GROUP_NAMES)


@pytest.mark.parametrize(
    ("by", "details", "expected"),
    [
        ("yaw", [{"yaw": 20.0}, {"yaw": -40.0}, {"yaw": 1.0}], [1, 2, 0]),
        ("pitch", [{"pitch": 20.0}, {"pitch": -40.0}, {"pitch": 1.0}], [1, 2, 0]),
        ("roll", [{"roll": 20.0}, {"roll": -40.0}, {"roll": 1.0}], [1, 2, 0]),
        ("occlusion", [{"occlusion": 0.5}, {"occlusion": 0.0}, {"occlusion": 0.2}], [1, 2, 0]),
        ("sharpness", [{"sharpness": 5.0}, {"sharpness": 25.0}, {"sharpness": 15.0}], [1, 2, 0]),
        ("exposure", [{"exposure": 0.5}, {"exposure": 0.1}, {"exposure": 0.3}], [1, 2, 0]),
        ("size", [{"scale": 0.5}, {"scale": 0.25}, {"scale": 1.0}], [1, 0, 2]),
        ("mouth", [{"mouth": 9.0}, {"mouth": 0.0}, {"mouth": 3.0}], [1, 2, 0]),
        ("eyes", [{"eyes": 4.0}, {"eyes": 0.5}, {"eyes": 2.0}], [1, 2, 0]),
        ("frame", [{}, {}, {}], [0, 1, 2]),
    ],
)
def test_orders_by_what_the_records_know_read_no_picture(tmp_path, monkeypatch, by, details, expected):
    faceset = write(tmp_path, [(flat(100), record(number, **item)) for number, item in enumerate(details)])
    monkeypatch.setattr(Faceset, "image", lambda *_: pytest.fail("a picture was read"))
    assert order(faceset, by) == expected


PHOTO = frame("train_A", 60)[128:384, 128:384]
PICTURES = {
    "blur": [PHOTO, cv2.GaussianBlur(PHOTO, (0, 0), 6), cv2.blur(PHOTO, (17, 1))],
    "exposure": [flat(120), flat(10), flat(60)],
    "contrast": [flat(90), np.full((SIZE, SIZE, 3), 90, np.uint8), (flat(90) // 2 + 50)],
    "saturation": [flat((180, 60, 40)), flat((90, 90, 90)), flat((130, 80, 70))],
    "hue": [flat((150, 130, 20)), flat((150, 20, 100)), flat((150, 40, 20))],
    "sharpness": [cv2.GaussianBlur(flat(90), (0, 0), 4), flat(90), cv2.GaussianBlur(flat(90), (0, 0), 1)],
}
EXPECTED = {
    "blur": [1, 2, 0],
    "exposure": [1, 2, 0],
    "contrast": [1, 2, 0],
    "saturation": [1, 2, 0],
    "hue": [1, 2, 0],
    "sharpness": [1, 2, 0],
}


@pytest.mark.parametrize("by", PICTURES)
def test_orders_by_what_the_pictures_show_work_on_plain_folders_too(tmp_path, by):
    for number, image in enumerate(PICTURES[by]):
        write_png(tmp_path / f"{number}.png", image)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    reporter = Recorder()
    ranked = sort_faces(load_faceset(tmp_path), by, reporter)
    assert [int(Path(item.record.file).stem) for item in ranked] == EXPECTED[by]
    assert any("broken.png" in text for text in reporter.warnings)
    # The second look reads what the first one kept, and says the same.
    assert [item.value for item in sort_faces(load_faceset(tmp_path), by)] == [item.value for item in ranked]


def test_light_from_the_side_is_told(tmp_path):
    shade = np.linspace(-60, 60, SIZE)[None, :, None]
    left, right = (np.clip(flat(90) + sign * shade, 0, 255).astype(np.uint8) for sign in (-1, 1))
    faceset = write(tmp_path, [(right, record(0)), (left, record(1)), (flat(90), record(2))])
    assert order(faceset, "light") == [1, 2, 0]


def test_a_plain_face_has_no_pose_and_the_user_reads_so(tmp_path):
    write_png(tmp_path / "plain.png", flat(90))
    reporter = Recorder()
    assert sort_faces(load_faceset(tmp_path), "yaw", reporter) == []
    assert any("plain.png" in text for text in reporter.warnings)


def test_dissimilar_puts_the_odd_one_first(tmp_path):
    colors = [(60, 60, 60), (62, 60, 60), (200, 20, 20), (61, 60, 60)]
    faceset = write(tmp_path, [(flat(color), record(number)) for number, color in enumerate(colors)])
    assert order(faceset, "dissimilar")[0] == 2


def test_near_duplicates_stand_together_led_by_the_best(tmp_path):
    other = flat(90)[:, ::-1]
    faces = [
        (flat(90), record(0)),
        (other, record(1)),
        (np.clip(flat(90).astype(int) + RANDOM.normal(0, 3, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8), record(2)),
        (flat(91), record(3, eyes=16.0, scale=0.25)),
    ]
    faceset = write(tmp_path, faces)
    ranked = sort_faces(faceset, "duplicates")
    # The one that was largest in the footage leads.
    assert ranked[0].record.media_frame == 3 and ranked[0].value == 0
    assert {item.record.media_frame for item in ranked[:3]} == {0, 2, 3}
    groups = group_faces(faceset, "duplicates")
    assert [(group.name, len(group.records)) for group in groups] == [("duplicates 1", 3), ("no duplicate", 1)]
    looks = look_at(faceset, faceset.records, Reporter())
    back = look_at(faceset, faceset.records[::-1], Reporter())
    leaders = {looks.records[i].file for i in np.unique(find_duplicates(looks, Reporter()).leaders)}
    assert leaders == {back.records[i].file for i in np.unique(find_duplicates(back, Reporter()).leaders)}


def test_another_expression_is_no_duplicate_however_alike_the_pictures_are(tmp_path):
    faces = [(flat(90), record(0)), (flat(90), record(1, mouth=4.0)), (flat(90), record(2, eyes=1.0))]
    (group,) = group_faces(write(tmp_path, faces), "duplicates")
    assert group.name == "no duplicate" and len(group.records) == 3


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("track", {"track 1": [0, 1], "track 2": [2]}),
        ("yaw", {YAW.names[0]: [0], YAW.names[3]: [1], YAW.names[5]: [2]}),
        ("size", {"16 to 16 px": [0, 1], "64 to 64 px": [2]}),
        ("mouth", {"mouth closed": [0, 1], "mouth open": [2]}),
        ("eyes", {"eyes shut": [2], "eyes open": [0, 1]}),
    ],
)
def test_groups(tmp_path, by, expected):
    faces = [
        (flat(90), record(0, yaw=-60.0, scale=2.0)),
        (flat(90), record(1, yaw=0.0, scale=2.0)),
        (flat(90), record(2, yaw=31.0, scale=0.5, track=2, mouth=9.0, eyes=0.5)),
    ]
    groups = group_faces(write(tmp_path, faces), by, shares=2)
    assert {group.name: [item.media_frame for item in group.records] for group in groups} == expected


def test_histogram_clusters_and_brightness_shares(tmp_path):
    levels = [(20, 20, 20), (180, 30, 30), (22, 20, 20), (30, 30, 180), (21, 20, 20), (181, 30, 30)]
    faceset = write(tmp_path, [(flat(level), record(number)) for number, level in enumerate(levels)])
    groups = group_faces(faceset, "histogram", shares=3)
    assert [[item.media_frame for item in group.records] for group in groups] == [[0, 2, 4], [1, 5], [3]]
    assert [len(group.records) for group in group_faces(faceset, "exposure", shares=2)] == [3, 3]


@pytest.fixture(scope="module")
def people():
    """Aligned faces of both demo performers with their landmarks."""
    models = load_models(ExtractSettings())
    found = []
    for clip, number in (("train_A", 60), ("train_B", 60), ("train_A", 75), ("train_B", 75), ("train_A", 90)):
        image = frame(clip, number)
        points, _ = models.fitter.fit(image, models.detector.detect(image)[0].box)
        matrix = face_matrix(points, 256, 2.0)
        found.append((align_face(image, matrix, 256), points, matrix))
    return found


def persons(folder: Path, people, is_plain: bool):
    if is_plain:
        for number, (image, _, _) in enumerate(people):
            cut = image[26:-26, 26:-26]
            write_png(folder / f"{number}.png", cut)
        return load_faceset(folder)
    with FacesetWriter(folder, 256, 2.0) as writer:
        for number, (image, points, matrix) in enumerate(people):
            writer.add(image, FaceRecord("", "", number, 1, landmarks=points, image_to_face=matrix))
    return load_faceset(folder)


@pytest.mark.parametrize("is_plain", [False, True])
def test_identities_are_measured_once_and_tell_two_people_apart(tmp_path, monkeypatch, people, is_plain):
    faceset = persons(tmp_path, people, is_plain)
    first = faceset.records[1].file
    ranked = sort_faces(faceset, "identity", reference=first)
    assert ranked[0].record.file == first and ranked[0].value == 0
    assert {item.record.file for item in ranked[:2]} == {faceset.records[1].file, faceset.records[3].file}
    assert {item.record.file for item in sort_faces(faceset, "identity")[:3]} == {
        faceset.records[i].file for i in (0, 2, 4)
    }
    monkeypatch.setattr(looks_module, "IdentityModel", lambda: pytest.fail("measured again"))
    groups = group_faces(faceset, "identity")
    assert [[faceset.records.index(item) for item in group.records] for group in groups] == [[0, 2, 4], [1, 3]]
    with pytest.raises(EngineError, match="nobody.png"):
        sort_faces(faceset, "identity", reference="nobody.png")
    (faceset.folder / first).write_bytes(b"broken")
    with pytest.raises(EngineError, match="wasn't readable"):
        sort_faces(faceset, "identity", reference=first)


def test_a_changed_picture_is_looked_at_again_and_a_damaged_cache_is_no_trouble(tmp_path):
    faceset = write(tmp_path, [(flat(20), record(0)), (flat(90), record(1))])
    assert order(faceset, "contrast") and (tmp_path / APPEARANCE_FILE).is_file()
    write_png(tmp_path / faceset.records[0].file, flat(150))
    looks = look_at(faceset, faceset.records, Reporter())
    assert looks.figure("exposure")[0] == pytest.approx(picture_figures(flat(150), 2.0)["exposure"], abs=1e-6)
    (tmp_path / APPEARANCE_FILE).write_bytes(b"PK broken")
    again = look_at(faceset, faceset.records, Reporter())
    assert (again.figures == looks.figures).all() and (again.small == looks.small).all()


def test_identities_known_to_the_records_need_no_model(tmp_path, monkeypatch):
    vectors = RANDOM.random((2, 128)).astype(np.float32)
    faceset = write(tmp_path, [(flat(90), record(i, identity=vector)) for i, vector in enumerate(vectors)])
    monkeypatch.setattr(looks_module, "IdentityModel", lambda: pytest.fail("not needed"))
    records, found = identities_of(faceset, faceset.records, Reporter())
    assert len(records) == 2 and (found == vectors).all()


def test_a_group_view_has_a_folder_for_each_group_and_the_faceset_stays(tmp_path):
    faceset = write(tmp_path / "set", [(flat(90), record(i, track=i % 2, yaw=40.0 * i)) for i in range(3)])
    before = {path.name: path.read_bytes() for path in faceset.folder.iterdir()}
    write_group_view(tmp_path / "view", faceset, group_faces(faceset, "yaw"))
    shown = sorted(path.relative_to(tmp_path / "view").as_posix() for path in (tmp_path / "view").rglob("*.png"))
    assert shown == [
        "1_ahead/1_000000_t00.png",
        "2_right-30-to-50/1_000001_t01.png",
        "3_right-beyond-50/1_000002_t00.png",
    ]
    assert {path.name: path.read_bytes() for path in faceset.folder.iterdir()} == before
    with pytest.raises(EngineError, match="isn't empty"):
        write_group_view(tmp_path / "view", faceset, [])


def test_an_empty_folder_has_every_order_and_group(tmp_path):
    for by in ORDERS:
        assert sort_faces(load_faceset(tmp_path), by) == []
    for by in GROUPS:
        assert group_faces(load_faceset(tmp_path), by) == []


def test_a_chain_visits_all_and_always_takes_the_closest():
    vectors = RANDOM.random((60, 8)).astype(np.float32)
    found, distances = chain(vectors, lambda done: False)
    assert sorted(found) == list(range(60)) and found[0] == 0
    for place in range(1, 60):
        rest = found[place:]
        exact = np.linalg.norm(vectors[rest] - vectors[found[place - 1]], axis=1)
        assert distances[place] == pytest.approx(exact.min(), abs=1e-3)
    stopped, _ = chain(vectors, lambda done: done >= 10)
    assert sorted(stopped) == list(range(60)) and stopped[:10] == found[:10]


def test_leaders_lead_all_within_reach_and_nobody_else():
    line = np.arange(10, dtype=np.float32)[:, None]
    leaders, distances = lead(line, 2.0, lambda done: False)
    assert leaders.tolist() == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9]
    assert distances.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]


def test_clusters_never_ask_for_more_than_there_are():
    assert clusters(np.ones((5, 3), np.float32), 4).tolist() == [0] * 5
    assert sorted(set(clusters(np.eye(3, dtype=np.float32), 9).tolist())) == [0, 1, 2]


def test_twenty_thousand_faces_need_no_table_of_all_pairs():
    count = 20_000
    records = tuple(FaceRecord(f"{i}.png", size=64) for i in range(count))
    small = RANDOM.integers(0, 8, (400, 256), dtype=np.uint8).repeat(50, axis=0) * 30
    looks = Looks(records, np.ones((count, len(FIGURES)), np.float32), np.empty((count, 192), np.float32), small)
    tracemalloc.start()
    began = time.process_time()
    found = find_duplicates(looks, Reporter())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.is_leader.sum() == 400
    # A table of all pairs would take 1.6 GB.
    assert peak < 200e6
    assert time.process_time() - began < 60
