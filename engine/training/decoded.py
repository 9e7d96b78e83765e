# SPDX-License-Identifier: GPL-3.0-or-later
"""What a decoder's outputs mean: the face at the network's size, and its mask where the family has one.

A mask is either a fourth channel of the face or an output of its own with one channel. Smaller faces, which some
decoders return for training only, don't count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode

Values = NDArray[np.float32]


def joined(outputs: Sequence[Values], size: int) -> Values:
    """Return face and mask as one array.

    Args:
        outputs: What a decoder returned, each float32 (n, s, s, channels).
        size: Side S of the network's faces in pixels.

    Returns:
        float32 (n, S, S, 3), or (n, S, S, 4) with the mask, in 0…1; a copy.

    Raises:
        EngineError: `internal`, when there is no such face.
    """
    whole = [output for output in outputs if output.ndim == 4 and output.shape[1:3] == (size, size)]
    faces = [output for output in whole if output.shape[3] in (3, 4)]
    masks = [output for output in whole if output.shape[3] == 1]
    if not faces:
        shapes = ", ".join(str(output.shape[1:]) for output in outputs)
        raise EngineError(ErrorCode.INTERNAL, f"The network returned {shapes} instead of a face of {size} px.")
    found = faces[-1] if faces[-1].shape[3] == 4 else np.concatenate([faces[-1], *masks[-1:]], axis=3)
    return np.clip(found, 0.0, 1.0)


def told_apart(values: Values) -> tuple[Values, Values | None]:
    """Return the faces (n, S, S, 3) and the masks (n, S, S), or None, of what `joined` returned."""
    return np.ascontiguousarray(values[..., :3]), np.ascontiguousarray(values[..., 3]) if values.shape[3] == 4 else None
