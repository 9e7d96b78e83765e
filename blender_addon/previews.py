# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as Blender shows them: icons of files and of what is drawn here, and images that follow their file."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews
import numpy as np
from numpy.typing import NDArray

_SECONDS_BETWEEN_LOOKS = 1.0

_collection: Any = None
# When a file was last looked for, and whether it was there.
_looks: dict[str, tuple[float, bool]] = {}
# What the drawn icons show, so that they are drawn anew only when it changes.
_drawn: dict[str, Hashable] = {}


def icon(path: str | Path) -> int:
    """Return the icon of a picture file, for `template_icon` and `icon_value`; 0 when there is none (any more)."""
    key = str(path)
    if _collection is None or not key:
        return 0
    if not _is_there(key):
        # What was loaded stays loaded: other regions may still draw its icon.
        return 0
    if key not in _collection:
        _collection.load(key, key, "IMAGE")
    return _collection[key].icon_id


def _is_there(key: str) -> bool:
    """Return whether a picture file exists, as far as it was looked for lately."""
    now = time.monotonic()
    looked, was_there = _looks.get(key, (-1e9, False))
    if now - looked < _SECONDS_BETWEEN_LOOKS:
        return was_there
    is_there = Path(key).is_file()
    if is_there and not was_there and key in _collection:
        _collection[key].reload()
    _looks[key] = (now, is_there)
    return is_there


def drawn_icon(key: str, content: Hashable, draw: Callable[[], NDArray[np.float32]]) -> int:
    """Return an icon that isn't a file's.

    Args:
        key: Name of the icon; the same one shows one thing at a time.
        content: What the icon shows; when it differs from last time, the icon is drawn anew.
        draw: Returns the picture, RGBA float32 (h, w, 4) 0…1, top row first.
    """
    if _collection is None:
        return 0
    if key not in _collection or _drawn.get(key) != content:
        pixels = draw()
        preview = _collection[key] if key in _collection else _collection.new(key)
        preview.image_size = (pixels.shape[1], pixels.shape[0])
        # Blender's pictures begin at the bottom.
        preview.image_pixels_float.foreach_set(np.ascontiguousarray(pixels[::-1]).ravel())
        _drawn[key] = content
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
        _drawn.clear()
        _looks.clear()
