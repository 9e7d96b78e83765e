# SPDX-License-Identifier: GPL-3.0-or-later
"""The adversarial families from first step to swap: every network is saved, resumed, refused when incomplete, shown."""

import dataclasses
import shutil

import cv2
import numpy as np
import pytest
from adversarial_families import make_adversarial_narrow, with_another_scale
from comp_faces import FakeSwapper, landmarks_at, painted_picture
from test_swap_pipeline import add_tracks, face_track
from test_training import arrays_of, error_of, facesets, run  # noqa: F401 - fixtures
from understudy.engine.comp.crop import cut_face
from understudy.engine.comp.over import composite
from understudy.engine.comp.place import empty_picture
from understudy.engine.comp.swap import paint_face, swap_faces
from understudy.engine.contract.errors import ErrorCode
from understudy.engine.contract.jobs import FaceAssignment, SwapJob
from understudy.engine.contract.settings import SwapSettings
from understudy.engine.contract.timing import Footage, FrameRange
from understudy.engine.media.images import read_rgba
from understudy.engine.networks.registry import FAMILIES
from understudy.engine.pipelines.swap import swap
from understudy.engine.pipelines.swap_model import load_trained
from understudy.engine.runtime.reporter import Reporter
from understudy.engine.training.checkpoint import read_model
from understudy.engine.training.exported import ExportedSwapper
from understudy.engine.training.inference import load_swapper
from understudy.engine.training.preview import preview_grid

STEPS = 4


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    make_adversarial_narrow(monkeypatch)


@pytest.fixture(scope="module")
def trained(facesets, tmp_path_factory):  # noqa: F811
    """Folder and reporter of a model of `gan`, and the folder of one of `gan128`; tests that change one copy it."""
    root = tmp_path_factory.mktemp("adversarial")
    with pytest.MonkeyPatch.context() as patch:
        make_adversarial_narrow(patch)
        reporter, _done = run(root / "gan", facesets, family="gan", maximum_steps=STEPS)
        run(root / "gan128", facesets, family="gan128", maximum_steps=1, batch_size=2)
    return root, reporter


@pytest.fixture
def copied(trained, tmp_path):
    return shutil.copytree(trained[0] / "gan", tmp_path / "Modell für später")


def some_faces(count, size):
    return np.random.default_rng(1).uniform(0, 1, (count, size, size, 3)).astype(np.float32)


def test_a_family_with_discriminators_has_no_finish(copied, facesets):  # noqa: F811
    error = error_of(run, copied, facesets, family="gan", finish=True)
    assert error.code is ErrorCode.SETTINGS_INVALID and "finish" in error.hint
    assert not copied.with_name(copied.name + "-finish").exists()


def test_both_players_move_and_report(trained):
    root, reporter = trained
    names = {"loss anna", "loss bert", "loss discriminators", "loss generators"}
    assert [set(values) for _step, values in reporter.steps] == [names] * STEPS
    assert all(np.isfinite(value) for _step, values in reporter.steps for value in values.values())
    preview = cv2.imread(str(root / "gan" / "preview.png"))
    # Six faces; for each performer the target, and own face and swap as raw face, mask and masked.
    assert preview.shape == (6 * 64, 2 * (7 * 64 + 4), 3)


@pytest.mark.parametrize("name", ["gan", "gan128"])
def test_d2_a_checkpoint_holds_every_networks_weights_under_its_own_name(trained, name):
    arrays = arrays_of(trained[0] / name)
    parts = {key.rpartition("/")[0] for key in arrays if "/" in key}
    judges = {f"training/{kind}:{who}" for kind in ("judge", "face_judge") for who in ("anna", "bert")}
    expected = judges | {"training/code_judge", "weights/encoder", "weights/decoder:anna", "weights/decoder:bert"}
    expected |= {"training/side:anna", "training/side:bert"} if name == "gan128" else set()
    assert parts == expected | {"optimizer/0", "optimizer/1"}
    # Both discriminators of a performer, whose files shared a name, begin with kernels of different shapes.
    assert arrays["training/judge:anna/00.kernel"].shape == (4, 4, 6, 4)
    assert arrays["training/face_judge:anna/00.kernel"].shape == (4, 4, 3, 4)


def test_d2_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(trained, facesets, tmp_path):  # noqa: F811
    run(tmp_path / "parts", facesets, family="gan", maximum_steps=STEPS, stop_after=2)
    run(tmp_path / "parts", facesets, family="gan", maximum_steps=STEPS)
    whole, parts = arrays_of(trained[0] / "gan"), arrays_of(tmp_path / "parts")
    assert set(whole) == set(parts) and int(whole["steps"]) == STEPS
    assert [name for name, value in whole.items() if value.tobytes() != parts[name].tobytes()] == []
    assert read_model(trained[0] / "gan").fingerprint == read_model(tmp_path / "parts").fingerprint


def swap_job(tmp_path, clips, model, source):
    project, footage = tmp_path / "project.understudy", Footage(clips / "target_A.mp4")
    add_tracks(project, footage, [face_track(1, range(2))], 72)
    return SwapJob(
        project=project, footage=footage, ranges=(FrameRange(0, 2),), model=model,
        assignments=(FaceAssignment(1, source, source),), output=tmp_path / source,
        settings=SwapSettings(color_transfer="none"),
    )  # fmt: skip


def test_d3_s56_gan_swaps_a_shot_at_64_px_in_both_directions(trained, tmp_path, clips):
    pictures = {}
    for source in ("anna", "bert"):
        job = swap_job(tmp_path, clips, trained[0] / "gan", source)
        done = swap(job, Reporter())
        assert (done.result["swapped"], done.result["failed"]) == (2, 0), done.result
        pictures[source] = [read_rgba(path, deep=False) for path in sorted(job.output.glob("*.png"))]
        assert len(pictures[source]) == 2 and all(picture[..., 3].max() > 0 for picture in pictures[source])
    shown = pictures["anna"][0][..., 3] > 0
    assert np.abs(pictures["anna"][0][shown].astype(int) - pictures["bert"][0][shown]).max() > 3


@pytest.mark.parametrize("name", ["gan", "gan128"])
def test_graphs_give_keras_pictures_and_masks_without_tensorflow(trained, name):
    folder = trained[0] / name
    document = read_model(folder)
    exported, layers = load_trained(folder, document, Reporter()), load_swapper(folder)
    assert isinstance(exported, ExportedSwapper)
    faces = some_faces(3, document.face_size)
    for performer in document.performers:
        for ours, theirs in zip(exported.swap(faces, performer), layers.swap(faces, performer), strict=True):
            assert ours.shape == theirs.shape and np.abs(ours - theirs).max() <= 1 / 255
    face, mask = layers.swap(faces, "anna")
    assert face.shape == faces.shape and mask.shape == faces.shape[:3]


def test_d4_a_missing_or_incomplete_model_never_swaps(copied, tmp_path):
    assert error_of(load_swapper, tmp_path / "nowhere").code is ErrorCode.MODEL_MISSING
    path = copied / read_model(copied).checkpoint
    kept = {name: value for name, value in arrays_of(copied).items() if "decoder:bert/05" not in name}
    np.savez(path, **kept)
    error = error_of(load_swapper, copied)
    assert error.code is ErrorCode.MODEL_UNREADABLE and "decoder:bert/05" in error.message


def test_d4_d2_training_refuses_a_checkpoint_without_a_discriminator(copied, facesets):  # noqa: F811
    path = copied / read_model(copied).checkpoint
    np.savez(path, **{name: value for name, value in arrays_of(copied).items() if "face_judge:bert" not in name})
    before = path.read_bytes()
    error = error_of(run, copied, facesets, family="gan", maximum_steps=STEPS + 1)
    assert error.code is ErrorCode.MODEL_UNREADABLE and "face_judge:bert" in error.message
    assert path.read_bytes() == before


def test_d10_weights_that_cannot_be_read_are_refused_and_stay(copied, facesets):  # noqa: F811
    path = copied / read_model(copied).checkpoint
    path.write_bytes(path.read_bytes()[:5000])
    before = {item.name: item.read_bytes() for item in copied.iterdir()}
    for call in (
        lambda: run(copied, facesets, family="gan", maximum_steps=STEPS + 1),
        lambda: load_swapper(copied),
    ):
        assert error_of(call).code is ErrorCode.MODEL_UNREADABLE
        assert {item.name: item.read_bytes() for item in copied.iterdir()} == before


def test_d10_weights_of_another_shape_are_refused(copied, facesets, monkeypatch):  # noqa: F811
    monkeypatch.setitem(FAMILIES, "gan", with_another_scale("gan"))
    assert error_of(run, copied, facesets, family="gan").code is ErrorCode.MODEL_UNREADABLE


def test_a_family_without_discriminators_refuses_the_perceptual_loss(facesets, tmp_path):  # noqa: F811
    error = error_of(run, tmp_path / "m", facesets, family="lowmem", perceptual="resnet50")
    assert error.code is ErrorCode.PERCEPTUAL_UNAVAILABLE
    assert "lowmem" in error.message and "gan, gan128" in error.hint and not (tmp_path / "m").exists()


class MaskedSwapper(FakeSwapper):
    """Shows the inverted face in the left half and a quarter of it in the right."""

    def swap(self, faces, source):
        mask = np.ones(faces.shape[:3], np.float32)
        mask[:, :, faces.shape[2] // 2 :] = 0.25
        return 1.0 - faces, mask


def comped(settings, swapper):
    plate, landmarks = painted_picture(320, 240), landmarks_at((150, 120), 80)
    crop = cut_face(plate, landmarks, 0, 1, "B", swapper.face_size, swapper.coverage)
    (face,) = swap_faces(swapper, [crop], settings)
    picture = empty_picture(320, 240, 8)
    paint_face(picture, face, face.color, settings)
    return plate, picture


def test_s51_the_learned_mask_lets_the_plate_through():
    settings = SwapSettings(color_transfer="none")
    plate, with_mask = comped(settings, MaskedSwapper())
    _plate, without = comped(dataclasses.replace(settings, learned_mask=False), MaskedSwapper())
    _plate, plain = comped(settings, FakeSwapper(lambda faces: 1.0 - faces))
    assert np.array_equal(without, plain), "switched off, a network with a mask is like one without"
    alpha, full = (picture[..., 3].astype(float) for picture in (with_mask, plain))
    left, right = slice(0, 145), slice(156, 320)
    assert np.abs(alpha[:, left] - full[:, left]).max() <= 1 and full[:, left].max() == 255
    assert np.abs(alpha[:, right] - 0.25 * full[:, right]).max() <= 1
    place = (120, 165)
    assert full[place] == 255
    expected = 0.25 * plain[place][:3].astype(float) + 0.75 * plate[place]
    assert np.abs(composite(plate, with_mask)[place] - expected).max() <= 1.5


def test_colors_are_measured_where_the_mask_shows_the_face():
    crop = cut_face(painted_picture(320, 240), landmarks_at((150, 120), 80), 0, 1, "B", 64, 1.7)
    plate = np.zeros_like(crop.plate)
    # A hand, bright, hides the right half of a dark face.
    plate[:, 32:] = 0.9
    crop = dataclasses.replace(crop, plate=plate)
    (face,) = swap_faces(MaskedSwapper(), [crop], SwapSettings(color_transfer="mean"))
    assert np.allclose(face.color.wanted, 0.0)
    off = SwapSettings(color_transfer="mean", learned_mask=False)
    (face,) = swap_faces(MaskedSwapper(), [crop], off)
    assert face.color.wanted.min() > 0.3


def test_the_preview_shows_raw_face_mask_and_masked_face_and_asks_for_each_performer_once():
    faces = {"a": np.full((1, 4, 4, 3), 0.2, np.float32), "b": np.full((2, 4, 4, 3), 0.4, np.float32)}
    asked = []

    def swap(own, who):
        asked.append((who, len(own)))
        return own + (0.6 if who == "a" else 0.3), np.full((len(own), 4, 4), 0.25, np.float32)

    grid = preview_grid({name: {"a": own, "b": own} for name, own in faces.items()}, swap) / 255.0
    assert asked == [("a", 3), ("b", 3)]
    assert grid.shape == (2 * 4, 2 * (2 + 28 + 2), 3)

    def cells(target, *added):
        shown = [(target + more, 0.25, 0.25 * (target + more) + 0.75 * target) for more in added]
        return [target, *np.clip(shown, 0.0, 1.0).ravel()]

    assert np.allclose(grid[0, 2:30:4, 0], cells(0.2, 0.6, 0.3), atol=0.003)
    for row in (0, 4):
        assert np.allclose(grid[row, 34:62:4, 0], cells(0.4, 0.3, 0.6), atol=0.003)
    assert np.all(grid[4:, :30] == 0.0)
