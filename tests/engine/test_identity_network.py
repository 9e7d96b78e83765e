# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenVINO computes dlib's identity network from dlib's file, with dlib's vectors, and dlib does where it can't."""

import functools
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import dlib
import numpy as np
import pytest
from extract_material import frame
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.faces import identity
from understudy.engine.faces.alignment import align_face, face_matrix
from understudy.engine.faces.dlib_weights import read_identity_weights
from understudy.engine.faces.geometry import transform_points
from understudy.engine.faces.identity import IdentityModel
from understudy.engine.faces.identity_network import IdentityNetwork
from understudy.engine.faces.landmarks import make_landmark_fitter
from understudy.engine.faces.models import model_path

FILE = model_path("dlib-identity")
# Enough for the input, the first convolution and the first block.
BEGINNING = 100_000


@functools.cache
def fitted(clip, number):
    image = frame(clip, number)
    return image, make_landmark_fitter("mesh").fit(image, np.array([150, 150, 370, 370.0]))[0]


@functools.cache
def vector_of_dlib(clip, number):
    """dlib's own way from a picture with 68 points to the vector."""
    image, landmarks = fitted(clip, number)
    matrix = face_matrix(landmarks, 400, 2.6)
    face = np.ascontiguousarray(align_face(image, matrix, 400, cv2.INTER_LINEAR))
    points = [dlib.point(round(x), round(y)) for x, y in transform_points(matrix, landmarks)]
    shape = dlib.full_object_detection(dlib.rectangle(0, 0, 399, 399), points)
    return np.array(dlib.face_recognition_model_v1(str(FILE)).compute_face_descriptor(face, shape))


@pytest.fixture
def not_loaded():
    identity._load_model.cache_clear()
    yield
    identity._load_model.cache_clear()


def altered(tmp_path, *changes):
    """The beginning of the file with bytes replaced, each once."""
    content = FILE.read_bytes()[:BEGINNING]
    for old, new in changes:
        assert old in content
        content = content.replace(old, new, 1)
    path = tmp_path / "änderung 1.dat"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("clip", "number"), [("target_A", 10), ("train_B", 75)])
def test_the_vectors_are_those_of_dlib(clip, number):
    vector = IdentityModel().embed(*fitted(clip, number))
    assert vector.shape == (128,) and vector.dtype == np.float32
    assert np.linalg.norm(vector - vector_of_dlib(clip, number)) < 1e-4
    assert isinstance(identity._load_model(FILE), IdentityNetwork)


def test_without_openvino_dlib_computes_them(not_loaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    vector = IdentityModel().embed(*fitted("target_A", 10))
    assert not isinstance(identity._load_model(FILE), IdentityNetwork)
    assert np.linalg.norm(vector - vector_of_dlib("target_A", 10)) < 1e-6


def test_the_network_is_loaded_for_the_first_face_and_once(not_loaded):
    first, second = IdentityModel(), IdentityModel()
    assert identity._load_model.cache_info().currsize == 0
    vectors = [model.embed(*fitted("target_A", 10)) for model in (first, second)]
    assert identity._load_model.cache_info().misses == 1
    assert np.array_equal(*vectors)


def test_threads_share_the_network_without_mixing_their_faces():
    network = IdentityNetwork(FILE)
    chips = [np.random.default_rng(seed).integers(0, 256, (150, 150, 3), np.uint8) for seed in range(4)]
    alone = [network(chip) for chip in chips]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(network, chips * 5))
    assert all(np.array_equal(vector, alone[index % 4]) for index, vector in enumerate(together))
    assert not np.array_equal(alone[0], alone[1])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([], "it ends at byte 100000"),
        ([(b"input_rgb_image_sized", b"input_rgb_image_bigger")], "no layer input_rgb_image_sized"),
        ([(b"\x05relu_", b"\x05gelu_")], "no layer relu_"),
        ([(b"\x01\x96\x01\x96", b"\x01\x95\x01\x96")], "is 149 instead of 150"),
        ([(b"con_4\x01\x02\x02\x80\x12", b"con_4\x01\x02\x02\x80\x13")], "is 4992 instead of 4736"),
        ([(b"con_4\x01\x02", b"con_4\x01\x01")], "is 1 instead of 2"),
        ([(b"con_4\x01", b"con_4\x31")], "there is no number"),
        ([(b"max_pool_2\x01\x03\x01\x03\x01\x02", b"max_pool_2\x01\x03\x01\x03\x01\x03")], "is 3 instead of 2"),
        ([(b"image_sized\x03\x62\x90\xf5\x81\x11", b"image_sized\x03\x62\x90\xf5\x01\x7f")], "out of range"),
        ([(b"\x4d\x45\xf0\xbc", b"\x00\x00\xc0\x7f")], "is no number"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name_and_what_is_wrong(tmp_path, changes, told):
    path = altered(tmp_path, *changes)
    with pytest.raises(EngineError) as caught:
        read_identity_weights(path)
    assert caught.value.code is ErrorCode.MODEL_UNREADABLE
    assert str(path) in caught.value.message and told in caught.value.message


@pytest.mark.parametrize("content", [b"", b"\x01", b"understudy" * 1000])
def test_what_dlib_can_not_read_either_is_an_error_with_the_next_step(tmp_path, monkeypatch, content):
    path = tmp_path / "model.dat"
    path.write_bytes(content)
    monkeypatch.setattr(identity, "model_path", lambda name: path)
    with pytest.raises(EngineError) as caught:
        IdentityModel().embed(*fitted("target_A", 10))
    assert caught.value.code is ErrorCode.DETECTOR_UNAVAILABLE
    assert str(path) in caught.value.message and "set-up" in caught.value.hint
