# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that hold the light of a scene (OpenEXR, Radiance) instead of colors for a screen: told, and refused.

Taken for colors of a screen they would be far too dark and lose everything brighter than white; which curve would make
colors of them is the edit's decision (its view, its color space), which neither the file nor the strip says.
"""

from __future__ import annotations

from pathlib import PurePath

_BY_SUFFIX = {".exr": "OpenEXR", ".sxr": "OpenEXR", ".mxr": "OpenEXR", ".hdr": "Radiance HDR"}
# First bytes of the files: OpenEXR's magic number 20000630, and the two programs' names that Radiance files begin with.
_BY_HEAD = {b"\x76\x2f\x31\x01": "OpenEXR", b"#?RADIANCE": "Radiance HDR", b"#?RGBE": "Radiance HDR"}
HEAD_BYTES = max(map(len, _BY_HEAD))

HINT = (
    "Convert the shot to 16-bit PNG or TIFF, or to a ProRes or DNxHR movie, with the colors that it shall have on "
    "screen, and use that in the edit."
)


def linear_kind(name: str, head: bytes = b"") -> str:
    """Return the kind of a file that holds linear light, "OpenEXR" or "Radiance HDR"; empty for other files.

    Args:
        name: Its name, with or without folders.
        head: Its first `HEAD_BYTES` bytes where they are known; they count more than the name.
    """
    found = next((kind for magic, kind in _BY_HEAD.items() if head.startswith(magic)), "")
    return found if head else _BY_SUFFIX.get(PurePath(name).suffix.lower(), "")


def linear_reason(kind: str) -> str:
    """Return why such files are refused, to go on a sentence that names one."""
    return f"it holds the light of a scene ({kind}), and Understudy works with colors as a screen shows them"
