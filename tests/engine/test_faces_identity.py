# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity filter keeps the person, leaves others out and says why (seed rows S-24)."""

import numpy as np
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
