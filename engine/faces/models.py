# SPDX-License-Identifier: GPL-3.0-or-later
"""The trained models that find and describe faces: which files they are and where they lie.

Nothing is downloaded here: the engine's set-up puts the TFLite files below `<prefix>/share/understudy/models`, and the
dlib files come with the package face-recognition-models. That package is never imported, only located, because its
code needs `pkg_resources`, which current Python environments no longer carry.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.model_licences import LICENCES, ModelLicence
from ..runtime.start_notes import without_start_notes

MODELS_FOLDER = Path("share") / "understudy" / "models"
_DLIB_PACKAGE = "face_recognition_models"


@dataclass(frozen=True)
class Model:
    """A model file and the terms it is under.

    Attributes:
        file: File name.
        source: "set-up" (TFLite files the engine's set-up puts in place) or "package" (face-recognition-models).
        licence: Its terms.
    """

    file: str
    source: str
    licence: ModelLicence


MODELS: dict[str, Model] = {
    name: Model(file, source, LICENCES[name])
    for name, file, source in (
        ("blazeface", "face_detection_full_range_sparse.tflite", "set-up"),
        ("mesh", "face_landmark.tflite", "set-up"),
        ("iris", "iris_landmark.tflite", "set-up"),
        ("palm", "palm_detection_full.tflite", "set-up"),
        ("hand", "hand_landmark_full.tflite", "set-up"),
        ("dlib-cnn", "mmod_human_face_detector.dat", "package"),
        ("dlib-68", "shape_predictor_68_face_landmarks.dat", "package"),
        ("dlib-identity", "dlib_face_recognition_resnet_model_v1.dat", "package"),
    )
}


def model_path(name: str) -> Path:
    """Return the file of a model of `MODELS`.

    Raises:
        EngineError: `library_missing` when the package of the dlib models isn't installed, `detector_unavailable`
            when the file isn't where it belongs.
    """
    model = MODELS[name]
    path = _folder(model) / model.file
    if not path.is_file():
        raise EngineError(
            ErrorCode.DETECTOR_UNAVAILABLE,
            f"The model {name} is missing: there is no file {path}.",
            "Run the engine's set-up again; it puts the models in place.",
        )
    return path


def _folder(model: Model) -> Path:
    if model.source == "set-up":
        return Path(sys.prefix) / MODELS_FOLDER
    spec = importlib.util.find_spec(_DLIB_PACKAGE)
    if spec is None or spec.origin is None:
        raise EngineError(
            ErrorCode.LIBRARY_MISSING,
            "The package face-recognition-models, which carries the dlib models, is not installed.",
            "Run the engine's set-up again.",
        )
    return Path(spec.origin).parent / "models"


def import_library(name: str) -> Any:
    """Return an imported library that only some detectors need ("dlib", "ai_edge_litert.interpreter").

    Raises:
        EngineError: `library_missing`, naming it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise EngineError(
            ErrorCode.LIBRARY_MISSING,
            f"The library {name.partition('.')[0]} can't be loaded: {error}.",
            "Run the engine's set-up again.",
        ) from error


def damaged_model(path: Path, error: Exception) -> EngineError:
    """Return what to raise when a library can't read a model file."""
    return EngineError(
        ErrorCode.DETECTOR_UNAVAILABLE,
        f"The model file {path} is damaged: {error}.",
        "Run the engine's set-up again; it puts the models in place.",
    )


@functools.cache
def load_network(name: str, threads: int = 1) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Return a TFLite model as a function: input array -> outputs in the model's order, float32.

    The function isn't safe to call from two threads at a time.

    Raises:
        EngineError: `library_missing` or `detector_unavailable`.
    """
    path = model_path(name)
    litert = import_library("ai_edge_litert.interpreter")
    # Only the first network of a process is noted.
    is_first = load_network.cache_info().currsize == 0
    try:
        with without_start_notes() if is_first else contextlib.nullcontext():
            interpreter = litert.Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise damaged_model(path, error) from error
    entry = interpreter.get_input_details()[0]["index"]
    exits = [item["index"] for item in interpreter.get_output_details()]

    def run(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        interpreter.set_tensor(entry, values)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in exits]

    return run
