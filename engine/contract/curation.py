# SPDX-License-Identifier: GPL-3.0-or-later
"""The orders and groups in which a faceset can be looked through, and what each means to the user."""

from __future__ import annotations

ORDERS: dict[str, str] = {
    "similarity": "each face beside the most alike one that is left, by color histograms",
    "dissimilar": "those least like all others first, by color histograms",
    "identity": "the surest first: distance to the mean identity of all, or to a reference face",
    "sharpness": "sharpest first, measured at one size for all",
    "blur": "softest first; blur in a single direction counts, so motion blur comes first too",
    "size": "largest in the footage first",
    "frame": "as in the footage",
    "exposure": "darkest first",
    "contrast": "flattest light first",
    "light": "lit from the left of the picture first, then from the right",
    "hue": "by mean hue, from magenta over red to yellow",
    "saturation": "palest first",
    "yaw": "from turned to the left of the picture to turned to the right",
    "pitch": "from looking down to looking up",
    "roll": "from leaning counterclockwise to clockwise",
    "occlusion": "freest first; the last ones are hidden by something",
    "score": "those the detector was least sure of first",
    "mouth": "from closed to wide open",
    "eyes": "from shut to wide open",
    "duplicates": "near-duplicates side by side, the largest groups first",
}
"""Name of an order -> what comes first."""

GROUPS: dict[str, str] = {
    "track": "face track, or the picture it was cut from",
    "identity": "person, by identity vectors",
    "yaw": "turn of the head",
    "pitch": "nod of the head",
    "size": "equal shares by size in the footage",
    "sharpness": "equal shares by sharpness",
    "exposure": "equal shares by brightness",
    "mouth": "mouth closed, ajar or open",
    "eyes": "eyes shut or open",
    "histogram": "clusters of color histograms",
    "duplicates": "near-duplicates; faces without one share a group",
}
"""Name of a grouping -> what the faces of a group share."""

DEFAULT_SHARES = 5
"""Into how many groups faces are divided where nothing else says how many."""
