# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that appear whole or not at all, and JSON documents that carry their schema and version.

Everything the project writes goes through `written_whole`: the bytes land under a temporary name in the same folder
and are renamed once they are complete, so a reader never sees half a file and a crash never destroys the old one.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import struct
import tokenize
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from .errors import EngineError, ErrorCode

TEMPORARY_SUFFIX = ".part"

WRONG_VALUES = (LookupError, TypeError, ValueError, AttributeError, OverflowError)
"""What building objects from plain JSON values raises where these aren't what the format says."""
WRONG_ARRAYS = (
    *WRONG_VALUES,
    *(OSError, EOFError, MemoryError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)
"""What reading NumPy's archives raises where they are damaged or hold something else.

Also zipfile's own failures, and those of Python's parser, which reads the head of an array.
"""

_BuiltT = TypeVar("_BuiltT")


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an exception.

    Args:
        path: Final file. Its folder is created.

    Raises:
        EngineError: `disk_full` or `not_writable`, naming `path`.
    """
    path = Path(path)
    # A uuid instead of a process id: two threads of one process may write the same file.
    # The original suffix stays last, because image writers choose their format by it.
    temporary = path.with_name(f".{path.stem[:40]}-{uuid.uuid4().hex[:8]}{TEMPORARY_SUFFIX}{path.suffix}")
    is_written = False
    try:
        # Thousands of files go into one folder.
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
        is_written = True
    except OSError as error:
        raise writing_error(path, error) from error
    finally:
        if not is_written:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def writing_error(path: Path, error: OSError) -> EngineError:
    """Return the sentence for an `OSError` met while writing `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EngineError(
            ErrorCode.DISK_FULL,
            f"The disk is full: {path} could not be written.",
            "Free some space or choose another folder, then start again; finished work is kept.",
        )
    if error.errno == errno.EISDIR:
        return EngineError(
            ErrorCode.NOT_WRITABLE, f"{path} could not be written: it is a folder.", "Give the name of a file."
        )
    in_the_way = None
    # A name that is too long can't even be asked for.
    with contextlib.suppress(OSError):
        in_the_way = next((parent for parent in path.parents if parent.is_file()), None)
    if in_the_way is not None:
        return EngineError(
            ErrorCode.NOT_WRITABLE,
            f"{path} could not be written: {in_the_way} is a file and no folder.",
            "Choose another folder.",
        )
    return EngineError(
        ErrorCode.NOT_WRITABLE,
        f"{path} could not be written: {error.strerror or error}.",
        "Check that the drive is there and that you may write to this folder.",
    )


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8 with line feeds, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_document(path: Path, schema: str, version: int, content: dict[str, Any]) -> None:
    """Write a JSON document that says which schema and version it follows."""
    write_text(path, _json({"schema": schema, "version": version, **content}) + "\n")


def write_listing(
    path: Path, schema: str, version: int, content: dict[str, Any], name: str, items: Iterable[dict[str, Any]]
) -> None:
    """Write the document that `write_document` would with a long list as its last entry, an item at a time.

    Args:
        path: File to write.
        schema: As for `write_document`.
        version: As for `write_document`.
        content: What comes before the list.
        name: The list's name.
        items: The list.
    """
    head = _json({"schema": schema, "version": version, **content, name: []}).removesuffix("[]\n}")
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(head)
        before = "["
        for item in items:
            file.write(f"{before}\n  " + _json(item).replace("\n", "\n  "))
            before = ","
        file.write("[]\n}\n" if before == "[" else "\n ]\n}\n")


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)


def read_document(path: Path, schema: str, version: int, code: ErrorCode, hint: str) -> dict[str, Any]:
    """Read a JSON document and check its schema and version.

    Args:
        path: File to read.
        schema: Expected value of `schema`.
        version: Newest version this code understands; older ones are accepted.
        code: Code of the `EngineError` raised for anything unreadable.
        hint: Next step for the user when the file is missing or damaged.

    Returns:
        The document, `schema` and `version` included.

    Raises:
        EngineError: With `code`, when the file is missing, not JSON, of another schema or of a newer version.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EngineError(code, f"{path} is missing.", hint) from error
    except OSError as error:
        raise EngineError(code, f"{path} could not be read: {error.strerror or error}.", hint) from error
    except (ValueError, RecursionError) as error:
        raise EngineError(code, f"{path} is damaged: it is not valid JSON ({error}).", hint) from error
    if not isinstance(document, dict) or document.get("schema") != schema:
        raise EngineError(code, f"{path} is not a document of the kind {schema}.", hint)
    found = document.get("version")
    if not isinstance(found, int):
        raise EngineError(code, f"{path} is damaged: it doesn't say of which version it is.", hint)
    if found > version:
        raise EngineError(
            code,
            f"{path} was written by a newer version (format {found}, this one reads up to {version}).",
            "Update Understudy, or use the version that wrote it.",
        )
    return document


def read_document_as(
    path: Path, schema: str, version: int, code: ErrorCode, hint: str, build: Callable[[dict[str, Any]], _BuiltT]
) -> _BuiltT:
    """Read a JSON document and build what it describes.

    Args:
        path: As for `read_document`.
        schema: As for `read_document`.
        version: As for `read_document`.
        code: As for `read_document`.
        hint: As for `read_document`.
        build: Makes the object of the document; whatever it stumbles over is damage.

    Raises:
        EngineError: As `read_document` does, and for values that are missing or wrong; what `build` itself refuses
            with a sentence keeps its code. Each names the file.
    """
    content = read_document(path, schema, version, code, hint)
    try:
        return build(content)
    except EngineError as error:
        raise EngineError(error.code, f"{path} can't be used: {error.message}", error.hint or hint) from error
    except WRONG_VALUES as error:
        raise EngineError(code, f"{path} is damaged: {damage(error)}.", hint) from error


def damage(error: Exception) -> str:
    """Return what one of `WRONG_VALUES` or `WRONG_ARRAYS` says about a file: "'id' is missing"."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    # NumPy takes whatever it doesn't know for a pickle, and tells how to load it unsafely.
    return "it holds no arrays" if "allow_pickle" in str(error) else str(error).rstrip(".") or type(error).__name__
