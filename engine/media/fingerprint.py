# SPDX-License-Identifier: GPL-3.0-or-later
"""The name under which a footage is known in a project: made from its content, whatever its path and date."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..contract.errors import EngineError, ErrorCode
from ..contract.project import safe_name
from ..contract.timing import Footage

# Files up to this size are read whole; larger ones in samples, so that a 100 GB camera file costs no minutes.
_READ_WHOLE = 8 << 20
_SAMPLE = 256 << 10
_SAMPLES = 16
_NAME_LENGTH = 40


def footage_key(footage: Footage) -> str:
    """Return "<name>-<12 hex digits>" for a footage.

    The same content has the same digits on every machine and in every folder; the name is the file's, made safe. An
    image sequence also counts the names and the order of its pictures, because these decide what a media frame is.

    Raises:
        EngineError: `footage_missing` or `footage_unreadable`, naming the file.
    """
    digest = hashlib.sha256()
    if footage.is_movie:
        _add_file(digest, footage.path)
        name = footage.path.stem
    else:
        digest.update("\0".join(footage.pictures).encode("utf-8", "surrogatepass"))
        # Every picture's size and the content of a spread of them: reading thousands of pictures takes too long.
        spread = {round(i * (len(footage.pictures) - 1) / (_SAMPLES - 1)) for i in range(_SAMPLES)}
        for index, picture in enumerate(footage.pictures):
            _add_file(digest, footage.path / picture, is_read=index in spread)
        name = footage.path.name
    return f"{safe_name(name, _NAME_LENGTH)}-{digest.hexdigest()[:12]}"


def _add_file(digest: hashlib._Hash, path: Path, is_read: bool = True) -> None:
    try:
        size = path.stat().st_size
        digest.update(size.to_bytes(8, "little"))
        if is_read:
            with path.open("rb") as file:
                for offset, length in _samples(size):
                    file.seek(offset)
                    digest.update(file.read(length))
    except FileNotFoundError as error:
        raise EngineError(
            ErrorCode.FOOTAGE_MISSING,
            f"The footage {path} is missing.",
            "Connect the drive or correct the path.",
        ) from error
    except OSError as error:
        raise EngineError(
            ErrorCode.FOOTAGE_UNREADABLE,
            f"{path} can't be read: {(error.strerror or str(error)).lower()}.",
            "Check that the drive is there and that you may read the file.",
        ) from error


def _samples(size: int) -> list[tuple[int, int]]:
    """Return (offset, length) of the parts to read: all, or equally spaced samples with both ends."""
    if size <= _READ_WHOLE:
        return [(0, size)]
    return [((size - _SAMPLE) * i // (_SAMPLES - 1), _SAMPLE) for i in range(_SAMPLES)]
