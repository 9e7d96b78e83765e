# SPDX-License-Identifier: GPL-3.0-or-later
"""See bpy/__init__.pyi."""

from typing import Any

def __getattr__(name: str) -> Any: ...
