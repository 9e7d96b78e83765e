# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands for a library that isn't in the environment of the type checker; nothing of it is checked."""

from typing import Any

def __getattr__(name: str) -> Any: ...
