# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in another thread keeps its order and its errors; spooled rows come back as they were."""

import numpy as np
import pytest
from understudy.engine.faces.spool import Spool
from understudy.engine.runtime.ordered_worker import OrderedWorker


def test_work_is_done_in_order():
    worker, done = OrderedWorker("test", 3), []
    for number in range(100):
        worker.give(lambda number=number: done.append(number))
    worker.finish()
    assert done == list(range(100))


def test_an_error_is_told_once_and_the_rest_is_done():
    worker, done = OrderedWorker("test", 100), []

    def fail():
        raise OSError("the disk is full")

    for number in range(10):
        worker.give(fail if number == 4 else lambda number=number: done.append(number))
        if number == 4:
            with pytest.raises(OSError, match="full"):
                worker.finish()
    worker.finish()
    assert done == [0, 1, 2, 3, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("count", [0, 1, 700, 2048, 6001])
def test_a_spool_gives_back_what_it_was_given(count):
    rows = np.random.default_rng(count).normal(size=(count, 5)).astype(np.float32)
    spool, position = Spool(5, 40), 0
    for size in (1, 7, 300, 2500):
        while position + size <= count:
            spool.append(rows[position : position + size])
            position += size
            first = max(0, position - 40)
            assert np.array_equal(spool.rows(first, position), rows[first:position])
            if size != 300:
                break
    spool.append(rows[position:])
    assert len(spool) == count
    assert np.array_equal(np.asarray(spool.all()), rows)
    if count:
        assert np.array_equal(spool.rows(0, min(count, 3)), rows[: min(count, 3)])
    with pytest.raises(IndexError):
        spool.rows(0, count + 1)
