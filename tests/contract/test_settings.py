# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings check themselves, and each of them tells the user what it does."""

import math
from dataclasses import fields
from fractions import Fraction

import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.settings import (
    BuildSettings,
    ExtractSettings,
    PeopleSettings,
    SwapSettings,
    TrainSettings,
    settings_from_json,
    settings_to_json,
)

KINDS = (ExtractSettings, PeopleSettings, BuildSettings, TrainSettings, SwapSettings)
ALL = [(cls, item) for cls in KINDS for item in fields(cls)]
each_setting = pytest.mark.parametrize(("cls", "item"), ALL, ids=[f"{cls.__name__}.{item.name}" for cls, item in ALL])


def wrong_values(item):
    details, kind = item.metadata, type(item.default)
    values = [object(), None]
    if kind in (int, float):
        values += ["1", True]
        values += [details["minimum"] - 1] if "minimum" in details else []
        values += [details["maximum"] + 1] if "maximum" in details else []
    if kind is float:
        values += [math.nan, math.inf]
    if kind is bool:
        values += [1, "yes"]
    if "choices" in details:
        values.append("no such choice" if kind is str else 3)
    return values


@each_setting
def test_every_setting_explains_itself(cls, item):
    assert item.metadata["help"].endswith(".")
    assert item.metadata["help"][0].isupper()
    assert all(item.metadata.get("choices", {"": "x"}).values())


@each_setting
def test_every_setting_refuses_what_is_out_of_its_range(cls, item):
    for value in wrong_values(item):
        with pytest.raises(EngineError) as caught:
            cls(**{item.name: value})
        assert caught.value.code == ErrorCode.SETTINGS_INVALID
        assert item.name in caught.value.message


@each_setting
def test_every_setting_takes_its_limits(cls, item):
    details = item.metadata
    for value in [item.default, *(details[name] for name in ("minimum", "maximum") if name in details)]:
        assert getattr(cls(**{item.name: value}), item.name) == value


@pytest.mark.parametrize("cls", KINDS)
def test_round_trip_and_missing_values_take_their_defaults(cls):
    assert settings_from_json(cls, settings_to_json(cls())) == cls()
    assert settings_from_json(cls, {}) == cls()


def test_whole_numbers_pass_for_floats():
    assert SwapSettings(opacity=1) == SwapSettings(opacity=1.0)
    assert isinstance(SwapSettings(opacity=1).opacity, float)


def test_the_usual_gap_is_half_a_second_at_every_rate():
    rates = (Fraction(12), Fraction(25), Fraction(60), Fraction(24000, 1001))
    assert [ExtractSettings().gap_frames(rate) for rate in rates] == [6, 12, 30, 12]
    assert [ExtractSettings(maximum_gap=frames).gap_frames(Fraction(60)) for frames in (0, 7)] == [0, 7]
