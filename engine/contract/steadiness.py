# SPDX-License-Identifier: GPL-3.0-or-later
"""How steady the landmarks of a footage are, in words."""

from __future__ import annotations

from collections.abc import Mapping


def steadiness_sentence(steadiness: Mapping[str, float]) -> str:
    """Return the sentence on the figures `raw_jitter` and `jitter` (shares of the eye distance); "" without them.

    Example:
        >>> steadiness_sentence({"raw_jitter": 0.0084, "jitter": 0.006})
        'Steadiness: landmarks tremble by 0.60 % of the eye distance (0.84 % before steadying).'
    """
    if not {"raw_jitter", "jitter"} <= steadiness.keys():
        return ""
    raw, steadied = steadiness["raw_jitter"] * 100, steadiness["jitter"] * 100
    return f"Steadiness: landmarks tremble by {steadied:.2f} % of the eye distance ({raw:.2f} % before steadying)."
