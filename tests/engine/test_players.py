# SPDX-License-Identifier: GPL-3.0-or-later
"""Players of a training step on TensorFlow; tests/backends holds the other backends against it."""

import contextlib
import dataclasses
import inspect
import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from player_scenes import NAMES, STEPS, batch_of, learn, make_trainer
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.settings import TrainSettings
from understudy.engine.runtime.backend import chosen_backend, prepare_backend
from understudy.engine.training import losses
from understudy.engine.training.batch import BatchPlan
from understudy.engine.training.face_weight import face_weight
from understudy.engine.training.meeting import meet
from understudy.engine.training.team import join_team, part_of, team_of
from understudy.engine.training.trainer import Trainer


@pytest.fixture(autouse=True, scope="module")
def repeatable():
    prepare_backend(deterministic=True)


def test_twenty_steps_are_those_of_a_plain_loop():
    """The loop says in a few lines, without compiling anything, what a step of `quick` is."""
    trained, plain = make_trainer("together"), make_trainer("together")
    network, recipe = plain.network, plain.recipe
    (player,) = plain.players
    weight = face_weight(network.family.face_size, network.family.coverage)
    variables = list(player.variables.values())
    for found in learn(trained):
        inputs, targets = batch_of(plain.steps)
        with tf.GradientTape() as tape:
            expected = {
                name: losses.reconstruction(network.decoders[name](network.encoder(x)), tf.constant(y), weight, recipe)
                for name, x, y in zip(NAMES, inputs, targets, strict=True)
            }
            total = tf.add_n(list(expected.values()))
        player.optimizer.learning_rate.assign(1e-3)
        player.optimizer.apply(tape.gradient(total, [variable.value for variable in variables]), variables)
        plain.steps += 1
        assert {name: float(value) for name, value in expected.items()} == pytest.approx(found, rel=1e-4)
    assert plain.steps == STEPS


def test_each_player_changes_its_own_weights_by_its_own_loss():
    trainer = make_trainer("judge")
    before = trainer.state()
    maker, judge = trainer.players
    found = learn(trainer, 1)[0]
    assert set(found) == {*NAMES, "pleased", "judge"}
    after = trainer.state()
    for name in (*(f"weights/{name}" for name in maker.variables), *(f"training/{name}" for name in judge.variables)):
        assert not np.array_equal(before[name], after[name]), name
    assert int(after["state/judge/calls"]) == 1
    assert not any(name.startswith("judge") for name in trainer.inference_weights())
    # Twenty more, and the judge tells them apart better than at first.
    assert learn(trainer)[-1]["judge"] < found["judge"]


def test_a_player_learns_at_its_own_pace():
    quick, slow = make_trainer("judge"), make_trainer("judge")
    slow = Trainer(slow.network, slow.recipe, players=[dataclasses.replace(one, pace=0.5) for one in slow.players])
    for trainer in (quick, slow):
        learn(trainer, 1)
    rates = [[float(player.optimizer.learning_rate) for player in trainer.players] for trainer in (quick, slow)]
    assert rates[1] == pytest.approx([0.5 * rate for rate in rates[0]])


def test_a_player_more_is_resumed_bit_for_bit():
    whole, first, second = (make_trainer("judge") for _ in range(3))
    learn(whole, 6)
    learn(first, 3)
    second.restore(first.state())
    learn(second, 3)
    expected, found = whole.state(), second.state()
    assert set(expected) == set(found)
    assert [name for name in expected if expected[name].tobytes() != found[name].tobytes()] == []


def test_backend_is_chosen_by_setting_then_environment(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert chosen_backend() == "tensorflow"
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    assert chosen_backend("tensorflow") == "tensorflow"
    with pytest.raises(EngineError, match="is numpy") as caught:
        chosen_backend()
    assert caught.value.code is ErrorCode.SETTINGS_INVALID
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delitem(__import__("sys").modules, "jax", raising=False)
    with pytest.raises(EngineError, match="JAX is to compute, but it is not installed") as caught:
        prepare_backend(setting="jax")
    assert caught.value.code is ErrorCode.LIBRARY_MISSING
    assert "engine-jax.txt" in caught.value.hint


def test_team_needs_jax_an_address_and_a_number(monkeypatch):
    together = TrainSettings(workers=2, worker=1, coordinator="127.0.0.1:4000")
    with pytest.raises(EngineError, match="tensorflow doesn't do here"):
        join_team(together, "tensorflow", 8)
    with pytest.raises(EngineError, match="expected HOST:PORT"):
        team_of(dataclasses.replace(together, coordinator="host"))
    with pytest.raises(EngineError, match="the last is 1"):
        team_of(dataclasses.replace(together, worker=2))
    for name, value in (("NUM_PROCESSES", "3"), ("PROCESS_ID", "2"), ("JOB_ADDRESSES", "a:1,b:1,c:1")):
        monkeypatch.setenv(f"KERAS_DISTRIBUTION_{name}", value)
    assert (team_of(TrainSettings()).rank, team_of(TrainSettings()).size) == (2, 3)


def test_parts_of_a_batch_are_disjoint_and_all_of_it():
    parts = [list(range(12))[part_of(12, (rank, 3))] for rank in range(3)]
    assert sum(parts, []) == list(range(12))
    assert inspect.signature(BatchPlan).parameters["team"].default == (0, 1)


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_processes_of_a_team_meet_although_strangers_call():
    address = free_address()
    with ThreadPoolExecutor(3) as pool:
        followers = [pool.submit(meet, 3, rank, address, 20.0) for rank in (2, 1)]
        leader = pool.submit(meet, 3, 0, address, 20.0)
        host, port = address.split(":")
        while not leader.done():
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=0.2) as stranger:
                stranger.sendall(b"GET / HTTP/1.1\r\n")
        assert [item.result() for item in (leader, *followers)] == [None] * 3


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_whose_team_does_not_come_says_so_in_time(rank):
    with pytest.raises(EngineError, match="did not find each other at 127") as caught:
        meet(2, rank, free_address(), 0.5)
    assert caught.value.code is ErrorCode.OFFLINE
    assert "firewall" in caught.value.hint
