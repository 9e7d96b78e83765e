# SPDX-License-Identifier: GPL-3.0-or-later
"""A training that runs away is told from one that learns, that learns larger pictures, and that stumbles."""

import numpy as np
from understudy.engine.training.runaway import Runaway


def first_alarm(losses):
    """Return the step at which a run of losses counts as run away, or None."""
    watch = Runaway()
    return next((step for step, loss in enumerate(losses) if watch.add([loss, 1.1 * loss])), None)


def learning(steps, end=0.15):
    noise = np.random.default_rng(0).normal(1.0, 0.15, steps)
    return list((end + 1.2 * np.exp(-np.arange(steps) / 60.0)) * noise)


def test_a_collapse_is_told_a_hundred_steps_after_it_shows():
    alarm = first_alarm([*learning(700), *[1.3] * 300])
    assert 700 + 100 <= alarm <= 700 + 130


def test_learning_and_larger_pictures_are_no_alarm():
    assert first_alarm(learning(2000)) is None
    larger = [0.2 + 0.3 * np.exp(-step / 60.0) for step in range(1000)]
    assert first_alarm([*learning(1000), *larger]) is None


def test_a_stumble_is_suspected_and_forgiven():
    watch = Runaway()
    for loss in learning(500):
        assert not watch.add([loss])
    assert not watch.is_suspected
    suspected = []
    for loss in [1.4] * 30 + [0.2] * 60:
        assert not watch.add([loss])
        suspected.append(watch.is_suspected)
    assert any(suspected) and not suspected[-1]


def test_a_run_that_begins_badly_isnt_run_away():
    assert first_alarm([1.4] * 1000) is None
