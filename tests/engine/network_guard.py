# SPDX-License-Identifier: GPL-3.0-or-later
"""A process whose Python code reaches no other machine: every attempt is noted and fails."""

import socket

import pytest

# What processes of one machine talk over.
LOCAL = getattr(socket, "AF_UNIX", None)
_METHODS = ("connect", "connect_ex", "sendto", "bind")
_LOOK_UPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection")


@pytest.fixture
def network_attempts(monkeypatch):
    """The attempts so far, for example ["connect ('192.0.2.1', 80)"]; a caught error doesn't hide it."""
    attempts = []

    def note(name, arguments):
        attempts.append(f"{name} {arguments}")
        raise OSError(f"no network in this test: {attempts[-1]}")

    def guarded(name, method):
        return lambda self, *rest: method(self, *rest) if self.family == LOCAL else note(name, rest[-1])

    for name in _METHODS:
        monkeypatch.setattr(socket.socket, name, guarded(name, getattr(socket.socket, name)), raising=False)
    for name in _LOOK_UPS:
        monkeypatch.setattr(socket, name, lambda *arguments, name=name, **_named: note(name, arguments))
    return attempts
