# SPDX-License-Identifier: GPL-3.0-or-later
"""How the processes of a team find each other before JAX does: whoever waits in vain is told so.

JAX's own runtime ends a process that waits in vain without a word for the user. So the leader listens at the agreed
address first, until every other process has said its number; then it lets all go, and JAX takes the address over.
"""

from __future__ import annotations

import socket
import time

from ..contract.errors import EngineError, ErrorCode

_GREETING = "understudy-team"
_GO = b"go\n"
_PAUSE_S = 0.2


def meet(size: int, rank: int, address: str, patience_s: float) -> None:
    """Return once all processes of a team are there.

    Args:
        size: Number of processes, at least 2.
        rank: Number of this one; 0 leads.
        address: Where the leader listens, HOST:PORT.
        patience_s: Longest time to wait.

    Raises:
        EngineError: `offline`, when somebody doesn't come in time or the address can't be used.
    """
    host, _colon, port = address.rpartition(":")
    place = (host.strip("[]"), int(port))
    until = time.monotonic() + patience_s
    try:
        if rank == 0:
            _lead(size, place, until)
        else:
            _follow(size, rank, place, until)
    except OSError as error:
        raise EngineError(
            ErrorCode.OFFLINE,
            f"The {size} processes did not find each other at {address} within {patience_s:.0f} seconds: {error}.",
            "Start all of them with the same address and number of processes, and let that port through the firewall.",
        ) from error


def _lead(size: int, place: tuple[str, int], until: float) -> None:
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    there: dict[int, socket.socket] = {}
    with socket.create_server(place, family=family) as server:
        try:
            while len(there) < size - 1:
                server.settimeout(_left(until))
                connection: socket.socket | None
                connection, _from = server.accept()
                rank = _greeted(connection, size, until)
                if 0 < rank < size:
                    # A process that was started anew takes the place of its former self.
                    connection, there[rank] = there.get(rank), connection
                if connection is not None:
                    connection.close()
            # Listening ends first: JAX binds the same port.
            server.close()
            for connection in there.values():
                connection.sendall(_GO)
        finally:
            for connection in there.values():
                connection.close()


def _greeted(connection: socket.socket, size: int, until: float) -> int:
    """Return the number that somebody says, or -1 for anybody who isn't of this team."""
    try:
        connection.settimeout(min(5.0, _left(until)))
        words = connection.makefile("r", encoding="ascii", newline="\n").readline(100).split()
    except (OSError, ValueError):
        return -1
    if len(words) != 3 or words[0] != _GREETING or words[2] != str(size) or not words[1].isdecimal():
        return -1
    return int(words[1])


def _follow(size: int, rank: int, place: tuple[str, int], until: float) -> None:
    while True:
        try:
            with socket.create_connection(place, timeout=_left(until)) as connection:
                connection.sendall(f"{_GREETING} {rank} {size}\n".encode("ascii"))
                connection.settimeout(_left(until))
                if connection.recv(len(_GO)) == _GO:
                    return
        except OSError:
            # The leader may not listen yet, or was started anew; _left says when that has lasted too long.
            _left(until)
        time.sleep(_PAUSE_S)


def _left(until: float) -> float:
    """Return the seconds left.

    Raises:
        TimeoutError: None are.
    """
    left = until - time.monotonic()
    if left <= 0.0:
        raise TimeoutError("somebody didn't come")
    return left
