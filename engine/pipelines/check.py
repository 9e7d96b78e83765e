# SPDX-License-Identifier: GPL-3.0-or-later
"""The check: which libraries, device and models the engine has, and whether each model computes."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..contract.jobs import CheckJob
from ..contract.messages import Done
from ..contract.model_licences import LICENCES, paid_work_sentence
from ..runtime.device import import_tensorflow
from ..runtime.environment_check import LIBRARIES
from ..runtime.machine import Machine, look_at_machine
from ..runtime.openvino_runtime import keep_reports_back
from ..runtime.reporter import Reporter

_SIDE = 160
_BOX = np.array([30.0, 30.0, 130.0, 130.0])
_GIB = 1 << 30


@dataclass(frozen=True)
class ModelCheck:
    """What the check found out about one model.

    Attributes:
        name: Key of the model table.
        file: File name, or where else it comes from.
        licence: Name of its licence.
        paid_work: Whether its results may be used in paid work.
        meaning: What its licence means for the user.
        present: Whether the file is where it belongs.
        works: Whether it computed something on a small picture.
        problem: Why not; empty when it works.
    """

    name: str
    file: str
    licence: str
    paid_work: bool
    meaning: str
    present: bool
    works: bool
    problem: str


def check(job: CheckJob, reporter: Reporter) -> Done:
    """Look at everything the engine is made of, and run each model on a small picture.

    Every finding is reported as a line of information. `Done.result` has `engine`, `python`, `system`, `libraries`
    (name -> version), `device`, `bfloat16`, `cores`, `memory`, `free_memory`, `free_disk` (bytes) and `models`
    (a list of `ModelCheck`).

    Raises:
        EngineError: `library_missing` or `detector_unavailable`, naming everything that doesn't work.
    """
    machine = look_at_machine(Path.cwd())
    _report_machine(machine, reporter)
    libraries, missing = _check_libraries(reporter)
    if missing:
        raise EngineError(
            ErrorCode.LIBRARY_MISSING,
            f"Not working: {'; '.join(missing)}.",
            "Install the engine's environment again.",
        )
    device, bfloat16 = _device()
    reporter.info(f"Device: {device}; bfloat16 {'yes' if bfloat16 else 'no'}")
    models = _check_models(reporter)
    broken = [f"{model.name} ({model.problem})" for model in models if not model.works]
    if broken and not reporter.is_stopped:
        raise EngineError(
            ErrorCode.DETECTOR_UNAVAILABLE,
            f"Not working: {'; '.join(broken)}.",
            "Install the engine's environment again; it puts the models in place.",
        )
    verdict = "What was tried works" if reporter.is_stopped else "Everything works"
    return reporter.done(
        f"{verdict}: {len(libraries)} libraries, {len(models)} models, {device}.",
        {
            "engine": _engine_version(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "libraries": libraries,
            "device": device,
            "bfloat16": bfloat16,
            **asdict(machine),
            "models": [asdict(model) for model in models],
        },
    )


def _engine_version() -> str:
    return str(getattr(importlib.import_module(__name__.partition(".engine.")[0]), "__version__"))  # noqa: B009 - the root is known by name only


def _report_machine(machine: Machine, reporter: Reporter) -> None:
    reporter.info(f"Understudy {_engine_version()} in {Path(__file__).resolve().parents[2]}")
    reporter.info(f"Python {platform.python_version()} ({sys.executable}) on {platform.platform()}")
    reporter.info(
        f"{machine.cores} cores, memory {machine.memory / _GIB:.1f} GiB ({machine.free_memory / _GIB:.1f} free), "
        f"disk {machine.free_disk / _GIB:.1f} GiB free"
    )


def _check_libraries(reporter: Reporter) -> tuple[dict[str, str], list[str]]:
    """Import every library; return versions by name, and what doesn't work."""
    versions: dict[str, str] = {}
    missing: list[str] = []
    reporter.stage("libraries", "Loading the libraries")
    keep_reports_back()
    for number, (module, package) in enumerate(LIBRARIES, start=1):
        try:
            _import(module)
            versions[package] = _version_of(package, module)
            reporter.info(f"{package} {versions[package]}")
        except ImportError as error:
            missing.append(f"{package} ({error})")
        reporter.progress(number, len(LIBRARIES), "libraries")
    return versions, missing


def _import(module: str) -> None:
    if module == "tensorflow":
        # Its notes would drown the findings.
        import_tensorflow()
    importlib.import_module(module)


def _version_of(package: str, module: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        # The same library from another distribution, for example OpenCV with its windows.
        return str(getattr(sys.modules[module], "__version__", "of unknown version"))


def _device() -> tuple[str, bool]:
    from ..runtime.device import describe_device, has_fast_bfloat16, prepare_tensorflow

    prepare_tensorflow()
    return describe_device(), has_fast_bfloat16()


def _check_models(reporter: Reporter) -> list[ModelCheck]:
    from ..faces.models import MODELS

    reporter.stage("models", "Trying the models")
    picture = _test_picture()
    found: list[ModelCheck] = []
    names = [*MODELS, *(name for name in LICENCES if name not in MODELS)]
    for number, name in enumerate(names, start=1):
        found.append(_check_model(name, picture))
        model, licence = found[-1], LICENCES[name]
        reporter.info(
            f"Model {name}: {'works' if model.works else model.problem}; {licence.licence}. {licence.meaning}"
        )
        if reporter.progress(number, len(names), "models"):
            break
    reporter.info(paid_work_sentence(names))
    return found


def _check_model(name: str, picture: np.ndarray) -> ModelCheck:
    from ..faces.models import MODELS, model_path

    model, licence, problem = MODELS.get(name), LICENCES[name], ""
    # A model without a file comes inside of a library's code.
    is_present = model is None
    try:
        is_present = is_present or model_path(name).is_file()
        trial = _TRIALS.get(name)
        if trial is None:
            problem = "no trial is known for it"
        else:
            trial(picture)
    except EngineError as error:
        problem = error.message
    except (RuntimeError, ValueError, TypeError) as error:
        # dlib and LiteRT say so when a model file is damaged or made for another version.
        problem = f"it fails: {error}"
    return ModelCheck(
        name=name,
        file="inside dlib" if model is None else model.file,
        licence=licence.licence,
        paid_work=licence.paid_work,
        meaning=licence.meaning,
        present=is_present,
        works=not problem,
        problem=problem,
    )


def _test_picture() -> np.ndarray:
    """Return a small picture, (160, 160, 3) uint8, on which every model has something to compute."""
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE]
    distance = np.hypot(rows - _SIDE / 2, columns - _SIDE / 2)
    return np.stack([np.clip(255 - distance * k, 0, 255) for k in (2.0, 2.5, 3.0)], axis=-1).astype(np.uint8)


def _try_detector(name: str) -> Callable[[np.ndarray], Any]:
    def trial(picture: np.ndarray) -> None:
        from ..faces.detection import make_detector

        make_detector(name, 0.5, 24).detect(picture)

    return trial


def _try_landmarks(name: str) -> Callable[[np.ndarray], Any]:
    def trial(picture: np.ndarray) -> None:
        from ..faces.landmarks import make_landmark_fitter

        landmarks, _confidence = make_landmark_fitter(name).fit(picture, _BOX)
        _require_finite(landmarks)

    return trial


def _try_identity(picture: np.ndarray) -> None:
    from ..faces.identity import IdentityModel

    _require_finite(IdentityModel().embed(picture, _any_landmarks()))


def _try_eyes(picture: np.ndarray) -> None:
    from ..faces.eyes import EyeFitter

    _require_finite(EyeFitter().fit(picture, _any_landmarks()))


def _any_landmarks() -> np.ndarray:
    # Any 68 points that span a plane fit a similarity; where they lie doesn't matter to whether a model computes.
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    return _SIDE / 2 + 40 * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _try_hands(name: str) -> Callable[[np.ndarray], Any]:
    def trial(picture: np.ndarray) -> None:
        from ..faces.hands import SIDES
        from ..faces.models import load_network

        # There is no palm in the picture, so the second model wouldn't be asked; here both are.
        side = SIDES[name]
        values = np.resize(picture, (1, side, side, 3)).astype(np.float32) / np.float32(255)
        for result in load_network(name)(values):
            _require_finite(result)

    return trial


def _require_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ValueError("its result isn't finite")


_TRIALS: dict[str, Callable[[np.ndarray], Any]] = {
    "blazeface": _try_detector("blazeface"),
    "mesh": _try_landmarks("mesh"),
    "iris": _try_eyes,
    "palm": _try_hands("palm"),
    "hand": _try_hands("hand"),
    "dlib-hog": _try_detector("dlib-hog"),
    "dlib-cnn": _try_detector("dlib-cnn"),
    "dlib-68": _try_landmarks("dlib-68"),
    "dlib-identity": _try_identity,
}
