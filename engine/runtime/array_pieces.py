# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing an .npz file of arrays that come in pieces: byte for byte what NumPy writes of whole arrays."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_PIECE_BYTES = 1 << 20


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

    @classmethod
    def of(cls, array: NDArray[np.generic]) -> PiecedArray:
        """Return an array to be written in pieces: one that lies in a file is read bit by bit."""
        return cls(array.dtype.type, array.shape, _rows(array))


def _rows(array: NDArray[np.generic]) -> Iterator[NDArray[np.generic]]:
    count = max(1, _PIECE_BYTES * len(array) // max(array.nbytes, 1))
    for start in range(0, len(array), count):
        yield array[start : start + count]


def write_pieced_arrays(path: Path, arrays: Mapping[str, PiecedArray], is_compressed: bool = True) -> None:
    """Write arrays under their names.

    Args:
        path: The file.
        arrays: What to write, in this order.
        is_compressed: As `numpy.savez_compressed` writes it; otherwise as `numpy.savez`.

    Raises:
        OSError: It can't be written.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if is_compressed else zipfile.ZIP_STORED) as archive:
        for name, item in arrays.items():
            described = np.lib.format.dtype_to_descr(np.dtype(item.kind))
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array_header_1_0(
                    file, {"descr": described, "fortran_order": False, "shape": item.shape}
                )
                for piece in item.pieces:
                    file.write(piece.astype(item.kind).tobytes())
