# SPDX-License-Identifier: GPL-3.0-or-later
"""DeepFaceLab's face pictures: a pickled dictionary in a JPEG's APP15 or a PNG's fcWp.

The format is described in docs/reference/formats/deepfacelab.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import write_bytes
from ..faces.geometry import box_of, fit_similarity, invert_similarity, transform_points
from ..media.images import list_pictures
from ..media.jpeg_segments import APP15, JPEG_START, jpeg_segments, with_segment
from ..media.png_chunks import PNG_SIGNATURE, png_chunks
from ..runtime.reporter import Reporter
from .face_cutting import recut
from .foreign import (
    ExportedFace,
    ForeignFace,
    ForeignFaces,
    checked_box,
    checked_matrix,
    checked_name,
    checked_points,
)
from .foreign_errors import read_bytes, unreadable
from .mean_face import DEEPFACELAB_PADDINGS, deepfacelab_matrix
from .pickle_machine import ReadingStopped
from .pickle_writing import write_plain
from .plain_pickle import read_plain

MOST_BYTES = 256 << 20
PACKED_NAME = "faceset.pak"
_PNG_KIND = b"fcWp"
_LOST = {
    "seg_ie_polys": "XSeg polygons",
    "ie_polys": "mask polygons",
    "xseg_mask": "XSeg masks",
    "fanseg_mask": "FANSeg masks",
}
_JPEG_QUALITY = 100
# Face type -> coverage from which it is shown wholly, whatever the pose: the largest that any of the 244 faces in the
# demo's three clips needs is 1.26, 1.46, 1.92 and 2.40. Both crops are square, but their middles differ with the pose.
_LEAST_COVERAGE = {"half_face": 0.0, "midfull_face": 1.46, "full_face": 1.92, "whole_face": 2.4}


def has_deepfacelab_data(data: bytes) -> bool:
    """Whether the beginning of a file shows DeepFaceLab's dictionary."""
    return _pickled(data) is not None or (data.startswith(PNG_SIGNATURE) and _PNG_KIND in data)


def read_deepfacelab(folder: Path, reporter: Reporter) -> ForeignFaces:
    """Read the dictionaries of a folder of face pictures.

    Pictures without one, or with a damaged one, are named in `skipped`.

    Raises:
        EngineError: `alignments_unsafe`, when a picture's pickle asks for more than plain data;
            `alignments_unreadable` for a packed faceset; `footage_missing` for a folder that isn't there.
        ReadingStopped: The user stopped.
    """
    found = ForeignFaces(folder)
    pictures = list_pictures(folder)
    if not pictures and (folder / PACKED_NAME).is_file():
        raise unreadable(folder / PACKED_NAME, "it is packed; unpack it with DeepFaceLab first")
    for number, path in enumerate(pictures, start=1):
        try:
            found.add(read_deepfacelab_picture(path, found.lost))
        except EngineError as error:
            if error.code == ErrorCode.ALIGNMENTS_UNSAFE:
                raise
            found.skipped.append(error.message)
        if reporter.progress(number, len(pictures), "pictures"):
            raise ReadingStopped
    return found


def read_deepfacelab_picture(path: Path, lost: set[str] | None = None) -> ForeignFace:
    """Return what the dictionary of one face picture says.

    Raises:
        EngineError: `alignments_unsafe` or `alignments_unreadable`.
    """
    pickled = _pickled(read_bytes(path, MOST_BYTES))
    if pickled is None:
        raise unreadable(path, "it holds no data of DeepFaceLab")
    content = read_plain(pickled, path)
    try:
        if not isinstance(content, dict):
            raise ValueError("its data are no dictionary")
        if lost is not None:
            lost.update(f"DeepFaceLab's {words}" for key, words in _LOST.items() if content.get(key) is not None)
        return _face(content, path)
    except ValueError as error:
        raise unreadable(path, str(error)) from error


def _pickled(data: bytes) -> bytes | None:
    if data.startswith(JPEG_START):
        # A pickle of protocol 2 and later begins with 0x80; other programs' APP15 don't.
        bodies = (body for marker, body, _ in jpeg_segments(data) if marker == APP15 and body[:1] == b"\x80")
        return next(bodies, None)
    return next((body for kind, body in png_chunks(data) if kind == _PNG_KIND), None)


def _face(content: dict[Any, Any], path: Path) -> ForeignFace:
    in_picture = checked_points(content.get("landmarks"), "landmarks")
    source = content.get("source_landmarks")
    matrix = content.get("image_to_face_mat")
    if source is None and matrix is None:
        # A marked frame that was never cut: it is its own picture.
        return _in_frame(path.name, in_picture, content, path, np.eye(3)[:2])
    if source is None:
        to_picture = checked_matrix(matrix, "image_to_face_mat")
        landmarks = transform_points(invert_similarity(to_picture), in_picture)
    else:
        landmarks = checked_points(source, "source_landmarks")
        known = matrix is not None
        to_picture = checked_matrix(matrix, "image_to_face_mat") if known else fit_similarity(landmarks, in_picture)
    frame = content.get("source_filename")
    name = path.name if frame is None else checked_name(frame, "source_filename")
    return _in_frame(name, landmarks, content, path, to_picture)


def _in_frame(
    frame: str, landmarks: NDArray[np.float64], content: dict[Any, Any], path: Path, matrix: NDArray[np.float64]
) -> ForeignFace:
    rectangle = content.get("source_rect")
    around = tuple(box_of(landmarks).tolist())
    box = around if rectangle is None else checked_box(rectangle, "source_rect")
    return ForeignFace(frame, landmarks, box, 0, path, matrix)


def face_type_for(coverage: float) -> str:
    """Return DeepFaceLab's largest face type that our aligned faces of a coverage show; its smallest if none."""
    return [name for name, least in _LEAST_COVERAGE.items() if least <= coverage][-1]


def write_deepfacelab(folder: Path, faces: Iterable[ExportedFace], searched: Sequence[str], size: int) -> None:
    """Write face pictures that DeepFaceLab trains with: JPEG of quality 100 without reduced color.

    Args:
        folder: Folder to write to.
        faces: The faces.
        searched: Not carried by this format: pictures without faces leave no trace.
        size: Side in pixels.

    Raises:
        EngineError: `disk_full` or `not_writable`.
    """
    for face in faces:
        face_type = face_type_for(face.coverage)
        matrix = deepfacelab_matrix(face.landmarks, size, face_type)
        picture = recut(face.aligned_picture, face.image_to_face, matrix, size, is_edge_black=True)
        data = {
            "face_type": face_type,
            "landmarks": transform_points(matrix, face.landmarks).tolist(),
            "source_filename": face.frame,
            "source_rect": [round(value) for value in face.box],
            "source_landmarks": face.landmarks.tolist(),
            "image_to_face_mat": matrix.tolist(),
        }
        write_bytes(folder / f"{face.stem}.jpg", with_segment(_jpeg(picture), APP15, write_plain(data)))


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    is_encoded, buffer = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    if not is_encoded:
        raise EngineError(ErrorCode.INTERNAL, f"A picture of {picture.shape} could not be encoded.")
    return buffer.tobytes()


def deepfacelab_side(px_per_square: float, coverage: float) -> int:
    """Return the side at which a face keeps its size, as a multiple of 16, which DeepFaceLab's networks like."""
    units = 1 + 2 * DEEPFACELAB_PADDINGS[face_type_for(coverage)]
    return max(16, 16 * round(px_per_square * units / 16))
