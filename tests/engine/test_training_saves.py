# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkpoint asked for while a training runs: whole, told, and without a trace in what comes after."""

import json

import numpy as np
import pytest
from flat_faces import performers, tiny_quick  # noqa: F401 - fixtures
from understudy.engine.contract.jobs import TrainJob
from understudy.engine.contract.messages import Artifact, Log
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.pipelines.train import train
from understudy.engine.runtime.reporter import PartReporter, Reporter
from understudy.engine.training.checkpoint import read_arrays, read_model
from understudy.engine.training.inference import load_swapper
from understudy.engine.training.outlook import Outlook
from understudy.engine.training.runaway import Runaway


@pytest.fixture
def job(performers):  # noqa: F811
    def job_of(model):
        figures = {"maximum_steps": 6, "save_interval": 4, "preview_interval": 100, "snapshots_kept": 1}
        settings = TrainSettings(batch_size=2, deterministic=True, threads=2, **figures)
        return TrainJob(model, performers, settings=settings)

    return job_of


class Watcher(Reporter):
    """Asks for a save after some steps, and keeps of each sentence and each save what the model's folder held then."""

    def __init__(self, model, ask_after=(), risen_after=()):
        super().__init__()
        self.model, self.is_risen = model, False
        self._ask_after, self._risen_after = ask_after, risen_after
        self.saved, self.said, self.threads = [], [], []

    def metrics(self, step, values):
        if step in self._ask_after:
            self.saves.ask()
        self.is_risen = step in self._risen_after

    def send(self, message):
        if isinstance(message, Artifact):
            self.saved.append(read_model(self.model).step)
        elif isinstance(message, Log) and "thread" in message.text:
            self.threads.append(message.text)
        elif isinstance(message, Log) and "aved" in message.text:
            self.said.append(message.text)
            if "as asked" in message.text:
                document = read_model(self.model)
                assert int(read_arrays(self.model, document.checkpoint)["steps"]) == document.step
                load_swapper(self.model)


def losses(model):
    lines = [json.loads(line) for line in (model / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if "learning_rate" in line]


def test_an_asked_save_is_whole_and_leaves_the_training_as_it_is(job, tmp_path, monkeypatch):
    plain, asked = Watcher(tmp_path / "plain"), Watcher(tmp_path / "asked", ask_after=(1, 2, 4, 5), risen_after=(2,))
    judged, add = [], Outlook.add

    def judge(self, found, **rest):
        judged.append(found.step)
        add(self, found, **rest)

    monkeypatch.setattr(Outlook, "add", judge)
    for watcher in (plain, asked):
        monkeypatch.setattr(Runaway, "is_suspected", property(lambda _self, watcher=watcher: watcher.is_risen))
        train(job(watcher.model), watcher)
    assert plain.saved == [4, 6, 6] and not plain.said
    # Asked for after step 1, answered after step 2; the save of step 6 is the last one, which comes anyway.
    assert asked.saved == [2, 4, 5, 6, 6]
    # What may have run away after step 2 would take the place of the last good checkpoint.
    refusal = "Not saved: the losses are far above what they were; ask again when they have come down."
    assert asked.said == [
        "Saved after step 2, as asked.",
        refusal,
        *(f"Saved after step {step}, as asked." for step in (5, 6)),
    ]
    # The plateau is judged by the regular saves only; behind the last step, which was asked for, nothing depends on it.
    assert judged == [4, 6, 4]
    folders = tmp_path / "plain", tmp_path / "asked"
    states = [read_arrays(folder, read_model(folder).checkpoint) for folder in folders]
    assert states[0].keys() == states[1].keys()
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])
    assert losses(folders[0]) == losses(folders[1])
    assert read_model(folders[0]).losses == read_model(folders[1]).losses
    # Two threads were asked for, and one computed.
    assert plain.threads == ["One processor thread computes instead of 2: the training is deterministic."]
    assert read_model(folders[0]).settings["threads"] == 1


def test_a_part_of_a_run_hears_what_the_whole_is_asked():
    whole = Reporter()
    part = PartReporter(whole)
    whole.saves.ask()
    assert part.saves.is_asked and part.saves.take() and not whole.saves.is_asked and not part.saves.take()
