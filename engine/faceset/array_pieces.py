# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a compressed .npz file of arrays that come in pieces: byte for byte what NumPy writes of whole arrays."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PiecedArray:
    """An array of which never all is in memory.

    Attributes:
        kind: Type of its numbers.
        shape: Shape of the whole.
        pieces: Its rows, some at a time.
    """

    kind: type[np.generic]
    shape: tuple[int, ...]
    pieces: Iterable[NDArray[np.generic]]


def write_pieced_arrays(path: Path, arrays: dict[str, PiecedArray]) -> None:
    """Write arrays under their names.

    Raises:
        OSError: It can't be written.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, item in arrays.items():
            described = np.lib.format.dtype_to_descr(np.dtype(item.kind))
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array_header_1_0(
                    file, {"descr": described, "fortran_order": False, "shape": item.shape}
                )
                for piece in item.pieces:
                    file.write(piece.astype(item.kind).tobytes())
