# SPDX-License-Identifier: GPL-3.0-or-later
"""HOG in place of dlib's network when its weights aren't there, written down as what was searched with.

The search is done with other settings then, so that it is done again once the weights are back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..contract.errors import EngineError, ErrorCode
from ..contract.settings import ExtractSettings
from ..faces.detection import make_detector

_NETWORK, _FALLBACK = "dlib-cnn", "dlib-hog"


def with_usable_detector(settings: ExtractSettings, warn: Callable[[str], None]) -> ExtractSettings:
    """Return the settings, with HOG instead of dlib's network if that can't be loaded.

    Args:
        settings: How to search.
        warn: Is told what is missing.

    Raises:
        EngineError: `library_missing`; without dlib there is no HOG either.
    """
    if settings.detector != _NETWORK:
        return settings
    try:
        make_detector(_NETWORK, settings.confidence, settings.minimum_size)
    except EngineError as error:
        if error.code is not ErrorCode.DETECTOR_UNAVAILABLE:
            raise
        warn(f"{error.message} The detector {_FALLBACK} searches instead; it finds frontal faces only. {error.hint}")
        return replace(settings, detector=_FALLBACK)
    return settings
