# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity filter keeps the person, leaves others out and says why (seed rows S-24)."""

import numpy as np
import pytest
from understudy.engine.faces.identity import IdentityFilter


def _at(*values: float) -> np.ndarray:
    vector = np.zeros(128)
    vector[: len(values)] = values
    return vector


NOBODY = np.zeros((0, 128))


def test_no_pictures_keep_everybody():
    persons = IdentityFilter(NOBODY, NOBODY)
    assert not persons.is_active
    assert persons.judge(_at(5)).is_accepted


def test_references_keep_by_mean_distance():
    persons = IdentityFilter(np.stack([_at(0), _at(0.2)]), NOBODY, threshold=0.6)
    assert persons.judge(_at(0.65)).is_accepted
    verdict = persons.judge(_at(0.8))
    assert not verdict.is_accepted
    assert "0.70" in verdict.reason


def test_rejects_alone_work():
    persons = IdentityFilter(NOBODY, np.stack([_at(1.0), _at(3.0)]), threshold=0.6)
    assert not persons.judge(_at(1.3)).is_accepted
    assert persons.judge(_at(0)).is_accepted


def test_closest_reject_beats_a_good_mean():
    persons = IdentityFilter(np.stack([_at(0), _at(0.4)]), _at(0.25)[None], threshold=0.6)
    assert not persons.judge(_at(0.24)).is_accepted
    assert persons.judge(_at(0.05)).is_accepted


def test_mean_of_rejects_closer_than_mean_of_references():
    persons = IdentityFilter(np.stack([_at(0), _at(0.9)]), np.stack([_at(0.3), _at(-0.3)]), threshold=0.6)
    verdict = persons.judge(_at(0.1))
    assert not verdict.is_accepted
    assert "average" in verdict.reason


def test_nearest_neighbors_decide_when_means_do_not():
    references = np.stack([_at(0.0), _at(0.5), _at(0.5, 0.1)])
    rejects = np.stack([_at(0.1, 0.1), _at(-0.1, 0.1), _at(0.0, -0.15), _at(0, 2)])
    verdict = IdentityFilter(references, rejects, threshold=0.6).judge(_at(0.0))
    assert not verdict.is_accepted
    assert "25%" in verdict.reason


def test_exactly_at_the_threshold_is_kept():
    assert IdentityFilter(_at(0)[None], NOBODY, threshold=0.5).judge(_at(0.5)).is_accepted
    assert not IdentityFilter(_at(0)[None], NOBODY, threshold=0.5).judge(_at(0.5001)).is_accepted


def test_the_threshold_counts_before_the_persons_to_leave_out():
    verdict = IdentityFilter(_at(0)[None], _at(2)[None], threshold=0.6).judge(_at(0.7))
    assert "mean distance to the person is 0.70, above 0.60" in verdict.reason


@pytest.mark.parametrize(
    ("wanted", "unwanted", "count"), [(1, 1, 2), (1, 9, 2), (2, 9, 3), (3, 3, 4), (4, 4, 5), (5, 5, 5), (9, 9, 5)]
)
def test_as_many_neighbors_as_the_smaller_side_and_one_but_no_more_than_five(wanted, unwanted, count):
    # One picture of the person is nearest, then all others; the person's mean stays below theirs.
    references = np.stack([_at(0.01), *[_at(0, 0.2)] * (wanted - 1)])
    rejects = np.stack([_at(0, 0, 0.1)] * (unwanted - 1) + [_at(0, 0, 9)])
    verdict = IdentityFilter(references, rejects).judge(_at(0))
    near_rejects = min(unwanted - 1, count - 1)
    share = (count - near_rejects) / count
    assert verdict.is_accepted == (share >= 0.5)
    assert verdict.is_accepted or f"only {share:.0%} of its {count} nearest" in verdict.reason


def test_half_of_the_neighbors_are_enough():
    verdict = IdentityFilter(_at(0.01)[None], np.stack([_at(0.1), _at(5)])).judge(_at(0))
    assert verdict.is_accepted and verdict.reason == ""


def test_rejects_alone_reject_up_to_the_threshold_and_say_how_near():
    persons = IdentityFilter(NOBODY, _at(1.0)[None], threshold=0.5)
    assert persons.is_active
    assert "at 0.50 from a person to leave out" in persons.judge(_at(1.5)).reason
    assert persons.judge(_at(1.51)).is_accepted
