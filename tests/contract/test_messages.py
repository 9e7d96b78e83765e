# SPDX-License-Identifier: GPL-3.0-or-later
"""Every message survives the way from the engine to Blender, and nothing else passes for one."""

import json
from typing import get_args

import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.frame_mentions import mention
from understudy.engine.contract.messages import (
    PROTOCOL_VERSION,
    Artifact,
    Done,
    Failed,
    Hello,
    Log,
    Message,
    Metrics,
    Preview,
    Progress,
    Stage,
    decode,
    encode,
    is_last,
)

MESSAGES = [
    Hello("train", "0.1.0", "3.13.0", 4711),
    Stage("loading", "Wird geladen – größer"),
    Progress("train", 12.5, 100.0, "steps", 3.25),
    Progress("train", 3.0, None, "steps"),
    Metrics(7, {"a": 0.125, "b": 1e-9}),
    Preview("training", "C:\\Filme\\Ä b.png"),
    Artifact("tracks", "/footage/ü/tracks.npz"),
    Log("warning", "one line\nand another"),
    Log("warning", "In frames 3–5, 9 of ä.mov it is dark.", (mention([3, 4, 5, 9], "ä.mov"),)),
    Done(True, "Stopped.", {"pictures": 3, "nested": {"tracks": [1, 2]}}),
    Done(False, "Worst is frame 7.", {}, (mention([7]),)),
    Failed("no_faces", "No face.", "Look elsewhere."),
    Failed("footage_unreadable", "It is damaged at frame 7.", "Leave frame 7 out.", (mention([7]),)),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_round_trip_on_one_line(message):
    line = encode(message)
    assert "\n" not in line
    assert decode(line) == message


def test_every_kind_of_message_is_tried_above():
    assert {type(message) for message in MESSAGES} == set(get_args(Message))


def test_exactly_done_and_failed_are_last():
    assert {type(message) for message in MESSAGES if is_last(message)} == {Done, Failed}


def test_fields_of_a_newer_engine_are_left_out():
    line = json.dumps({**json.loads(encode(MESSAGES[1])), "color": "green"})
    assert decode(line) == MESSAGES[1]


def test_messages_of_an_older_engine_name_no_frames():
    content = json.loads(encode(Log("warning", "x")))
    del content["frames"]
    assert decode(json.dumps(content)) == Log("warning", "x")


def test_hello_says_which_protocol():
    assert json.loads(encode(MESSAGES[0]))["protocol"] == PROTOCOL_VERSION


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Epoch 1/10",
        "[]",
        "3",
        "null",
        '{"type":"unheard"}',
        '{"name":"x"}',
        '{"type":"stage"}',
        '{"type":"log","level":"info","text":"x","frames":[3]}',
    ],
)
def test_anything_else_is_refused(line):
    with pytest.raises(EngineError) as caught:
        decode(line)
    assert caught.value.code == ErrorCode.INTERNAL
