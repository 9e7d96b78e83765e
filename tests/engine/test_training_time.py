# SPDX-License-Identifier: GPL-3.0-or-later
"""A training's time limit holds for all of it: by a pretended clock, with whatever saving and previews cost."""

import functools

import pytest
from test_training import facesets, run, tiny_quick  # noqa: F401 - fixtures
from understudy.engine.pipelines.train import spoken
from understudy.engine.training import opening, previewer, session
from understudy.engine.training.checkpoint import read_model
from understudy.engine.training.end_costs import EndCosts, EndPart
from understudy.engine.training.history import read_history
from understudy.engine.training.keeper import ModelKeeper
from understudy.engine.training.run_clock import RunClock
from understudy.engine.training.session import TrainingSession
from understudy.engine.training.trainer import Trainer

FIRST_STEP_S, STEP_S, MEASURE_S, SAVE_S, PREVIEW_S = 20.0, 4.0, 2.0, 5.0, 3.0


@pytest.fixture
def pretended(monkeypatch):
    """Seconds that pass only where a training works; returns how long each kind of work takes, to be changed."""
    now, cost = [1000.0], {"step": STEP_S, "first": FIRST_STEP_S, "save": SAVE_S, "preview": PREVIEW_S}

    def slow(kind, work):
        @functools.wraps(work)
        def slower(*arguments, **named):
            now[0] += cost.pop("first", cost["step"]) if kind == "step" else cost[kind]
            return work(*arguments, **named)

        return slower

    monkeypatch.setattr(Trainer, "step", slow("step", Trainer.step))
    monkeypatch.setattr(ModelKeeper, "save", slow("save", ModelKeeper.save))
    monkeypatch.setattr(previewer, "preview_grid", slow("preview", previewer.preview_grid))
    monkeypatch.setattr(opening, "TrainingSession", functools.partial(TrainingSession, clock=lambda: now[0]))
    cost["measure"] = MEASURE_S
    monkeypatch.setattr(session, "measure", slow("measure", session.measure))
    # Written once for each model, whatever the clock says; other tests look at it.
    monkeypatch.setattr(TrainingSession, "_export", lambda _self: None)
    return cost


def timed_run(model, faces, minutes, **changes):
    return run(model, faces, maximum_steps=100_000, maximum_minutes=minutes, **changes)[1]


@pytest.mark.parametrize("intervals", [(7, 5), (100, 2)])
def test_a_training_of_two_minutes_takes_two_minutes(facesets, tmp_path, pretended, intervals):  # noqa: F811
    save_interval, preview_interval = intervals
    done = timed_run(tmp_path / "m", facesets, 2.0, save_interval=save_interval, preview_interval=preview_interval)
    took = done.result["seconds"]
    # It ends early only by what one more step, or what saving once more, would have been too long.
    assert 120.0 - STEP_S - MEASURE_S - SAVE_S - PREVIEW_S < took <= 120.0
    assert read_model(tmp_path / "m").step == done.result["step"] > 5
    assert f"This run took 1 min {took - 60:.0f} s" in done.summary or took == 120.0 and "2 min 0 s" in done.summary
    assert done.result["end_seconds"] in (0.0, PREVIEW_S, MEASURE_S + SAVE_S, MEASURE_S + SAVE_S + PREVIEW_S)


def test_what_was_never_done_is_done_once_by_half_of_the_time(facesets, tmp_path, pretended):  # noqa: F811
    done = timed_run(tmp_path / "m", facesets, 4.0)
    measured = [line["step"] for line in read_history(tmp_path / "m" / "history.jsonl") if "held_out/ssim" in line]
    # 20 s for the first step and 4 s for each other one: 26 steps in the first two minutes.
    assert measured == [26, done.result["step"]]
    assert 240.0 - STEP_S <= done.result["seconds"] <= 240.0


def test_there_is_always_one_step(facesets, tmp_path, pretended):  # noqa: F811
    done = timed_run(tmp_path / "m", facesets, 0.01)
    assert done.result["step"] == 1
    assert done.result["seconds"] == FIRST_STEP_S + MEASURE_S + SAVE_S + PREVIEW_S
    # Going on with a limit that saving alone fills does one more.
    assert timed_run(tmp_path / "m", facesets, 0.01).result["step"] == 2


def test_saving_that_grows_dearer_is_foreseen_by_its_last_time(facesets, tmp_path, pretended, monkeypatch):  # noqa: F811
    # Growing pictures, or a disk that fills: each save takes a second longer.
    save = ModelKeeper.save

    def dearer(*arguments, **named):
        pretended["save"] += 1.0
        return save(*arguments, **named)

    monkeypatch.setattr(ModelKeeper, "save", dearer)
    done = timed_run(tmp_path / "m", facesets, 3.0, save_interval=6)
    assert 180.0 - 20.0 < done.result["seconds"] <= 181.0


def test_without_a_limit_nothing_is_done_early(facesets, tmp_path, pretended):  # noqa: F811
    done = run(tmp_path / "m", facesets, maximum_steps=12)[1]
    measured = [line["step"] for line in read_history(tmp_path / "m" / "history.jsonl") if "held_out/ssim" in line]
    assert measured == [12] and done.result["end_seconds"] == MEASURE_S + SAVE_S + PREVIEW_S


def test_the_first_step_which_compiles_says_nothing_of_the_next():
    now = [0.0]
    costs = EndCosts(lambda: now[0])
    for seconds in (30.0, 2.0, 3.0):
        with costs.step():
            now[0] += seconds
        if seconds == 30.0:
            assert costs.reserve_s == 0.0
    assert costs.reserve_s == 2.0
    assert costs.is_due(EndPart.SAVE, 0.5) and not costs.is_due(EndPart.SAVE, 0.49)
    with costs.timed(EndPart.SAVE):
        now[0] += 6.0
    costs.note(EndPart.PREVIEW, 1.5)
    assert costs.reserve_s == 9.5 and not costs.is_due(EndPart.SAVE, 0.9)


def test_the_share_of_a_run_counts_the_time_of_its_steps():
    now = [0.0]
    clock = RunClock(100.0, 1_000_000, decay_share=0.2, clock=lambda: now[0])
    clock.start(7)
    now[0] = 40.0
    assert clock.share(7) == pytest.approx(7e-6), "one step is done in any case"
    assert clock.share(8) == pytest.approx(0.4)
    clock.keep_back(20.0)
    assert clock.share(8) == pytest.approx(0.5) and clock.limit_share == pytest.approx(0.4)
    now[0] = 64.0
    assert not clock.is_falling(8)
    now[0] = 65.0
    assert clock.is_falling(8)
    clock.keep_back(200.0)
    assert clock.share(8) == 1.0 and clock.share(7) < 1.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (603.4, "10 min 3 s")]
)
def test_times_read_well(seconds, text):
    assert spoken(seconds) == text
