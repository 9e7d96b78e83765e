# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network makes, in steps of 1/65535: as fine as a picture of 16 bits, and a whole number to keep.

Every face is brought to steps, kept or not, so that a kept one gives the same picture to the bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode

_STEPS = 65535.0


def in_steps(values: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Return a network's faces or masks, 0…1, as steps; what lies beyond counts as the end.

    Raises:
        EngineError: `internal`, when some are no finite numbers.
    """
    if not np.isfinite(values).all():
        raise EngineError(ErrorCode.INTERNAL, "The network returned values that are no numbers.")
    return np.rint(np.clip(np.asarray(values, np.float32), 0.0, 1.0) * np.float32(_STEPS)).astype(np.uint16)


def of_steps(steps: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return steps as float32 0…1."""
    return steps.astype(np.float32) / np.float32(_STEPS)
