# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix from a picture's samples (Y, U, V) to RGB: FFmpeg's own for its tags, found by converting four colors.

FFmpeg converts pictures with as many chroma as luma samples ten times as slowly as others; OpenCV applies a matrix to
them faster than either.
"""

from __future__ import annotations

from typing import cast

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

# Of the range of samples, in quarters: far enough from black, white and strong colors that nothing is clipped.
_COLORS = np.array([(1, 2, 2), (3, 2, 2), (2, 2.5, 2), (2, 2, 2.5)])
_WIDTH = 16


def sample_matrix(like: av.VideoFrame) -> NDArray[np.float64]:
    """Return the matrix (3, 4) from samples and 1 to RGB 0…255 for a picture's matrix, range and depth."""
    bits = like.format.components[0].bits
    pixel_format = "yuv444p" if bits == 8 else f"yuv444p{bits}le"
    colors = _COLORS * (1 << bits - 2)
    probe = av.VideoFrame(len(colors) * _WIDTH, _WIDTH, pixel_format)
    for plane, values in zip(probe.planes, colors.T, strict=True):
        kind = np.dtype(np.uint8 if bits == 8 else "<u2")
        # PyAV's planes are buffers, which its type declarations don't say.
        rows = np.frombuffer(cast(bytes, plane), kind).reshape(plane.height, -1)
        rows[:, : plane.width] = np.repeat(values, _WIDTH)
    probe.colorspace, probe.color_range = like.colorspace, like.color_range
    way = Interpolation.POINT | Interpolation.ACCURATE_RND
    rgb = VideoReformatter().reformat(probe, format="rgb48le", interpolation=way, threads=1).to_ndarray()
    shown = rgb[_WIDTH // 2, _WIDTH // 2 :: _WIDTH] / 257
    return np.asarray(np.linalg.solve(np.column_stack([colors, np.ones(4)]), shown).T, np.float64)
