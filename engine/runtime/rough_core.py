# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts an OpenVINO graph in three, so that its core computes in bfloat16 and its ends in float32.

The first convolutions of a picture or a sketch cost little and are rounded most visibly, as are dense layers and what
makes colors of the last layer's numbers. OpenVINO's hint rounds whatever it is given, so what is to stay exact is
compiled by itself. Nothing here imports OpenVINO: the module is handed in by `openvino_runtime`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# A last convolution makes no more channels than colors and mask of two by two pixels.
_COLORS = 16

_BEFORE, _CORE, _AFTER = range(3)
# Weights, and what is computed of nothing else, are copied into each piece that needs them.
_FREE = -1


@dataclass(frozen=True)
class Core:
    """Which convolutions may be rounded.

    Attributes:
        channels: Those of at least so many channels; pictures, sketches and first features have fewer.
        is_open: Whether the last may be, too, of whose result colors are made.
    """

    channels: int
    is_open: bool = False


@dataclass(frozen=True)
class Piece:
    """A part of a graph, computed at once.

    Attributes:
        model: An `openvino.Model`.
        takes: Nodes whose results it is given, by name, in the order of its inputs; the graph's parameters among them.
        makes: Nodes that it computes for others, by name, in the order of its outputs; the graph's results among them.
        is_core: Whether it may be rounded.
    """

    model: Any
    takes: tuple[str, ...]
    makes: tuple[str, ...]
    is_core: bool


def has_core(model: Any, core: Core) -> bool:
    """Return whether a model has convolutions that may be rounded."""
    return _CORE in _stages(model, core).values()


def cut(openvino: Any, model: Any, core: Core) -> list[Piece]:
    """Return a model's pieces in the order of their computation; the model itself stays as it is.

    Args:
        openvino: The module.
        model: An `openvino.Model` whose weights are constants.
        core: What may be rounded.
    """
    stages = _stages(model, core)
    passed = _passed(model, stages)
    pieces = (_piece(openvino, model, stages, passed, stage) for stage in (_BEFORE, _CORE, _AFTER))
    return [piece for piece in pieces if piece is not None]


def _stages(model: Any, core: Core) -> dict[str, int]:
    """Return for each node, by name, whether it comes before the core, in it or after it; weights are free."""
    nodes = model.get_ordered_ops()
    if any(node.get_output_size() > 1 for node in nodes):
        # What is handed on is named after its node, so a node may have one result only.
        return {_name(node): _BEFORE for node in nodes}
    free: set[str] = set()
    for node in nodes:
        if node.get_type_name() != "Parameter" and free.issuperset(_sources(node)):
            free.add(_name(node))
    chosen = {_name(node) for node in nodes if _may_be_rounded(node, core, free)}
    # Upwards: what a chosen convolution is computed from. Downwards: what is computed from one.
    leads: set[str] = set()
    for node in reversed(nodes):
        if _name(node) in chosen or _name(node) in leads:
            leads.update(_sources(node))
    follows: set[str] = set()
    for node in nodes:
        if _name(node) in chosen or not follows.isdisjoint(_sources(node)):
            follows.add(_name(node))
    stages: dict[str, int] = {}
    for node in nodes:
        name = _name(node)
        if name in free:
            stages[name] = _FREE
        elif name not in follows:
            stages[name] = _BEFORE
        elif name in chosen or name in leads or _finishes(node, stages):
            stages[name] = _CORE
        else:
            stages[name] = _AFTER
    return stages


def _may_be_rounded(node: Any, core: Core, free: set[str]) -> bool:
    """Whether a node is one of the convolutions that a core is made of."""
    if node.get_type_name() != "Convolution" or _sources(node)[1] not in free:
        return False
    made, given = (node.input_value(1).get_partial_shape()[axis] for axis in (0, 1))
    if made.is_dynamic or given.is_dynamic or given.get_length() < core.channels:
        return False
    return core.is_open or made.get_length() > _COLORS


def _finishes(node: Any, stages: Mapping[str, int]) -> bool:
    """Whether a node only adds the bias to a convolution of the core, or bends its result: both cost nothing there."""
    if node.get_type_name() not in ("Add", "PRelu"):
        return False
    before, weights = _sources(node)
    kind = node.input_value(0).get_node().get_type_name()
    return stages[weights] == _FREE and stages[before] == _CORE and kind in ("Convolution", "Add", "PRelu")


def _passed(model: Any, stages: Mapping[str, int]) -> list[str]:
    """Return which nodes a later stage needs the result of."""
    found: dict[str, None] = {}
    for node in model.get_ordered_ops():
        for port in range(node.get_input_size()):
            source = node.input_value(port).get_node()
            is_earlier = _FREE < stages[_name(source)] < stages[_name(node)]
            if is_earlier and source.get_type_name() != "Parameter":
                found[_name(source)] = None
    return list(found)


def _piece(openvino: Any, model: Any, stages: Mapping[str, int], passed: list[str], stage: int) -> Piece | None:
    """Return the piece of one stage, or None when nothing is made in it."""
    copy = model.clone()
    nodes = {_name(node): node for node in copy.get_ordered_ops()}
    results = [_name(item) for item in copy.get_results() if stages[_name(item)] == stage]
    makes = [name for name in passed if stages[name] == stage] + results
    if not makes:
        return None
    given = []
    for name in passed:
        if stages[name] < stage:
            port = nodes[name].output(0)
            parameter = openvino.opset13.parameter(port.get_partial_shape(), port.get_element_type())
            parameter.set_friendly_name(name)
            for user in list(port.get_target_inputs()):
                user.replace_source_output(parameter.output(0))
            given.append(parameter)
    ports = [nodes[name].input_value(0) if name in results else nodes[name].output(0) for name in makes]
    reached = _reached(port.get_node() for port in ports)
    inputs = [item for item in (*copy.get_parameters(), *given) if _name(item) in reached]
    takes = tuple(_name(item) for item in inputs)
    return Piece(openvino.Model(ports, inputs, "piece"), takes, tuple(makes), stage == _CORE)


def _reached(nodes: Iterable[Any]) -> set[str]:
    """Return the names of what some nodes are computed from, their own included."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if _name(node) not in found:
            found.add(_name(node))
            waiting += [node.input_value(port).get_node() for port in range(node.get_input_size())]
    return found


def _sources(node: Any) -> list[str]:
    return [_name(node.input_value(port).get_node()) for port in range(node.get_input_size())]


def _name(node: Any) -> str:
    return str(node.get_friendly_name())
