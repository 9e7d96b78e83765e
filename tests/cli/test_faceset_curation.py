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
            points = random.random((68, 2)).astype(np.float32)
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
    assert result("list", faceset)["faces"] == 1
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
