# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the residual branches of an OpenVINO graph compute in bfloat16 while everything else stays float32.

A branch only adds a correction to what passes beside it, so its rounding is a small part of a small number, while
rounding what passes beside it, the first layer's picture or the last layer's colors is seen. OpenVINO's hint rounds a
whole graph; types written into the graph round only where they stand. Nothing here imports OpenVINO: the module is
handed in by `openvino_runtime`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .graph_rewrites import only_user

# What lies between the two convolutions of a branch, besides them: their bias and their leaky ramp.
_BETWEEN = ("Add", "PRelu")
_CONSTANT_ONLY = ("Constant", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Convert")


def count_branches(model: Any) -> int:
    """Return how many residual branches of two convolutions a model has."""
    return len(_branches(model))


def roughen(openvino: Any, model: Any) -> None:
    """Make the branches of a model compute in bfloat16, in place; to be compiled with float32 as hint.

    Args:
        openvino: The module.
        model: An `openvino.Model` whose weights are constants.
    """
    for first, between, second in _branches(model):
        for node in (first, *between, second):
            _round_weights(openvino, node.input_value(1))
            # The data come down once, before the branch; weights, bias and slope where they are used.
            for port in (0, 1) if node is first else (1,):
                low = openvino.opset13.convert(node.input_value(port), "bf16")
                node.input(port).replace_source_output(low.output(0))
            node.validate_and_infer_types()
        users = list(second.output(0).get_target_inputs())
        high = openvino.opset13.convert(second.output(0), "f32")
        for user in users:
            user.replace_source_output(high.output(0))
    model.validate_nodes_and_infer_types()


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the nearest numbers that bfloat16 has, still as float32; ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    bits = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)


def _round_weights(openvino: Any, port: Any) -> None:
    """Round the constant that a port comes from. OpenVINO would cut its last bits off, which is twice as far away."""
    node = port.get_node()
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    rounded = to_bfloat16(node.data).reshape(node.data.shape)
    node.output(0).replace(openvino.op.Constant(rounded).output(0))


def _branches(model: Any) -> list[tuple[Any, list[Any], Any]]:
    """Return each branch as its first convolution, what follows it, and its second, in the order of computation."""
    found = []
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convolution" or not _is_weights(node.input_value(1)):
            continue
        between, last = [], node
        while (user := only_user(last)) is not None and user.get_type_name() in _BETWEEN:
            if not _is_weights(user.input_value(1)):
                break
            between.append(user)
            last = user
        second = only_user(last)
        if second is not None and second.get_type_name() == "Convolution" and _ends_in_a_sum(second):
            found.append((node, between, second))
    return found


def _ends_in_a_sum(convolution: Any) -> bool:
    """Whether a convolution's result, after its bias, is added to something else that was computed."""
    user = only_user(convolution)
    while user is not None and user.get_type_name() == "Add":
        if not any(_is_weights(user.input_value(port)) for port in (0, 1)):
            return True
        user = only_user(user)
    return False


def _is_weights(port: Any) -> bool:
    """Whether a port's value doesn't depend on the model's inputs."""
    node = port.get_node()
    while node.get_type_name() in _CONSTANT_ONLY:
        if node.get_type_name() == "Constant":
            return True
        node = node.input_value(0).get_node()
    return False
