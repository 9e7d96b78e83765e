# SPDX-License-Identifier: GPL-3.0-or-later
"""How OpenVINO is loaded and set up: the only module that imports it, because importing it must tell nobody.

OpenVINO's package reports to its maker when it is imported and `openvino-telemetry` is installed beside it. Here that
package counts as missing, which OpenVINO is made for, so nothing is sent (docs/explanation/decisions/0022).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from .device import available_cores
from .graph_rewrites import rewrite
from .rough_branches import count_branches, roughen
from .rough_core import Core, Piece, cut, has_core

TELEMETRY = "openvino_telemetry"
FLOAT32, BFLOAT16 = "f32", "bf16"
# float32 but for the residual branches.
BRANCHES = "branches"
# float32 but for the convolutions of features; without those of the first features, or with the one that makes colors.
CORE, DEEP_CORE, OPEN_CORE = "core", "deep core", "open core"

_CORES = {CORE: Core(32), DEEP_CORE: Core(64), OPEN_CORE: Core(32, is_open=True)}

Array = NDArray[np.generic]


def keep_reports_back() -> None:
    """Make the package through which OpenVINO reports count as missing; call it before anything imports OpenVINO."""
    # None is how Python notes that a module can't be imported.
    sys.modules[TELEMETRY] = None  # pyright: ignore[reportArgumentType]


def load_openvino() -> Any:
    """Import OpenVINO without its reports and return the module.

    Raises:
        EngineError: `library_missing`.
    """
    keep_reports_back()
    try:
        import openvino
    except (ImportError, OSError) as error:
        raise EngineError(
            ErrorCode.LIBRARY_MISSING,
            f"The library openvino does not work in this Python: {error}.",
            "Install the engine's environment again.",
        ) from error
    return openvino


class Graph:
    """A network's graph as read from a file, before it is made ready to compute.

    Args:
        path: A TensorFlow graph (.pb) or an ONNX file; neither holds code.
        build: For weights of other programs: makes an `openvino.Model` of them, given the module, and the file is only
            named in errors.

    Raises:
        EngineError: `library_missing`, or `model_unreadable`, naming the file.
    """

    def __init__(self, path: Path, build: Callable[[Any], Any] | None = None) -> None:
        self._openvino = load_openvino()
        self._core = self._openvino.Core()
        self.path = path
        try:
            self.model = build(self._openvino) if build else self._core.read_model(str(path))
        except Exception as error:
            raise EngineError(
                ErrorCode.MODEL_UNREADABLE,
                f"{path} can't be read as a network: {_first_line(error)}.",
                "Fetch or make the file again.",
            ) from error

    def inputs(self) -> dict[str, tuple[int | None, ...] | None]:
        """Return the inputs: name -> shape with None where it is free; None instead of a shape of any rank."""
        return {_name(item): _shape(item) for item in self.model.inputs}

    def outputs(self) -> list[str]:
        """Return the names of the outputs in their order."""
        return [_name(item) for item in self.model.outputs]

    def fill(self, values: Mapping[str, Array]) -> None:
        """Give inputs fixed values; they are no inputs any more.

        Args:
            values: Value of each input by name, shaped as the input.
        """
        for parameter in list(self.model.get_parameters()):
            value = values.get(_name(parameter.output(0)))
            if value is not None:
                constant = self._openvino.op.Constant(np.ascontiguousarray(value))
                parameter.output(0).replace(constant.output(0))
                self.model.remove_parameter(parameter)
        self.model.validate_nodes_and_infer_types()

    def quicken(self) -> None:
        """Rewrite what is slow on a processor; what comes out stays the same but for the order of sums."""
        rewrite(self._openvino, self.model)

    def is_rounded_by(self, precision: str) -> bool:
        """Whether a precision rounds anything in this graph; the weights have to be in it."""
        if precision == BRANCHES:
            return count_branches(self.model) > 0
        return precision == BFLOAT16 or (precision in _CORES and has_core(self.model, _CORES[precision]))

    def compile(self, precision: str = FLOAT32, threads: int = 0) -> ReadyNetwork:
        """Make the graph ready to compute on the processor.

        Args:
            precision: `FLOAT32`, `BFLOAT16`, or what else is named above, which needs the weights in the graph.
            threads: Processor threads; 0 takes one for each core.

        Raises:
            EngineError: `model_unreadable`, when the graph can't be computed.
        """
        given = [str(item.get_friendly_name()) for item in self.model.get_parameters()]
        made = [str(item.get_friendly_name()) for item in self.model.get_results()]
        try:
            stages = [
                Stage(self._compiled(item.model, item.is_core, threads), item.takes, item.makes)
                for item in self._pieces(precision, given, made)
            ]
        except Exception as error:
            raise EngineError(
                ErrorCode.MODEL_UNREADABLE,
                f"The network in {self.path} can't be computed: {_first_line(error)}.",
                "Use another network.",
            ) from error
        return ReadyNetwork(stages, given, dict(zip(self.outputs(), made, strict=True)))

    def _pieces(self, precision: str, given: list[str], made: list[str]) -> list[Piece]:
        if precision in _CORES:
            return cut(self._openvino, self.model, _CORES[precision])
        model = self.model
        if precision == BRANCHES:
            model = self.model.clone()
            roughen(self._openvino, model)
        return [Piece(model, tuple(given), tuple(made), precision == BFLOAT16)]

    def _compiled(self, model: Any, is_rough: bool, threads: int) -> Any:
        options = {
            "INFERENCE_PRECISION_HINT": BFLOAT16 if is_rough else FLOAT32,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads or available_cores(),
        }
        return self._core.compile_model(model, "CPU", options).create_infer_request()


@dataclass(frozen=True)
class Stage:
    """A piece of a network, ready to compute.

    Attributes:
        request: OpenVINO's request.
        takes: Names of what it is given, in the order of its inputs.
        makes: Names of what it makes, in the order of its outputs.
    """

    request: Any
    takes: tuple[str, ...]
    makes: tuple[str, ...]


class ReadyNetwork:
    """A network ready to compute: arrays in, arrays out."""

    def __init__(self, stages: Sequence[Stage], given: Sequence[str], outputs: Mapping[str, str]) -> None:
        self._stages, self._given, self._outputs = stages, given, outputs

    def __call__(self, *arrays: Array) -> dict[str, NDArray[np.float32]]:
        """Return the outputs by name; they hold until the next call, so who keeps them copies them.

        Args:
            arrays: The inputs in the graph's order.

        Raises:
            EngineError: `internal`, when the network can't compute with them.
        """
        known: dict[str, Any] = dict(zip(self._given, arrays, strict=True))
        try:
            for stage in self._stages:
                inputs = [known[name] for name in stage.takes]
                results = stage.request.infer(inputs, share_inputs=True, share_outputs=True)
                known.update((name, results[index]) for index, name in enumerate(stage.makes))
        except Exception as error:
            raise EngineError(ErrorCode.INTERNAL, f"The network failed: {_first_line(error)}.") from error
        return {name: known[made] for name, made in self._outputs.items()}


def precision_title(title: str = FLOAT32) -> str:
    """Return in words how exactly something is computed, without loading OpenVINO: its version counts, too."""
    try:
        return f"openvino {version('openvino')} {title}"
    except PackageNotFoundError:
        return f"openvino {title}"


def computes_bfloat16() -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor."""
    return "BF16" in load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _name(port: Any) -> str:
    names = sorted(port.get_names(), key=lambda name: (len(name), name))
    return names[0] if names else ""


def _shape(port: Any) -> tuple[int | None, ...] | None:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    return tuple(None if size.is_dynamic else size.get_length() for size in shape)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # OpenVINO's messages begin with where in its own source they arose.
    telling = [line for line in lines if not line.startswith(("Exception from", "Check "))] or lines
    return (telling[0] if telling else type(error).__name__).rstrip(".:")[:200]
