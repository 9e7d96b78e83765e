# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of other programs' formats of faces, for command lines and menus."""

from __future__ import annotations

AUTO = "auto"
"""Recognize the format by the content."""

IMPORT_FORMATS = ("ancestor", "faceswap-json", "faceswap-fsa", "faceswap-faces", "deepfacelab")
EXPORT_FORMATS = ("ancestor", "faceswap-json", "faceswap-faces", "deepfacelab")
