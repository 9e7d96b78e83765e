# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's API as the type checker sees it: everything is Any, because most of it is made at run time.

The properties that the extension adds to scenes and strips, and what differs between Blender versions, are checked by
running the tests in every Blender.
"""

from typing import Any

def __getattr__(name: str) -> Any: ...
