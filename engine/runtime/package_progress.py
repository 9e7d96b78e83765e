# SPDX-License-Identifier: GPL-3.0-or-later
"""How far pip is, read from the lines it prints and from the files it leaves."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from .reporter import Reporter

# Download sizes in MB, rounded, of the packages that take their time; every other one counts as 1. They only weigh the
# progress bar, so that the time left isn't guessed from fifty small packages before the one that is half of all.
_SIZES_MB = {
    "tensorflow": 570,
    "face-recognition-models": 100,
    "opencv-python-headless": 60,
    "mediapipe": 36,
    "scipy": 35,
    "av": 35,
    "libclang": 25,
    "ai-edge-litert": 20,
    "numpy": 17,
    "scikit-image": 13,
    "grpcio": 7,
    "pillow": 7,
    "h5py": 5,
}

_COLLECTING = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9][\w.\-]*)")
# A package file of a local mirror.
_PROCESSING = re.compile(r"^Processing (?:[^(]*[/\\])?([A-Za-z0-9][\w.]*?)-\d")
_DOWNLOADING = re.compile(r"^\s+Downloading (\S+?)(?:\.metadata)? ")
_IGNORING = re.compile(r"^Ignoring ([A-Za-z0-9][\w.\-]*): markers")
_INSTALLING = "Installing collected packages:"


def normal_name(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def split_lock(text: str, chosen: tuple[str, ...]) -> tuple[str, str]:
    """Divide a hashed requirement list into the entries of the chosen packages and all others.

    Args:
        text: The list as `uv pip compile --generate-hashes` writes it.
        chosen: Normal names of packages.

    Returns:
        The two lists, each of them a valid requirement list.
    """
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    picked = [entry for entry in entries if _entry_name(entry) in chosen]
    return "".join(picked), "".join(entry for entry in entries if entry not in picked)


def _entry_name(entry: str) -> str:
    return normal_name(re.split(r"[^\w.\-]", entry, maxsplit=1)[0])


def _size_mb(package: str) -> float:
    return _SIZES_MB.get(package, 1)


class PackageProgress:
    """Turns one pip command's course into stages and progress.

    Args:
        requirements: The list that pip was given.
        root: Folder of the environment, in which installed packages appear.
        workspace: pip's folder for temporary files, in which downloads grow.
        reporter: Receives the progress.
        stage: Name of the first stage.
    """

    def __init__(
        self, requirements: str, root: Path, workspace: Path, reporter: Reporter, stage: str = "download"
    ) -> None:
        entries = re.findall(r"^[A-Za-z0-9][\w.\-]*", requirements, flags=re.MULTILINE)
        self._left = [normal_name(entry) for entry in entries]
        self._total = sum(map(_size_mb, self._left))
        self._done = 0.0
        self._current = ""
        self._file = ""
        self._root, self._workspace, self._reporter = root, workspace, reporter
        self._to_install: set[str] | None = None
        title = "Fetching the face models" if stage == "models" else "Fetching the engine's libraries"
        reporter.stage(stage, title)

    def line(self, line: str) -> None:
        """Take one line that pip printed."""
        if match := _IGNORING.match(line):
            self._total -= self._take(normal_name(match[1]))
        elif match := _COLLECTING.match(line) or _PROCESSING.match(line):
            if self._current:
                self._done += self._take(self._current)
            self._current, self._file = normal_name(match[1]), ""
        elif match := _DOWNLOADING.match(line):
            self._file = match[1]
        elif line.startswith(_INSTALLING):
            self._to_install = {normal_name(name.strip()) for name in line.removeprefix(_INSTALLING).split(",")}
            self._reporter.stage("install", "Unpacking the engine's libraries")

    def tick(self) -> bool:
        """Report how far pip is; return whether to stop."""
        if self._to_install is None:
            downloaded = min(self._downloaded_mb(), _size_mb(self._current)) if self._file else 0.0
            return self._reporter.progress(round(self._done + downloaded, 1), self._total, "MB")
        total = sum(map(_size_mb, self._to_install))
        installed = sum(_size_mb(name) for name in self._to_install & self._installed())
        return self._reporter.progress(installed, total, "MB")

    def _take(self, name: str) -> float:
        if name not in self._left:
            return 0.0
        self._left.remove(name)
        return _size_mb(name)

    def _downloaded_mb(self) -> float:
        size = 0
        # pip moves its files while we look.
        with suppress(OSError):
            size = max((path.stat().st_size for path in self._workspace.rglob(self._file)), default=0)
        return size / 1e6

    def _installed(self) -> set[str]:
        return {normal_name(record.name.split("-")[0]) for record in records_of(self._root) if is_whole(record)}


def site_folders(root: Path) -> list[Path]:
    """Return the folders of a virtual environment in which packages lie."""
    return [*root.glob("lib/python*/site-packages"), *root.glob("Lib/site-packages")]


def records_of(root: Path) -> list[Path]:
    """Return the record folders of the packages in a virtual environment."""
    return [record for site in site_folders(root) for record in site.glob("*.dist-info")]


def is_whole(record: Path) -> bool:
    """Whether pip came to the end of installing a package: it writes who installed it after the package's files."""
    return (record / "INSTALLER").is_file()
