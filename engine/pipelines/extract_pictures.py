# SPDX-License-Identifier: GPL-3.0-or-later
"""Extraction from pictures that don't belong together: each is searched alone, by one or several processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.messages import Done
from ..contract.project import FACESET_FILE
from ..contract.settings import ExtractSettings
from ..faces.alignment import face_matrix
from ..faces.detection import Detection
from ..faces.drawing import draw_landmarks
from ..faces.following import LEAST_PRESENCE
from ..faces.identity import IdentityFilter
from ..faces.picture_part import FaceView, PicturePart
from ..faces.quality import measure_quality
from ..faceset.store import FacesetWriter, load_faceset
from ..media.images import read_image, write_png
from ..media.picture import ArrayPicture
from ..runtime.reporter import Reporter
from .extract_report import no_faces
from .face_keeping import DEBUG_FOLDER
from .face_search import FaceModels, load_models
from .persons import load_persons
from .track_recording import FaceCut, face_record
from .usable_detector import with_usable_detector


@dataclass(frozen=True)
class PictureSearch:
    """What to search.

    Attributes:
        pictures: Picture files.
        output: Folder of the faceset.
        references: Pictures of the person to keep; empty keeps everybody.
        rejects: Pictures of persons to leave out.
        skip: File names of pictures to leave out, because their faces are known from elsewhere.
        settings: How.
    """

    pictures: tuple[Path, ...]
    output: Path
    references: tuple[Path, ...] = ()
    rejects: tuple[Path, ...] = ()
    skip: frozenset[str] = frozenset()
    settings: ExtractSettings = ExtractSettings()


@dataclass(frozen=True, eq=False)
class PictureFaces:
    """What one picture shows.

    Attributes:
        picture: File name.
        faces: Aligned faces that are kept.
        rejections: Why other faces were left out.
        unreadable: Why the picture couldn't be read; empty when it could.
        warnings: What the models had to say for the first time.
    """

    picture: str
    faces: tuple[FaceCut, ...] = ()
    rejections: tuple[str, ...] = ()
    unreadable: str = ""
    warnings: tuple[str, ...] = ()


def extract_pictures(search: PictureSearch, reporter: Reporter) -> Done:
    """Find and cut out the faces of pictures.

    Returns:
        The last message; `result` has `faceset_folder`, `pictures` (searched), `faces`, `several` (pictures with more
        than one face), `skipped` (searched before), `unreadable` (file names) and `rejected` (sentences).

    Raises:
        EngineError: `no_faces`, when nothing was found in any picture; `faceset_unreadable`, when the folder holds
            faces of other pictures; `crashed`, when a worker process died; or what models and writing raise.
    """
    _check_output(search)
    settings = with_usable_detector(search.settings, reporter.warning)
    reporter.stage("loading", "Loading the detectors")
    said = _Said(reporter)
    models = load_models(settings, said.warn)
    persons = load_persons(search.references, search.rejects, settings, models)
    tally = _Tally()
    with FacesetWriter(search.output, settings.face_size, settings.coverage, keep=settings.skip_existing) as writer:
        todo = [path for path in search.pictures if not writer.is_searched(path.name) and path.name not in search.skip]
        reporter.stage("search", "Finding faces")
        for item in _search_all(todo, models, persons, settings):
            for sentence in item.warnings:
                said.warn(sentence)
            _store(item, writer, settings.debug_landmarks, reporter)
            tally.add(item)
            if reporter.progress(tally.pictures + len(tally.unreadable), len(todo), "pictures"):
                break
    return _finish(search, tally, len(search.pictures) - len(todo), reporter)


class _Said:
    """Passes each warning on once, whichever process it comes from."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._sentences: set[str] = set()

    def warn(self, sentence: str) -> None:
        if sentence not in self._sentences:
            self._sentences.add(sentence)
            self._reporter.warning(sentence)


class _Tally:
    """Counts faces, whoever found them."""

    def __init__(self) -> None:
        self.pictures = 0
        self.faces = 0
        self.several = 0
        self.unreadable: list[str] = []
        self.rejected: list[str] = []

    def add(self, item: PictureFaces) -> None:
        if item.unreadable:
            self.unreadable.append(item.picture)
            return
        self.pictures += 1
        self.faces += len(item.faces)
        self.several += len(item.faces) > 1
        self.rejected += item.rejections


def _check_output(search: PictureSearch) -> None:
    """Refuse to replace a faceset of other pictures."""
    if search.settings.skip_existing or not (search.output / FACESET_FILE).is_file():
        return
    names = {path.name for path in search.pictures}
    others = sorted(
        {record.picture for record in load_faceset(search.output).records if record.landmarks is not None} - names
    )
    if others:
        raise EngineError(
            ErrorCode.FACESET_UNREADABLE,
            f"{search.output} holds faces of other pictures, for example of {others[0] or 'a movie'}.",
            "Choose another folder, or add to this one by skipping existing faces.",
        )


def _store(item: PictureFaces, writer: FacesetWriter, is_drawn: bool, reporter: Reporter) -> None:
    if item.unreadable:
        reporter.warning(f"Skipped: {item.unreadable}")
        return
    writer.note_searched(item.picture)
    for sentence in item.rejections:
        reporter.info(sentence)
    for face in item.faces:
        image = face.image(writer.size)
        record = writer.add(image, face_record(face, item.picture))
        if is_drawn:
            drawn = draw_landmarks(image, face.image_to_face, face.landmarks)
            write_png(writer.folder / DEBUG_FOLDER / record.file, drawn)


def _finish(search: PictureSearch, tally: _Tally, skipped: int, reporter: Reporter) -> Done:
    if tally.unreadable and not tally.pictures and not skipped:
        raise EngineError(
            ErrorCode.PICTURE_UNREADABLE,
            f"None of the pictures can be read; the first is {tally.unreadable[0]}.",
            "Check that the files are complete pictures.",
        )
    if not tally.faces and not skipped and not reporter.is_stopped:
        folder = search.pictures[0].parent if search.pictures else search.output
        raise no_faces(str(folder), bool(tally.rejected))
    reporter.artifact("faceset", search.output)
    text = f"{tally.faces} faces in {tally.pictures} pictures"
    if tally.several:
        text += f"; {tally.several} pictures show several faces"
    if skipped:
        text += f"; {skipped} pictures were searched before"
    if tally.unreadable:
        text += f"; {len(tally.unreadable)} pictures can't be read"
    result = {
        "faceset_folder": str(search.output),
        "pictures": tally.pictures,
        "faces": tally.faces,
        "several": tally.several,
        "skipped": skipped,
        "unreadable": tally.unreadable,
        "rejected": tally.rejected,
    }
    return reporter.done(text + ".", result)


def search_picture(path: Path, models: FaceModels, persons: IdentityFilter, settings: ExtractSettings) -> PictureFaces:
    """Find and cut out the faces of one picture, the surest first."""
    try:
        image = read_image(path)
    except EngineError as error:
        return PictureFaces(path.name, unreadable=error.message)
    faces, rejections = [], []
    for detection in models.detector.detect(image):
        landmarks, presence = models.fitter.fit(image, detection.box, detection.roll_deg)
        if presence < LEAST_PRESENCE or not np.isfinite(landmarks).all():
            continue
        if persons.is_active:
            verdict = persons.judge(models.identity.embed(image, landmarks))
            if not verdict.is_accepted:
                rejections.append(f"A face in {path.name} was left out: {verdict.reason}.")
                continue
        faces.append(_cut(image, landmarks, detection, settings))
    return PictureFaces(path.name, tuple(faces), tuple(rejections))


def _cut(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32], detection: Detection, settings: ExtractSettings
) -> FaceCut:
    view = FaceView.around(ArrayPicture(image), landmarks, settings.face_size, settings.coverage)
    matrix = face_matrix(landmarks, settings.face_size, settings.coverage)
    return FaceCut(
        media_frame=-1,
        track=-1,
        part=PicturePart.around(view, landmarks, settings.face_size, settings.coverage),
        image_to_face=matrix,
        landmarks=landmarks,
        score=detection.score,
        quality=measure_quality(image, landmarks),
        rotation=detection.rotation,
    )


def _search_all(
    pictures: Sequence[Path], models: FaceModels, persons: IdentityFilter, settings: ExtractSettings
) -> Iterator[PictureFaces]:
    """Yield what each picture shows, in their order."""
    if settings.processes == 1 or len(pictures) < 2:
        for path in pictures:
            yield search_picture(path, models, persons, settings)
        return
    # Spawned, not forked: the parent has threads and loaded models that a fork would copy in any state.
    context = multiprocessing.get_context("spawn")
    workers = min(settings.processes, len(pictures))
    pool = ProcessPoolExecutor(workers, context, initializer=_open_worker, initargs=(settings, persons))
    try:
        yield from _in_order(pool, pictures, 2 * workers)
    except BrokenProcessPool as error:
        raise EngineError(
            ErrorCode.CRASHED,
            "A process that searched pictures ended unexpectedly.",
            "Use fewer processes; each needs about 400 MB of memory.",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, pictures: Sequence[Path], ahead: int) -> Iterator[PictureFaces]:
    # Only a few pictures ahead: results hold pixels, and a stop should not wait for the whole folder.
    waiting: deque[Future[PictureFaces]] = deque()
    for path in pictures:
        waiting.append(pool.submit(_search_in_worker, path))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


# Each worker process loads its models once, and keeps what they say until its next answer.
_worker: tuple[FaceModels, IdentityFilter, ExtractSettings] | None = None
_unsaid: list[str] = []


def _open_worker(settings: ExtractSettings, persons: IdentityFilter) -> None:
    global _worker
    _worker = (load_models(settings, _unsaid.append), persons, settings)


def _search_in_worker(path: Path) -> PictureFaces:
    if _worker is None:
        raise EngineError(ErrorCode.INTERNAL, "A worker process was not set up.")
    models, persons, settings = _worker
    found = replace(search_picture(path, models, persons, settings), warnings=tuple(_unsaid))
    _unsaid.clear()
    return found
