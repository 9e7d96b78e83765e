# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking through a faceset in a terminal, taking faces out, bringing them back; the same as the library does."""

import numpy as np
import pytest
from launching import messages, run
from understudy.engine.contract.curation import GROUPS, ORDERS

pytestmark = pytest.mark.engine


@pytest.fixture
def faceset(tmp_path):
    from understudy.engine.faceset.record import FaceRecord
    from understudy.engine.faceset.store import FacesetWriter

    random = np.random.default_rng(2)
    folder = tmp_path / "Gesichter ä 名"
    with FacesetWriter(folder, 32, 2.0) as writer:
        for number, yaw in enumerate((-60.0, 0.0, 5.0, 40.0)):
            points = np.zeros((68, 2), np.float32)
            record = FaceRecord("", "", number, 1, landmarks=points, image_to_face=np.eye(3)[:2], yaw=yaw)
            writer.add(random.integers(0, 255, (32, 32, 3), dtype=np.uint8), record)
    return folder


def result(*arguments):
    return messages(run("--json", "faceset", *arguments).stdout)[-1].result


def test_help_lists_every_order_and_grouping():
    for action, table in (("sort", ORDERS), ("group", GROUPS)):
        shown = " ".join(run("faceset", action, "--help").stdout.split())
        assert all(f"{name}:" in shown for name in table), action


def test_sort_and_group_agree_with_the_library(faceset, tmp_path):
    from understudy.engine.faceset.curate import sort_faces
    from understudy.engine.faceset.grouping import group_faces
    from understudy.engine.faceset.store import load_faceset

    loaded = load_faceset(faceset)
    expected = [{"file": face.record.file, "value": face.value} for face in sort_faces(loaded, "yaw")]
    assert result("sort", faceset, "--by", "yaw")["faces"] == expected
    found = result("group", faceset, "--by", "yaw", "--view", tmp_path / "view")
    groups = group_faces(loaded, "yaw")
    assert found["groups"] == [{"name": g.name, "files": [r.file for r in g.records]} for g in groups]
    assert len(list((tmp_path / "view").iterdir())) == len(groups) == 3


def test_remove_by_name_and_by_group_and_restore(faceset):
    assert result("remove", faceset, "000000_t01.png", "--reason", "müde") == {"number": 1, "files": ["000000_t01.png"]}
    by_group = result("remove", faceset, "--by", "yaw", "--group", "ahead")
    assert by_group["files"] == ["000001_t01.png", "000002_t01.png"]
    assert (result("list", faceset)["faces"], result("list", faceset)["removed"]) == (1, 3)
    history = result("removals", faceset)
    assert history["out"] == 3 and history["history"][0]["reason"] == "müde"
    assert result("restore", faceset)["files"] == by_group["files"]
    assert result("restore", faceset, "--number", 1)["files"] == ["000000_t01.png"]
    assert result("remove", faceset, "--by", "yaw", "--group", "2")["files"] == by_group["files"]
    assert sorted(path.name for path in faceset.glob("*.png")) == [f"00000{n}_t01.png" for n in range(4)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("remove", "--group", "ahead"), "--by"),
        (("remove", "--by", "yaw", "--group", "sideways"), "ahead"),
        (("remove", "nobody.png"), "nobody.png"),
        (("remove",), "No face"),
        (("restore",), "can be undone"),
        (("group", "--by", "size", "--shares", "0"), "at least one"),
        (("sort", "--by", "identity", "--reference", "nobody.png"), "nobody.png"),
    ],
)
def test_what_can_not_be_done_is_a_sentence(faceset, arguments, says):
    ended = run("faceset", arguments[0], faceset, *arguments[1:])
    assert ended.returncode == 1
    assert says in ended.stderr and "Traceback" not in ended.stderr


@pytest.fixture
def project(tmp_path):
    """A project with the faces of a performer and a shot that turns further than they do."""
    from fractions import Fraction

    from understudy.engine.contract.project import Project
    from understudy.engine.contract.settings import ExtractSettings
    from understudy.engine.contract.timing import Footage, FrameRange
    from understudy.engine.faces.tracks import FaceTrack, TrackSet, save_tracks

    project = Project(tmp_path / "Film ä.understudy")
    count = 20
    points = np.zeros((count, 68, 2), np.float32)
    zeros, ones = np.zeros(count, np.float32), np.ones(count, np.float32)
    track = FaceTrack(
        1, np.arange(count, dtype=np.int32), points, points, np.zeros((count, 4), np.float32), ones,
        np.zeros(count, bool), np.zeros(128, np.float32), zeros + 70, zeros, zeros, ones * 100, ones * 20, ones * 0.4,
        zeros,
    )  # fmt: skip
    footage, ranges = Footage(tmp_path / "shot.mov"), (FrameRange(0, count),)
    found = TrackSet(footage, "shot-1", 640, 480, Fraction(25), count, ranges, ExtractSettings(), (track,))
    save_tracks(project.footage("shot-1"), found)
    return project


def test_build_writes_the_set_that_the_library_chooses_and_train_takes_it(faceset, project):
    from understudy.engine.contract.training_set import load_training_set
    from understudy.engine.pipelines.build_faceset import build_faceset
    from understudy.engine.runtime.reporter import CallbackReporter, Reporter
    from understudy.training_cli.commands.train import job_from
    from understudy.training_cli.curation import build_job
    from understudy.training_cli.main import build_parser

    arguments = ["build", "Berta", "--project", project.root, "--faces", f"{faceset}:1", "--shots", "shot-1:1",
                 "--ranges", "5-max", "--maximum-faces", "8"]  # fmt: skip
    found = result(*arguments)
    assert found["chosen"] == 4 and any("looks to the right of the picture" in text for text in found["sentences"])
    written = load_training_set(project.training_set("berta") / "trainingset.json")
    parsed = build_parser("faceset").parse_args(["faceset", *map(str, arguments)])
    assert build_faceset(build_job(parsed, Reporter()), Reporter()).result == found
    parsed.shots.append((str(faceset / "no such.mov"), ()))
    told = []
    again = build_job(parsed, CallbackReporter(told.append))
    assert [shot.key for shot in again.shots] == ["shot-1"] and "no such.mov" in told[0].text
    assert load_training_set(project.training_set("berta") / "trainingset.json") == written
    line = ["train", str(faceset / "model"), "--performer", f"berta={found['training_set']}",
            "--performer", f"anna={faceset}"]  # fmt: skip
    training = job_from(build_parser("train").parse_args(line))
    assert training.performers[0].faces == written.chosen_parts() and training.performers[0].faces[0].files
    assert training.performers[1].faces[0].files == ()


def test_build_without_tracks_is_a_sentence(faceset, project):
    ended = run("faceset", "build", "berta", "--project", project.root, "--faces", faceset, "--shots", "no such.mov")
    assert ended.returncode == 1 and "no such.mov" in ended.stderr and "Traceback" not in ended.stderr
