# SPDX-License-Identifier: GPL-3.0-or-later
"""A training that ends before its first step, stopped or with nothing to do: it writes nothing and says why."""

import queue
import threading
from dataclasses import replace

import pytest
from flat_faces import performers, tiny_quick  # noqa: F401 - fixtures
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.jobs import TrainJob
from understudy.engine.contract.messages import Progress, Stage
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.networks.autoencoder import Autoencoder
from understudy.engine.pipelines.train import train
from understudy.engine.pipelines.training_views import draw_training_views
from understudy.engine.runtime.reporter import Reporter
from understudy.engine.runtime.stop import StopSignal
from understudy.engine.training import opening
from understudy.engine.training.trainer import Trainer


@pytest.fixture
def job(tmp_path, performers):  # noqa: F811
    settings = TrainSettings(maximum_steps=2, batch_size=2, deterministic=True)
    return TrainJob(tmp_path / "model", performers, settings=settings)


class StoppedAt(Reporter):
    """Asks for a stop when a message is sent of which a condition holds."""

    def __init__(self, is_moment):
        super().__init__()
        self._is_moment = is_moment
        self.seen = []

    def send(self, message):
        self.seen.append(message)
        if self._is_moment(message):
            self.stop.set()


def at_stage(name):
    return lambda message: isinstance(message, Stage) and message.name == name


MOMENTS = {
    "while TensorFlow is loaded": at_stage("loading"),
    "before the faces": at_stage("reading"),
    "among the faces": lambda message: isinstance(message, Progress) and message.unit == "faces of anna",
    "before the first step": at_stage("training"),
}


def contents(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_stop_before_the_first_step_writes_no_model(job, moment, monkeypatch):
    built = []
    monkeypatch.setattr(opening, "Autoencoder", lambda *args: built.append(args) or Autoencoder(*args))
    reporter = StoppedAt(MOMENTS[moment])
    done = train(job, reporter)
    assert done.stopped and done.summary == "Stopped before the first step. No model was written."
    assert done.result == {"model": str(job.model), "step": 0} and not job.model.exists()
    assert bool(built) == (moment == "before the first step")


def test_a_stop_before_the_first_step_leaves_a_model_as_it_is(job):
    train(job, Reporter())
    # What a killed training leaves, which the next step would sweep away, and a picture of an earlier run.
    for name, content in ((".checkpoint-00000009.npz.part", b"half"), ("preview_shots.png", b"earlier")):
        (job.model / name).write_bytes(content)
    with (job.model / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 9, "loss/anna": 1.0}\n')
    before = contents(job.model)
    for is_moment in MOMENTS.values():
        done = train(job, StoppedAt(is_moment))
        assert done.stopped and done.result["step"] == 2 and "stays as it was, with 2 steps" in done.summary
        assert contents(job.model) == before


def test_a_training_that_has_its_steps_or_no_such_checkpoint_says_so(job):
    train(job, Reporter())
    assert "has 2 steps. Nothing was trained, because maximum_steps is 2." in train(job, Reporter()).summary
    before = contents(job.model)
    for name, code, words in (
        ("nothing.npz", ErrorCode.MODEL_MISSING, "has no checkpoint nothing.npz"),
        (str(job.model / "checkpoint-00000002.npz"), ErrorCode.MODEL_MISSING, "has no checkpoint"),
        ("best", ErrorCode.MODEL_UNREADABLE, "is missing"),
    ):
        with pytest.raises(EngineError) as caught:
            train(replace(job, settings=replace(job.settings, maximum_steps=3, resume_from=name)), Reporter())
        assert caught.value.code is code and words in caught.value.message and caught.value.hint
        assert contents(job.model) == before


def test_a_picture_of_what_the_network_sees_can_be_stopped_too(job, tmp_path):
    done = draw_training_views(job, tmp_path / "views.png", StoppedAt(MOMENTS["among the faces"]))
    assert done.stopped and not (tmp_path / "views.png").exists()


def test_a_stop_in_the_first_step_is_answered_at_once_and_the_step_is_kept(job, monkeypatch):
    reporter, step = StoppedAt(lambda _message: False), Trainer.step
    answered = threading.Event()
    reporter.info = lambda text: answered.set() if "first step" in text else None

    def stopping(*arguments):
        losses = step(*arguments)
        reporter.stop.set()
        assert answered.wait(10), "while the step is still at work"
        return losses

    monkeypatch.setattr(Trainer, "step", stopping)
    done = train(job, reporter)
    assert done.stopped and done.result["step"] == 1


def test_whoever_listens_hears_of_a_stop_once_and_only_meanwhile():
    stop, heard = StopSignal(), queue.SimpleQueue()
    with stop.heard_by(lambda: heard.put("before")):
        pass
    with stop.heard_by(lambda: heard.put("in it")):
        stop.set()
        stop.set()
        assert heard.get(timeout=10) == "in it"
    with stop.heard_by(lambda: heard.put("set already")):
        assert heard.get(timeout=10) == "set already"
    assert heard.empty()
