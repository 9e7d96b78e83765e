# SPDX-License-Identifier: GPL-3.0-or-later
"""A training's time limit holds for all of it: by a pretended clock, with whatever saving and previews cost."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.networks.registry import FAMILIES
from understudy.engine.pipelines.train import spoken
from understudy.engine.runtime.reporter import Reporter
from understudy.engine.training import previewer, session
from understudy.engine.training.checkpoint import ModelDocument, read_model
from understudy.engine.training.end_costs import EndCosts, EndPart
from understudy.engine.training.held_out import Measurement
from understudy.engine.training.history import read_history
from understudy.engine.training.keeper import ModelKeeper
from understudy.engine.training.recipes import RECIPES
from understudy.engine.training.run_clock import RunClock

FIRST_STEP_S, STEP_S, MEASURE_S, SAVE_S, PREVIEW_S = 20.0, 4.0, 2.0, 5.0, 3.0
END_S = MEASURE_S + SAVE_S + PREVIEW_S
CAST = ("anna", "bert")


class Pretended:
    """A clock that goes on only where a training works, and a network that learns nothing."""

    def __init__(self):
        self.now = 1000.0
        self.cost = {"step": STEP_S, "measure": MEASURE_S, "save": SAVE_S, "preview": PREVIEW_S}
        self.recipe = RECIPES["quick"]
        self.network = SimpleNamespace(family=FAMILIES["quick"])
        self.picture_size = self.network.family.face_size
        self.steps = 0
        self.averaged = contextlib.nullcontext
        # As a loader of batches.
        self.waited_s = 0.0

    def spend(self, kind):
        self.now += self.cost[kind]

    def step(self, _inputs, _targets, _rate):
        self.steps += 1
        self.now += FIRST_STEP_S if self.steps == 1 else self.cost["step"]
        return dict.fromkeys(CAST, 0.1)

    def is_healthy(self):
        return True

    def inference_weights(self):
        return {"encoder/00": np.full(4, self.steps, np.float32)}

    def state(self):
        return {"weights/encoder/00": np.zeros(4, np.float32), "steps": np.asarray(self.steps)}

    def next_batch(self):
        return SimpleNamespace(inputs=None, targets=None)

    def train(self, folder, minutes, **changes):
        """Train as a job would and return the session."""
        settings = TrainSettings(
            **{"maximum_minutes": minutes, "save_interval": 100, "preview_interval": 100, **changes}
        )
        document = ModelDocument("quick", CAST, 32, 1.7, self.steps, {}, {}, [], "2026-01-01T00:00:00+00:00")
        faces = [
            SimpleNamespace(performer=name, held_out=(), held_out_coverage=1.7, held_out_points=()) for name in CAST
        ]
        run = session.TrainingSession(folder, document, self, faces, settings, Reporter(), clock=lambda: self.now)
        run.run()
        return run


@pytest.fixture
def pretended(monkeypatch):
    """What is slow or needs faces is replaced; keeping, pacing and deciding are the real ones."""
    made = Pretended()
    views = np.zeros((1, 8, 8, 3), np.float32)

    def measure(_faces, _view, _decode, step):
        made.spend("measure")
        return Measurement(step, {"anna": 0.3}, {"anna": 0.1})

    def grid(_faces, _swap):
        made.spend("preview")
        return np.zeros((8, 8, 3), np.uint8)

    save = ModelKeeper.save

    def slow_save(*arguments):
        made.spend("save")
        save(*arguments)

    monkeypatch.setattr(session, "measure", measure)
    monkeypatch.setattr(session, "network_inputs", lambda *_: views)
    monkeypatch.setattr(session, "preview_faces", lambda *_: {name: {name: views} for name in CAST})
    monkeypatch.setattr(session, "flips_of", lambda *_: None)
    monkeypatch.setattr(session, "NetworkDecoder", lambda _: SimpleNamespace(with_masks=lambda faces, _name: faces))
    monkeypatch.setattr(session, "BatchLoader", lambda *_: contextlib.nullcontext(made))
    monkeypatch.setattr(session, "offer_graphs", lambda *_: None)
    monkeypatch.setattr(previewer, "preview_grid", grid)
    monkeypatch.setattr(ModelKeeper, "save", slow_save)
    return made


def measured_steps(folder):
    return [line["step"] for line in read_history(folder / "history.jsonl") if "held_out/ssim" in line]


@pytest.mark.parametrize("intervals", [(100, 100), (7, 5), (3, 100), (100, 2), (1, 1)])
@pytest.mark.parametrize("minutes", [2.0, 2.05, 3.3, 20.0])
def test_a_training_takes_the_time_it_was_given(tmp_path, pretended, intervals, minutes):
    save_interval, preview_interval = intervals
    run = pretended.train(tmp_path, minutes, save_interval=save_interval, preview_interval=preview_interval)
    # It ends early only by what one more step, with what belongs to it, would have been too long.
    assert 60.0 * minutes - STEP_S - END_S < run.run_s <= 60.0 * minutes
    assert run.run_s == pretended.now - 1000.0 and 0.0 <= run.end_s <= END_S
    assert read_model(tmp_path).step == run.steps > 1
    assert (tmp_path / "preview.png").is_file()


def test_what_was_never_done_is_done_once_by_half_of_the_time(tmp_path, pretended):
    run = pretended.train(tmp_path, 4.0)
    # 20 s for the first step and 4 s for each other one: 26 steps in the first two minutes.
    assert measured_steps(tmp_path) == [26, run.steps]
    assert run.end_s == END_S and 240.0 - STEP_S <= run.run_s <= 240.0


def test_there_is_always_one_step(tmp_path, pretended):
    run = pretended.train(tmp_path, 0.01)
    assert run.steps == 1 and run.run_s == FIRST_STEP_S + END_S and run.end_s == END_S
    # Going on with a limit that saving alone fills does one more.
    assert pretended.train(tmp_path, 0.01).steps == 2


def test_what_grows_dearer_is_foreseen_by_its_last_time(tmp_path, pretended, monkeypatch):
    # A disk that fills up: each save takes a second longer.
    save = ModelKeeper.save

    def dearer(*arguments):
        pretended.cost["save"] += 1.0
        save(*arguments)

    monkeypatch.setattr(ModelKeeper, "save", dearer)
    run = pretended.train(tmp_path, 3.0, save_interval=6)
    assert 180.0 - STEP_S - END_S - 10.0 < run.run_s <= 181.0


def test_without_a_limit_nothing_is_done_early(tmp_path, pretended):
    run = pretended.train(tmp_path, 0.0, maximum_steps=60)
    assert measured_steps(tmp_path) == [60] and run.end_s == END_S


def test_the_first_step_which_compiles_says_nothing_of_the_next():
    now = [0.0]
    costs = EndCosts(lambda: now[0])
    for seconds in (30.0, 2.0, 3.0):
        with costs.step():
            now[0] += seconds
        if seconds == 30.0:
            assert costs.reserve_s == 0.0
    assert costs.reserve_s == 2.0
    assert [costs.is_due(EndPart.SAVE, share) for share in (0.49, 0.5, 0.99, 1.0)] == [False, True, True, False]
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
