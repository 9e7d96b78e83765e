# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes and devices that train one model together: each takes a share of every batch.

JAX does the joining: weights lie on every device, batches are divided over them, and the compiled step sums the
gradients. docs/explanation/decisions/0026 says why it is JAX.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence

from ..contract.errors import EngineError, ErrorCode
from ..contract.settings import TrainSettings
from .meeting import meet

_JOIN_S = 300
# Keras' own variables, for those who start processes by a script.
_VARIABLES = ("KERAS_DISTRIBUTION_NUM_PROCESSES", "KERAS_DISTRIBUTION_PROCESS_ID", "KERAS_DISTRIBUTION_JOB_ADDRESSES")


class Team:
    """A process among those that train a model.

    Attributes:
        rank: Number of this process; 0 leads: it decides when to stop, and it alone writes.
        size: Number of processes.
        shards: Number of parts that every batch is divided into, one for each device of the team.
    """

    def __init__(self, rank: int = 0, size: int = 1, shards: int = 1) -> None:
        self.rank = rank
        self.size = size
        self.shards = shards

    @property
    def leads(self) -> bool:
        """Whether this process decides and writes."""
        return self.rank == 0

    def agree(self, is_over: bool, share: float) -> tuple[bool, float]:
        """Return whether any process wants to end, and the leader's share of the run; every process must call it."""
        if self.size == 1:
            return is_over, share
        import numpy as np
        from jax.experimental.multihost_utils import process_allgather

        said = np.asarray(process_allgather(np.array([is_over, share], np.float32)))
        return bool(said[:, 0].any()), float(said[0, 1])


def team_of(settings: TrainSettings) -> Team:
    """Return the team that settings or Keras' variables describe, not joined yet: `shards` isn't known.

    Raises:
        EngineError: `settings_invalid`, naming what is missing or contradicts itself.
    """
    size, rank, _address = _figures(settings)
    return Team(rank, size)


def join_team(settings: TrainSettings, backend: str, batch_size: int) -> Team:
    """Join the other processes and spread over this machine's devices; call it before anything imports Keras.

    Args:
        settings: `workers`, `worker` and `coordinator` are used.
        backend: Backend of this process.
        batch_size: Faces of each performer in a step of the whole team.

    Raises:
        EngineError: `settings_invalid`, when the figures don't fit each other or the batch can't be divided;
            `offline`, when the others don't come.
    """
    size, rank, address = _figures(settings)
    if backend != "jax":
        if size > 1:
            raise EngineError(
                ErrorCode.SETTINGS_INVALID,
                f"{size} processes are to train one model, which {backend} doesn't do here.",
                "Choose the backend jax.",
            )
        return Team()
    import jax

    if size > 1:
        _connect(size, rank, address)
    devices = list(jax.devices())
    if size == 1:
        # A batch that can't be divided over all devices is divided over as many as possible.
        count = max(number for number in range(1, len(devices) + 1) if batch_size % number == 0)
        devices = devices[:count]
    if batch_size % len(devices):
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"A batch of {batch_size} faces can't be divided over {len(devices)} devices.",
            f"Choose a batch size that is a multiple of {len(devices)}.",
        )
    if len(devices) > 1:
        import keras

        names = [f"{device.platform}:{device.id}" for device in devices]
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names, auto_shard_dataset=False))
    return Team(rank, size, len(devices))


def _figures(settings: TrainSettings) -> tuple[int, int, str]:
    """Return number of processes, this one's number, and the leader's address."""
    found: list[str] = [os.environ.get(name, "") for name in _VARIABLES]
    size, rank, address = settings.workers, settings.worker, settings.coordinator
    if size == 1 and found[0].isdecimal() and found[1].isdecimal():
        size, rank, address = int(found[0]), int(found[1]), found[2].partition(",")[0]
    problem = ""
    if rank >= size:
        problem = f"The number of this process is {rank}, but with {size} processes the last is {size - 1}"
    elif size > 1 and not address.rpartition(":")[2].isdecimal():
        problem = f"The leader's address is {address!r}; expected HOST:PORT"
    if problem:
        raise EngineError(ErrorCode.SETTINGS_INVALID, f"{problem}.", "Correct it on every machine and try again.")
    return size, rank, address


def _connect(size: int, rank: int, address: str) -> None:
    import jax

    meet(size, rank, address, _JOIN_S)
    # The leader listens where the others are told to find it, and nowhere else if that is this machine alone.
    jax.distributed.initialize(
        coordinator_address=address,
        num_processes=size,
        process_id=rank,
        coordinator_bind_address=address if _is_loopback(address) else None,
        initialization_timeout=_JOIN_S,
    )


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def part_of(size: int, team: Sequence[int]) -> slice:
    """Return which of a batch's faces a process takes; `team` is its number and the number of processes."""
    rank, count = team
    return slice(rank * size // count, (rank + 1) * size // count)
