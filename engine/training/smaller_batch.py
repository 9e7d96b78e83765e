# SPDX-License-Identifier: GPL-3.0-or-later
"""The batch that a training goes on with when the memory ran out: half of it, where that is possible."""

from __future__ import annotations

from ..contract.errors import EngineError, ErrorCode
from .team import Team


def halved_batch(faces: int, team: Team) -> int:
    """Return half of a batch.

    Args:
        faces: Faces of each performer in a step of the whole team.
        team: The processes and devices among which a batch is divided.

    Raises:
        EngineError: `out_of_memory`, when it can't be halved.
    """
    if faces == 1:
        raise EngineError(
            ErrorCode.OUT_OF_MEMORY,
            "The memory is too small even for a batch of one face of each performer.",
            "Close other programs, or train a smaller family.",
        )
    if team.size > 1 or (faces // 2) % team.shards:
        raise EngineError(
            ErrorCode.OUT_OF_MEMORY,
            f"The memory is too small for a batch of {faces} faces over {team.shards} devices.",
            "Train on with a smaller batch size on every machine.",
        )
    return faces // 2
