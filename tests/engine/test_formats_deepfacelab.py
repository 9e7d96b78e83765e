# SPDX-License-Identifier: GPL-3.0-or-later
"""DeepFaceLab's face pictures: there and back within stated limits, and damaged or hostile ones as sentences."""

import pickle
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from format_material import by_place, landmarks, listener, make_faceset, peak_signal_to_noise
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.faces.geometry import fit_similarity, transform_points
from understudy.engine.faceset.deepfacelab import face_type_for, read_deepfacelab_picture
from understudy.engine.faceset.exporting import ExportPlan, export_faces
from understudy.engine.faceset.importing import ImportPlan, import_faces
from understudy.engine.faceset.mean_face import deepfacelab_matrix
from understudy.engine.faceset.store import load_faceset
from understudy.engine.media.images import encode_png
from understudy.engine.media.jpeg_segments import APP15, jpeg_segments, with_segment

pytestmark = pytest.mark.engine

TO_PICTURE = deepfacelab_matrix(landmarks(), 256, "whole_face")


def jpeg(side=256) -> bytes:
    return cv2.imencode(".jpg", np.full((side, side, 3), 90, np.uint8))[1].tobytes()


def content(**more) -> dict:
    """Return a dictionary as DeepFaceLab keeps it; None takes a key out."""
    data = {
        "face_type": "whole_face",
        "landmarks": transform_points(TO_PICTURE, landmarks()).tolist(),
        "source_filename": "名 1.png",
        "source_rect": (np.int32(150), 90, 250, 210),
        "source_landmarks": landmarks().tolist(),
        "image_to_face_mat": TO_PICTURE,
        **more,
    }
    return {key: value for key, value in data.items() if value is not None}


def write_jpeg(path: Path, data, protocol=4) -> Path:
    path.write_bytes(with_segment(jpeg(), APP15, pickle.dumps(data, protocol)))
    return path


def as_deepfacelab_loads(path: Path) -> dict:
    """Read a picture with the standard library's loader, as DeepFaceLab does."""
    (body,) = (body for marker, body, _ in jpeg_segments(path.read_bytes()) if marker == APP15)
    return pickle.loads(body)


def test_there_and_back_keeps_landmarks_exactly_and_pixels_closely(tmp_path):
    ours = make_faceset(tmp_path / "set", tmp_path / "frames")
    export_faces(ExportPlan(tmp_path / "set", tmp_path / "faces", "deepfacelab"))
    assert sorted(path.name for path in (tmp_path / "faces").iterdir()) == ["ö 2_0.jpg", "名 1_0.jpg", "名 1_1.jpg"]
    reporter, warnings = listener()
    import_faces(ImportPlan(tmp_path / "faces", None, tmp_path / "back", 128, 2.0), reporter)
    assert any("3 of 3 face pictures show less" in text for text in warnings)
    back = load_faceset(tmp_path / "back")
    for before, after in zip(by_place(ours), by_place(back), strict=True):
        assert (before.landmarks == after.landmarks).all()
        assert np.abs(before.image_to_face - after.image_to_face).max() < 1e-9
        assert np.abs(np.subtract(before.box, after.box)).max() <= 0.5
        middle = slice(32, 96)
        assert peak_signal_to_noise(ours.image(before)[middle, middle], back.image(after)[middle, middle]) > 38


def test_what_is_written_is_what_deepfacelab_loads(tmp_path):
    make_faceset(tmp_path / "set", tmp_path / "frames")
    export_faces(ExportPlan(tmp_path / "set", tmp_path / "faces", "deepfacelab", frames=tmp_path / "frames", size=320))
    data = as_deepfacelab_loads(tmp_path / "faces" / "名 1_0.jpg")
    assert data["face_type"] == "whole_face" and data["source_filename"] == "名 1.png"
    source, matrix = np.array(data["source_landmarks"]), np.array(data["image_to_face_mat"])
    assert np.abs(transform_points(matrix, source) - data["landmarks"]).max() < 1e-9
    assert np.allclose(matrix, deepfacelab_matrix(source, 320, "whole_face"))
    assert cv2.imdecode(np.fromfile(tmp_path / "faces" / "名 1_0.jpg", np.uint8), cv2.IMREAD_COLOR).shape == (
        320,
        320,
        3,
    )
    first = next(jpeg_segments((tmp_path / "faces" / "名 1_0.jpg").read_bytes()))
    assert first[1].startswith(b"JFIF")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_c06_landmarks_and_matrix_agree_with_our_fit(tmp_path, protocol):
    path = write_jpeg(tmp_path / "ä.jpg", content(), protocol)
    face = read_deepfacelab_picture(path)
    assert (face.frame, face.box) == ("名 1.png", (150, 90, 250, 210))
    assert (face.landmarks == landmarks()).all()
    fit = fit_similarity(face.landmarks, transform_points(TO_PICTURE, landmarks()))
    assert np.abs(fit - face.image_to_picture).max() < 1e-9


def test_a_missing_matrix_is_fitted_and_missing_source_landmarks_are_computed(tmp_path):
    without_matrix = read_deepfacelab_picture(write_jpeg(tmp_path / "a.jpg", content(image_to_face_mat=None)))
    assert np.abs(without_matrix.image_to_picture - TO_PICTURE).max() < 1e-9
    without_source = read_deepfacelab_picture(write_jpeg(tmp_path / "b.jpg", content(source_landmarks=None)))
    assert np.abs(without_source.landmarks - landmarks()).max() < 1e-9


def test_a_marked_frame_is_its_own_picture(tmp_path):
    marked = {"face_type": "mark_only", "landmarks": landmarks().tolist()}
    face = read_deepfacelab_picture(write_jpeg(tmp_path / "frame 名.jpg", marked))
    assert face.frame == "frame 名.jpg"
    assert (face.image_to_picture == np.eye(3)[:2]).all() and (face.landmarks == landmarks()).all()


def test_the_older_png_is_read(tmp_path):
    body = pickle.dumps(content(), 3)
    chunk = struct.pack(">I", len(body)) + b"fcWp" + body + struct.pack(">I", zlib.crc32(b"fcWp" + body))
    # Noise, so that the data lie far from the beginning.
    data = encode_png(np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8))
    (tmp_path / "ä.png").write_bytes(data[:-12] + chunk + data[-12:])
    assert read_deepfacelab_picture(tmp_path / "ä.png").frame == "名 1.png"
    done = import_faces(ImportPlan(tmp_path, None, tmp_path / "set", 128, 1.5))
    assert (done.result["faces"], done.result["format"]) == (1, "DeepFaceLab's face pictures")


def test_what_is_lost_is_said(tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    polygons = {"polys": [{"type": 1, "pts": np.zeros((4, 2), np.float32)}]}
    write_jpeg(
        faces / "a.jpg", content(seg_ie_polys=polygons, xseg_mask=np.zeros(99, np.uint8), eyebrows_expand_mod=1.0)
    )
    reporter, warnings = listener()
    done = import_faces(ImportPlan(faces, None, tmp_path / "set", 128, 1.5), reporter)
    assert done.result["format"] == "DeepFaceLab's face pictures"
    assert "DeepFaceLab's XSeg masks, DeepFaceLab's XSeg polygons" in " ".join(warnings)


@pytest.mark.parametrize(
    ("coverage", "face_type"),
    [(1.0, "half_face"), (1.5, "midfull_face"), (2.0, "full_face"), (2.4, "whole_face"), (float("inf"), "whole_face")],
)
def test_the_face_type_is_the_largest_that_is_shown_wholly(coverage, face_type):
    assert face_type_for(coverage) == face_type


def test_face_types_share_a_middle_but_for_whole_faces_which_lie_higher():
    tops = {}
    for name in ("half_face", "midfull_face", "full_face", "whole_face"):
        matrix = deepfacelab_matrix(landmarks(), 256, name)
        unit = np.hypot(*matrix[:, 0])
        half = deepfacelab_matrix(landmarks(), 256, "half_face")
        middle = np.linalg.inv(np.vstack([half, [0, 0, 1]])) @ (128, 128, 1)
        tops[name] = (transform_points(matrix, middle[:2])[1] - 128) / 256, unit
    assert all(abs(tops[name][0]) < 1e-9 for name in ("half_face", "midfull_face", "full_face"))
    # 7 % of the unit square, of which a whole face shows 1 + 2 · 0.4 · √2.
    assert tops["whole_face"][0] == pytest.approx(0.07 / (1 + 0.8 * 2**0.5))
    assert tops["half_face"][1] / tops["full_face"][1] == pytest.approx(1 + 2 * 0.2109375 * 2**0.5)


def test_pictures_that_would_run_code_stop_the_import_and_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Trap:
        def __reduce__(self):
            return (Path.touch, (Path("sprung"),))

    faces = tmp_path / "faces"
    faces.mkdir()
    write_jpeg(faces / "good.jpg", content())
    write_jpeg(faces / "trap 名.jpg", content(source_filename=Trap()))
    with pytest.raises(EngineError, match="trap 名.jpg is refused") as caught:
        import_faces(ImportPlan(faces, None, tmp_path / "set"))
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNSAFE
    assert not (tmp_path / "sprung").exists() and not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    "data",
    [
        5,
        {},
        content(landmarks=landmarks()[:67].tolist()),
        content(landmarks=None),
        content(source_landmarks=[[1, 2]] * 68),
        content(source_landmarks=[[1, float("nan")]] * 68),
        content(image_to_face_mat=[[1, 0], [0, 1]]),
        content(image_to_face_mat=[[0, 0, 1], [0, 0, 1]]),
        content(image_to_face_mat=np.array([["a"] * 3] * 2, object).tolist()),
        content(source_filename=5),
        content(source_rect=[1, 2, 3]),
    ],
)
def test_wrong_dictionaries_are_a_sentence(tmp_path, data):
    with pytest.raises(EngineError, match="wrong 名.jpg") as caught:
        read_deepfacelab_picture(write_jpeg(tmp_path / "wrong 名.jpg", data))
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNREADABLE


def test_hostile_segments_are_a_sentence(tmp_path):
    path = tmp_path / "a.jpg"
    good = with_segment(jpeg(), APP15, pickle.dumps(content()))
    place = good.index(b"\xff\xef")
    hostile = [
        good[: place + 100],
        good[: place + 2] + b"\x00\x00" + good[place + 4 :],
        good[: place + 2] + b"\x00\x01" + good[place + 4 :],
        good[: place + 2] + b"\xff\xff" + good[place + 4 :],
        jpeg(),
        with_segment(jpeg(), APP15, b"\x80"),
        with_segment(jpeg(), APP15, b"other data"),
        b"\xff\xd8" + b"\xff" * 100_000,
        b"",
    ]
    for data in hostile:
        path.write_bytes(data)
        with pytest.raises(EngineError, match=r"a\.jpg"):
            read_deepfacelab_picture(path)


def test_a_segment_that_is_too_long_to_write_is_refused():
    with pytest.raises(ValueError, match="65533"):
        with_segment(jpeg(), APP15, bytes(65534))
