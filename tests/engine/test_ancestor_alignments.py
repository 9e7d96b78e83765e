# SPDX-License-Identifier: GPL-3.0-or-later
"""The ancestor's alignments: read and written, dangerous files refused, no picture lost or hung on."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import yaml
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.messages import Log
from understudy.engine.faces.geometry import CANONICAL_INNER
from understudy.engine.faceset.ancestor import (
    AncestorFace,
    read_alignments,
    turn_back,
    write_alignments,
)
from understudy.engine.faceset.exporting import ExportPlan, export_faces
from understudy.engine.faceset.importing import ImportPlan, import_faces
from understudy.engine.faceset.store import load_faceset
from understudy.engine.media.images import read_image, write_png
from understudy.engine.runtime.reporter import CallbackReporter

pytestmark = pytest.mark.engine


def face_points(center: tuple[float, float] = (60.0, 50.0), side: float = 40.0) -> np.ndarray:
    """Return 68 landmarks of an upright face; the jaw is a plain arc, only the inner ones decide the alignment."""
    angles = np.linspace(np.pi, 0, 17)
    jaw = np.stack([np.cos(angles), np.sin(angles)], axis=1) * 0.8
    return np.concatenate([jaw, CANONICAL_INNER]) * side + center


def entry(points: np.ndarray | None = None, rotation: int = 0) -> dict:
    points = face_points() if points is None else points
    return {"r": rotation, "x": 40, "y": 30, "w": 40, "h": 44, "landmarksXY": points.tolist()}


def picture(path: Path, size: tuple[int, int] = (120, 100)) -> np.ndarray:
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    image = np.stack([columns * 2, rows * 2, (rows + columns) % 256], axis=-1).astype(np.uint8)
    write_png(path, image)
    return image


@pytest.mark.parametrize("suffix", [".json", ".yml", ".yaml"])
def test_write_and_read(tmp_path, suffix):
    path = tmp_path / f"alignments ä{suffix}"
    points = face_points() + 0.123456
    write_alignments(path, {"b 2.png": [AncestorFace(90, (1, 2, 3, 4), points)], "leer 名.png": []})
    found = read_alignments(path)
    assert list(found) == ["b 2.png", "leer 名.png"]
    face = found["b 2.png"][0]
    assert (face.rotation, face.box) == (90, (1, 2, 3, 4))
    assert np.abs(face.landmarks - points).max() < 0.0006
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(content["b 2.png"][0]) == {"r", "x", "y", "w", "h", "landmarksXY"}
    assert all(isinstance(content["b 2.png"][0][key], int) for key in "rxywh")


def test_whole_numbers_as_the_ancestor_wrote_them_are_read(tmp_path):
    path = tmp_path / "alignments.json"
    path.write_text(json.dumps({"1.png": [entry(np.rint(face_points()).astype(int))]}, indent=2), encoding="utf-8")
    assert read_alignments(path)["1.png"][0].landmarks.dtype == np.float64


def test_d09_the_given_path_counts_not_the_default_place(tmp_path):
    pictures = tmp_path / "pictures"
    picture(pictures / "1.png")
    (pictures / "alignments.json").write_text("broken", encoding="utf-8")
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps({"1.png": [entry()]}), encoding="utf-8")
    done = import_faces(ImportPlan(elsewhere, pictures, tmp_path / "set", 64, 2.0))
    assert done.result["faces"] == 1
    gone = ImportPlan(tmp_path / "gone.json", pictures, tmp_path / "other", 64, 2.0)
    with pytest.raises(EngineError, match=r"gone\.json") as caught:
        import_faces(gone)
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNREADABLE


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


@pytest.mark.parametrize("name", ["alignments.p", "alignments.PKL", "alignments.json", "alignments.yml"])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_d13_pickle_is_refused_by_name_and_by_content(tmp_path, monkeypatch, name, protocol):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"1.png": [Trap()]}, protocol=protocol))
    with pytest.raises(EngineError, match=path.name) as caught:
        read_alignments(path)
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNSAFE
    assert not (tmp_path / "sprung").exists()
    if path.suffix.lower() in (".p", ".pkl"):
        with pytest.raises(EngineError):
            write_alignments(path, {})


def test_d13_yaml_that_asks_for_python_objects_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "alignments.yml"
    path.write_text("1.png: !!python/object/apply:pathlib.Path.touch [sprung]\n", encoding="utf-8")
    with pytest.raises(EngineError) as caught:
        read_alignments(path)
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNSAFE
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1, 2]",
        "{broken",
        json.dumps({"1.png": 5}),
        json.dumps({"1.png": [{"x": 1}]}),
        json.dumps({"1.png": [{**entry(), "landmarksXY": [[1, 2]] * 67}]}),
        json.dumps({"1.png": [{**entry(), "landmarksXY": [[1, float("nan")]] * 68}]}),
        json.dumps({"1.png": [{**entry(), "r": 45}]}),
    ],
)
def test_a_wrong_file_is_a_sentence_that_names_it(tmp_path, content):
    path = tmp_path / "alignments.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(EngineError, match=r"alignments\.json") as caught:
        read_alignments(path)
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNREADABLE


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_turned_points_come_back_to_the_unturned_picture(rotation):
    image = np.arange(5 * 7).reshape(5, 7)
    turned = np.rot90(image, rotation // 90)
    for y in range(turned.shape[0]):
        for x in range(turned.shape[1]):
            back = turn_back(np.array([[x, y]]), rotation, width=7, height=5)[0].astype(int)
            assert image[back[1], back[0]] == turned[y, x]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_face_gives_the_same_aligned_face(tmp_path, rotation):
    picture(tmp_path / "in" / "1.png")
    upright = read_image(tmp_path / "in" / "1.png")
    turned_points = turn_back(face_points(), -rotation % 360, *_turned_size(upright, rotation))
    path = tmp_path / "alignments.json"
    path.write_text(json.dumps({"1.png": [entry(turned_points, rotation)]}), encoding="utf-8")
    import_faces(ImportPlan(path, tmp_path / "in", tmp_path / "set", 64, 2.0))
    faceset = load_faceset(tmp_path / "set")
    assert faceset.records[0].rotation == rotation
    assert np.abs(faceset.records[0].landmarks - face_points()).max() < 1e-3
    # The crop's center is the face's center, seen in the picture's own gradients.
    center = faceset.image(faceset.records[0])[30:34, 30:34].mean(axis=(0, 1))
    assert np.abs(center[:2] - (120, 100)).max() < 3


def _turned_size(image: np.ndarray, rotation: int) -> tuple[int, int]:
    height, width = np.rot90(image, rotation // 90).shape[:2]
    return width, height


def test_unreadable_and_missing_pictures_are_named_and_skipped_in_natural_order(tmp_path):
    for number in (1, 2, 10):
        picture(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"broken")
    picture(tmp_path / "unknown.png")
    path = tmp_path / "alignments.json"
    names = ["10.png", "2.png", "gone.png", "1.png"]
    path.write_text(json.dumps({name: [entry()] for name in names}), encoding="utf-8")
    messages = []
    done = import_faces(ImportPlan(path, tmp_path, tmp_path / "set", 64, 2.0), CallbackReporter(messages.append))
    assert done.result == {
        "faceset_folder": str(tmp_path / "set"),
        "format": "the ancestor's alignments",
        "pictures": 3,
        "faces": 2,
        "missing": ["gone.png"],
    }
    assert [record.picture for record in load_faceset(tmp_path / "set").records] == ["1.png", "10.png"]
    warnings = " ".join(m.text for m in messages if isinstance(m, Log) and m.level == "warning")
    assert all(name in warnings for name in ("2.png", "gone.png", "unknown.png"))


def test_alignments_without_faces_are_a_sentence(tmp_path):
    picture(tmp_path / "1.png")
    (tmp_path / "alignments.json").write_text(json.dumps({"1.png": []}), encoding="utf-8")
    with pytest.raises(EngineError) as caught:
        import_faces(ImportPlan(tmp_path / "alignments.json", tmp_path, tmp_path / "set"))
    assert caught.value.code == ErrorCode.NO_FACES


@pytest.mark.parametrize("suffix", [".json", ".yml"])
def test_there_and_back(tmp_path, suffix):
    for number in (1, 2):
        picture(tmp_path / "in" / f"{number}.png")
    source = tmp_path / "in" / "alignments.json"
    moved = face_points((70.5, 45.25), 30)
    source.write_text(json.dumps({"1.png": [entry(), entry(moved)], "2.png": []}), encoding="utf-8")
    import_faces(ImportPlan(source, tmp_path / "in", tmp_path / "set", 64, 2.0))
    target = tmp_path / f"out{suffix}"
    done = export_faces(ExportPlan(tmp_path / "set", target))
    assert (done.result["pictures"], done.result["faces"]) == (2, 2)
    found = read_alignments(target)
    assert list(found) == ["1.png", "2.png"]
    assert np.abs(found["1.png"][1].landmarks - moved).max() < 0.01
    assert found["1.png"][0].box == (40, 30, 40, 44)


def test_footage_is_exported_under_its_numbered_names(tmp_path):
    from understudy.engine.faceset.record import FaceRecord
    from understudy.engine.faceset.store import FacesetWriter

    with FacesetWriter(tmp_path / "set", 64, 2.0) as writer:
        known = FaceRecord("", media_frame=4, track=1, landmarks=face_points(), image_to_face=np.eye(3)[:2])
        writer.add(np.zeros((64, 64, 3), np.uint8), known)
    export_faces(ExportPlan(tmp_path / "set", tmp_path / "a.json", pattern="frame_%05d.png", first=0))
    assert list(read_alignments(tmp_path / "a.json")) == ["frame_00004.png"]
    with pytest.raises(EngineError, match="no pattern"):
        export_faces(ExportPlan(tmp_path / "set", tmp_path / "a.json", pattern="frame.png"))
