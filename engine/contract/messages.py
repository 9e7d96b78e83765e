# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages an engine run sends, one JSON object a line: `Hello` first, exactly one `Done` or `Failed` last."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .errors import EngineError, ErrorCode
from .frame_mentions import FrameMention

PROTOCOL_VERSION = 1


@dataclass(frozen=True)
class Hello:
    """First message: who is speaking.

    Attributes:
        job: Kind of the job ("extract", "train", "swap", …).
        engine_version: Version of the engine's code.
        python: Version of the engine's Python.
        protocol: Version of this message format.
        pid: Process id of the run.
    """

    job: str
    engine_version: str
    python: str
    pid: int
    protocol: int = PROTOCOL_VERSION


@dataclass(frozen=True)
class Stage:
    """A named part of the job begins; `title` is shown to the user."""

    name: str
    title: str


@dataclass(frozen=True)
class Progress:
    """How far the current stage is.

    Attributes:
        stage: Name of the stage.
        done: Units finished.
        total: Units in all, or None when unknown.
        unit: What is counted ("frames", "faces", "steps", "seconds").
        remaining_s: Estimated seconds left in the stage, or None when unknown.
    """

    stage: str
    done: float
    total: float | None
    unit: str
    remaining_s: float | None = None


@dataclass(frozen=True)
class Metrics:
    """Figures at a moment, for example the losses of a training step."""

    step: int
    values: dict[str, float]


@dataclass(frozen=True)
class Preview:
    """A picture file was written or rewritten; `kind` tells where it is shown ("training", "extract", "swap")."""

    kind: str
    path: str


@dataclass(frozen=True)
class Artifact:
    """A result exists on disk ("tracks", "faceset", "model", "frames", "report")."""

    kind: str
    path: str


@dataclass(frozen=True)
class Log:
    """A sentence worth keeping.

    Attributes:
        level: "info" or "warning".
        text: The sentence.
        frames: Media frames that it names.
    """

    level: str
    text: str
    frames: tuple[FrameMention, ...] = ()


@dataclass(frozen=True)
class Done:
    """Last message of a run that ended as it should.

    Attributes:
        stopped: Whether it ended early because a stop was asked for.
        summary: One sentence for the user.
        result: Plain figures and paths of the result; the keys are documented with each pipeline.
        frames: Media frames that the summary names.
    """

    stopped: bool
    summary: str
    result: dict[str, Any] = field(default_factory=dict)
    frames: tuple[FrameMention, ...] = ()


@dataclass(frozen=True)
class Failed:
    """Last message of a run that failed: code, what happened, what to do next, media frames that these name."""

    code: str
    message: str
    hint: str = ""
    frames: tuple[FrameMention, ...] = ()


Message = Hello | Stage | Progress | Metrics | Preview | Artifact | Log | Done | Failed

_TYPES: dict[str, type] = {
    cls.__name__.lower(): cls for cls in (Hello, Stage, Progress, Metrics, Preview, Artifact, Log, Done, Failed)
}


def encode(message: Message) -> str:
    """Return the message as one line of JSON, without the line end."""
    content = {"type": type(message).__name__.lower(), **asdict(message)}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def decode(line: str) -> Message:
    """Return the message of one line.

    Raises:
        EngineError: `internal`, when the line is no message of this protocol.
    """
    try:
        content = json.loads(line)
        cls = _TYPES[content.pop("type")]
        known = {f.name for f in fields(cls)}
        if "frames" in known:
            content["frames"] = tuple(map(FrameMention.from_json, content.get("frames", ())))
        # A newer engine may add fields; they are left out instead of breaking an older reader.
        return cls(**{key: value for key, value in content.items() if key in known})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(ErrorCode.INTERNAL, f"Not a message of the engine: {line[:200]!r}.") from error


def is_last(message: Message) -> bool:
    """Whether nothing may follow this message."""
    return isinstance(message, Done | Failed)
