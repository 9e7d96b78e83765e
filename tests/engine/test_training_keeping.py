# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training keeps and foresees: best by held-out faces, snapshots, the plateau, the price of previews."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.outlook import outlook_text, plain_figures
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.contract.sketch import SKETCH_FORM
from understudy.engine.training.augmentation import View
from understudy.engine.training.checkpoint import ModelDocument, read_arrays, read_model, write_arrays
from understudy.engine.training.chosen_weights import chosen_file, read_inference_weights
from understudy.engine.training.held_out import Measurement, measure, similarity_map
from understudy.engine.training.history import History, held_out_series, read_history
from understudy.engine.training.keeper import ModelKeeper
from understudy.engine.training.outlook import Outlook
from understudy.engine.training.pacing import SHARE, Pacing
from understudy.engine.training.plateau import estimate_plateau
from understudy.engine.training.run_clock import RunClock
from understudy.engine.training.sketcher import sketcher_of


def faces(seed=0):
    random = np.random.default_rng(seed)
    return np.stack([cv2.GaussianBlur(random.random((48, 48, 3), np.float32), (0, 0), 2) for _ in range(3)])


def test_similarity_is_scikit_images():
    from skimage.metrics import structural_similarity

    one, other = faces(1)[0], faces(2)[0]
    _mean, whole = structural_similarity(
        one, other, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0,
        full=True,
    )  # fmt: skip
    inside = (slice(8, -8), slice(8, -8))
    assert np.allclose(similarity_map(one, other)[inside], whole.mean(axis=2)[inside], atol=2e-3)


def test_measure_looks_at_the_face_only_and_falls_with_the_error():
    own = {"anna": faces(), "bert": faces(1)}
    view = View(48, 1.7)

    def corner(views, _name):
        changed = views.copy()
        changed[:, :4, :4] = 0.0
        return changed

    perfect = measure(own, view, lambda views, _name: views, 5)
    assert (perfect.step, perfect.ssim, perfect.l1) == (5, pytest.approx(1.0, abs=1e-5), 0.0)
    assert measure(own, view, corner, 5).l1 < 1e-4
    worse = measure(own, view, lambda views, name: views + (0.1 if name == "bert" else 0.0), 5)
    assert worse.absolute["bert"] == pytest.approx(0.1, abs=1e-5) and worse.absolute["anna"] == 0.0
    assert worse.ssim < perfect.ssim
    assert set(worse.scalars()) >= {"held_out/ssim", "held_out/l1", "held_out/ssim/anna", "held_out/l1/bert"}


def keeper(folder, **changes):
    document = ModelDocument("quick", ("anna", "bert"), 32, 1.7, 0, {}, {}, [], "2026-01-01T00:00:00+00:00")
    return ModelKeeper(folder, document, TrainSettings(**{"snapshot_minutes": 10.0, "snapshots_kept": 2, **changes}))


def save(keeping, step, ssim=None, minutes=0.0):
    weights = {"encoder/00": np.full(4, step, np.float32)}
    state = {f"weights/{name}": value for name, value in weights.items()} | {"steps": np.asarray(step)}
    measured = None if ssim is None else Measurement(step, {"anna": ssim}, {"anna": 1.0 - ssim})
    keeping.save(state, weights, {"anna": 0.1}, measured, minutes * 60.0)


def test_best_is_kept_by_the_held_out_measure_and_can_be_chosen(tmp_path):
    keeping = keeper(tmp_path, snapshots_kept=0)
    for step, ssim in ((10, 0.3), (20, 0.42), (30, 0.41), (40, None)):
        save(keeping, step, ssim)
    document = read_model(tmp_path)
    assert (document.best["step"], document.best["ssim"], document.best["file"]) == (20, 0.42, "best-00000020.npz")
    assert sorted(path.name for path in tmp_path.glob("best*")) == ["best-00000020.npz"]
    for choice, step in (("newest", 40), ("best", 20), ("checkpoint-00000030.npz", 30)):
        weights, described = read_inference_weights(tmp_path, document, choice)
        assert weights["encoder/00"][0] == described.step == step
    fingerprints = {read_inference_weights(tmp_path, document, one)[1].fingerprint for one in ("newest", "best")}
    assert len(fingerprints) == 2 and document.best["fingerprint"] in fingerprints
    for stranger in ("snapshot-00000001.npz", "../m/checkpoint-00000040.npz"):
        with pytest.raises(EngineError, match="has no checkpoint") as caught:
            chosen_file(tmp_path, document, stranger)
        assert caught.value.code is ErrorCode.MODEL_MISSING and "checkpoint-00000030.npz" in caught.value.hint


def test_weights_keep_the_face_shapes_that_they_were_trained_with(tmp_path):
    first, second = ({"anna": [[float(i), shift] for i in range(68)]} for shift in (0.0, 1.5))
    keeping = keeper(tmp_path)
    keeping.document = replace(keeping.document, sketch=SKETCH_FORM, shapes=first)
    save(keeping, 10, 0.6)
    keeping.document = replace(keeping.document, shapes=second)
    save(keeping, 20, 0.5)
    document = read_model(tmp_path)
    assert document.shapes == second and len(document.snapshots) == 1
    used = {
        name: read_inference_weights(tmp_path, document, name)[1]
        for name in ("newest", "best", "snapshot-00000010.npz", "checkpoint-00000010.npz")
    }
    assert {name: item.shapes for name, item in used.items()} == {**dict.fromkeys(used, first), "newest": second}
    assert sketcher_of(used["best"]).shapes["anna"][3] == 3.0 and sketcher_of(document).shapes["anna"][3] == 3.0 + 1.5j
    weights = read_arrays(tmp_path, "best-00000010.npz", "average/")
    write_arrays(tmp_path / "best-00000010.npz", {f"average/{name}": value for name, value in weights.items()})
    _, earlier = read_inference_weights(tmp_path, document, "best")
    assert earlier.shapes == second, "a file of before shapes were kept with weights"


def test_snapshots_come_by_time_and_at_milestones_and_the_oldest_go(tmp_path):
    keeping = keeper(tmp_path)
    course = [(10, 0.30, 1), (20, 0.51, 2), (30, 0.52, 9), (40, 0.54, 13), (50, 0.56, 14), (60, 0.71, 15)]
    course += [(70, 0.70, 26), (80, 0.70, 37), (90, 0.70, 48), (100, 0.70, 49)]
    for step, ssim, minutes in course:
        save(keeping, step, ssim, minutes)
    snapshots = read_model(tmp_path).snapshots
    assert [(item["step"], item["reason"]) for item in snapshots] == [
        (50, "quality"), (60, "quality"), (80, "time"), (90, "time"),
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.glob("snapshot*")) == [item["file"] for item in snapshots]
    assert all(int(read_arrays(tmp_path, item["file"])["steps"]) == item["step"] for item in snapshots)


def test_a_model_of_an_earlier_version_gets_a_new_best(tmp_path):
    keeping = keeper(tmp_path)
    keeping.document = replace(keeping.document, best={"step": 5, "error": 0.04})
    (tmp_path / "best.npz").write_bytes(b"of the earlier version")
    save(keeping, 10, 0.2)
    assert read_model(tmp_path).best["step"] == 10 and not (tmp_path / "best.npz").exists()


def test_half_a_line_of_a_killed_run_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "history.jsonl"
    History(path, 0).add(10, {"held_out/ssim": 0.5, "loss/änne": 0.2})
    with path.open("a", encoding="utf-8") as file:
        file.write('{"step": 20, "held_')
    History(path, 10).add(20, {"held_out/ssim": 0.6})
    assert [line["step"] for line in read_history(path)] == [10, 20]
    assert held_out_series(read_history(path)) == ([10, 20], [0.5, 0.4])
    assert all(isinstance(value, int | float) for line in read_history(path) for value in line.values())


def course(steps, floor=0.2, gain=2.0, exponent=0.5, noise=0.0, seed=0):
    steps = np.arange(100, steps + 1, 100)
    error = floor + gain * steps**-exponent + noise * np.random.default_rng(seed).normal(size=len(steps))
    return steps.tolist(), error.tolist()


def test_plateau_of_a_known_curve_is_found():
    # e(s) - e(2s) = e(s)/20 has the solution s = (b·(0.95 - 2^-c) / (a/20))^(1/c).
    truth = (2.0 * (0.95 - 2**-0.5) / (0.2 / 20)) ** 2
    found = estimate_plateau(*course(1000))
    assert found.step == pytest.approx(truth, rel=0.1)
    inside = 0
    for seed in range(20):
        found = estimate_plateau(*course(1500, noise=0.001, seed=seed))
        assert found.low <= found.high
        inside += found.low <= truth <= found.high
    assert inside >= 12, "eight of ten ranges should hold the truth"


def test_plateau_is_honest_about_what_it_cannot_know():
    assert estimate_plateau([100, 200, 300], [0.5, 0.4, 0.3]) is None
    steep = estimate_plateau(*course(1000, floor=0.0))
    assert math.isinf(steep.high) and not steep.is_reached(1000)
    flat = estimate_plateau(list(range(100, 2100, 100)), [0.3] * 20)
    assert flat.is_reached(2000)
    noisy = estimate_plateau(*course(1500, noise=0.05))
    exact = estimate_plateau(*course(1500, noise=0.0001))
    assert noisy.high - noisy.low > exact.high - exact.low


def measured(step, error):
    return Measurement(step, {"anna": 1.0 - error}, {"anna": error})


def test_outlook_needs_two_sure_measurements_and_ignores_a_falling_rate():
    outlook = Outlook([{"step": 100 * n, "held_out/ssim": 0.7} for n in range(1, 8)])
    outlook.add(measured(800, 0.3), is_comparable=True)
    assert not outlook.is_at_plateau
    outlook.add(measured(850, 0.3), is_comparable=False)
    assert not outlook.is_at_plateau
    outlook.add(measured(900, 0.3), is_comparable=True)
    assert outlook.is_at_plateau
    assert "plateau reached" in outlook_text(outlook.figures(900, 0.5))


def test_outlook_says_when_and_how_surely():
    steps, errors = course(1500, noise=0.0005)
    outlook = Outlook([{"step": s, "held_out/ssim": 1 - e} for s, e in zip(steps[:-1], errors[:-1], strict=True)])
    outlook.add(measured(steps[-1], errors[-1]), is_comparable=True)
    figures = outlook.figures(1500, 1.0)
    assert "plateau in" in outlook_text(figures) and " to " in outlook_text(figures)
    assert all(map(math.isfinite, figures.values()))
    assert plain_figures({"loss anna": 0.1, **figures}) == {"loss anna": 0.1}
    assert outlook_text({"loss anna": 0.1}) == ""


def test_a_run_that_is_ended_early_lets_the_learning_rate_fall_first():
    clock = RunClock(0.0, 1_000_000, decay_share=0.3)
    assert not clock.is_falling(1000)
    clock.finish(1000)
    assert clock.share(1000) == pytest.approx(0.7) and clock.share(1050) == pytest.approx(0.85)
    assert clock.share(1100) == 1.0 and clock.is_falling(1001)
    at_once = RunClock(0.0, 1_000_000, decay_share=0.0)
    at_once.finish(1000)
    assert at_once.share(1000) == 1.0


def test_nobody_is_told_how_long_a_million_steps_take_that_they_did_not_ask_for():
    unasked, asked = (RunClock(0.0, steps, 0.3) for steps in (TrainSettings().maximum_steps, 1000))
    assert unasked.progress(250, 0) == (250, None, "steps", None)
    assert asked.progress(250, 0)[:3] == (250, 1000, "steps")
    timed = RunClock(60.0, TrainSettings().maximum_steps, 0.3)
    timed.start(0)
    assert timed.progress(1, 0)[1:3] == (60.0, "seconds")
    unasked.finish(1000)
    assert unasked.progress(1050, 0)[:3] == (1050, 1100, "steps"), "the end is in sight"


def run_with_previews(pacing, now, steps, cost_s, compile_s=0.0):
    """Let a training of 0.1 s a step draw previews as `Previewer` does; return the steps of those before its end."""
    drawn = []

    def draw(step):
        if not drawn:
            with pacing.prepared():
                now[0] += compile_s
        with pacing.timed(step):
            now[0] += cost_s
        drawn.append(step)

    for step in range(1, steps + 1):
        now[0] += 0.1
        if pacing.is_due(step):
            draw(step)
    if drawn[-1] != steps:
        draw(steps)
    return drawn[:-1]


@pytest.mark.parametrize("cost_s", [0.01, 0.2, 5.0])
def test_previews_cost_less_than_their_share_of_the_time(cost_s):
    now = [1000.0]
    pacing = Pacing(50, clock=lambda: now[0])
    now[0] += 40.0
    pacing.start(0, prepared_s=1.0)
    drawn = run_with_previews(pacing, now, 20_003, cost_s, compile_s=3.0)
    assert drawn[0] == 50, "the first one comes at its step, whatever it costs"
    assert min(np.diff(drawn)) >= 50
    spent = 1.0 + 3.0 + (len(drawn) + 1) * cost_s
    assert pacing.spent_s == pytest.approx(spent) and pacing.spent_share == pytest.approx(spent / (now[0] - 1040.0))
    assert pacing.spent_share <= SHARE, "the first and the last one, compiling and reading included"
    assert pacing.spent_share > 0.8 * SHARE or set(np.diff(drawn[1:])) == {50}, "no rarer than need be"


def test_a_preview_that_cannot_be_paid_for_before_the_end_is_left_out():
    now = [0.0]
    pacing = Pacing(50, clock=lambda: now[0])
    # 667 steps pay for the first preview and the last, 1000 for one between.
    assert run_with_previews(pacing, now, 660, 1.0) == [50]
    now = [0.0]
    pacing = Pacing(50, clock=lambda: now[0])
    assert len(run_with_previews(pacing, now, 1200, 1.0)) == 2 and pacing.spent_share <= SHARE
