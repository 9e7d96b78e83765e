# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files as Blender shows them: icons in panels, and images that follow the file they came from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews

_SECONDS_BETWEEN_LOOKS = 1.0

_collection: Any = None
_missing: dict[str, float] = {}


def icon(path: str | Path) -> int:
    """Return the icon of a picture file, for `template_icon` and `icon_value`; 0 when there is none."""
    key = str(path)
    if _collection is None or not key:
        return 0
    if key not in _collection:
        now = time.monotonic()
        if now - _missing.get(key, -1e9) < _SECONDS_BETWEEN_LOOKS:
            return 0
        if not Path(key).is_file():
            _missing[key] = now
            return 0
        _collection.load(key, key, "IMAGE")
    return _collection[key].icon_id


def refresh(path: str | Path) -> None:
    """Show the new contents of a picture file wherever it is shown."""
    key = str(path)
    if _collection is not None and key in _collection:
        _collection[key].reload()
    image = _find_image(key)
    if image is not None:
        image.reload()


def as_image(path: str | Path) -> bpy.types.Image:
    """Return the picture file as an image data-block, the same one every time.

    Raises:
        RuntimeError: By Blender, when the file can't be read.
    """
    image = _find_image(str(path))
    if image is None:
        return bpy.data.images.load(str(path), check_existing=True)
    image.reload()
    return image


def _find_image(path: str) -> bpy.types.Image | None:
    return next(
        (image for image in bpy.data.images if image.filepath and bpy.path.abspath(image.filepath) == path), None
    )


def register() -> None:
    """Make room for icons."""
    global _collection
    _collection = bpy.utils.previews.new()


def unregister() -> None:
    """Free all icons."""
    global _collection
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
        _collection = None
