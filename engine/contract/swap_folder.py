# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine, which writes a swap's folder, and Blender's side, which shows it, both know about it."""

from __future__ import annotations

SCHEMA = "understudy.swap"
VERSION = 1

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""What pictures and strips say of themselves, in the press's own vocabulary (IPTC NewsCodes)."""


def picture_name(media_frame: int) -> str:
    """Return the file name of a media frame's picture."""
    return f"{media_frame:06d}.png"
