# SPDX-License-Identifier: GPL-3.0-or-later
"""Every choice of a model shows its terms, and one set of choices allows paid work."""

from dataclasses import fields

from understudy.engine.contract.model_licences import LICENCES, models_used, paid_work_sentence
from understudy.engine.contract.settings import ExtractSettings


def test_every_model_that_can_be_chosen_states_its_terms_where_it_is_chosen():
    for item in fields(ExtractSettings):
        if item.name in ("detector", "landmarks"):
            for name, phrase in item.metadata["choices"].items():
                assert LICENCES[name].purpose == item.name
                assert LICENCES[name].terms in phrase
                assert LICENCES[name].meaning.endswith(".")


def test_the_68_points_exclude_paid_work_and_name_their_training_set():
    sentence = paid_work_sentence(models_used("blazeface", "dlib-68"))
    assert sentence.startswith("Not for paid work: dlib 68 points")
    assert "iBUG 300-W" in sentence
    assert sentence.endswith("Choose MediaPipe face mesh for that.")
    assert "iBUG 300-W" in LICENCES["dlib-68"].meaning


def test_the_defaults_allow_paid_work():
    defaults = ExtractSettings()
    used = models_used(defaults.detector, defaults.landmarks)
    assert "dlib-identity" in used
    assert all(LICENCES[name].paid_work for name in used)
    assert paid_work_sentence(used) == "Paid work is allowed with these models."
