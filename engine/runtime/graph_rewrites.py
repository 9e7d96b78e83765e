# SPDX-License-Identifier: GPL-3.0-or-later
"""Rewrites what is slow in an OpenVINO graph into something equal that a processor computes faster.

A pixel shuffle only moves numbers; a convolution as a product of matrices adds the same products in another order.
Nothing here imports OpenVINO: the module is handed in by `openvino_runtime`, which loads it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_TO_CHANNELS_FIRST = (0, 3, 1, 2)
_TO_CHANNELS_LAST = (0, 2, 3, 1)
# Of (n, h, w, block, block, channels): each block's rows go to the rows, its columns to the columns.
_SHUFFLE = (0, 1, 3, 2, 4, 5)


# TensorFlow keeps a convolution's weights as height, width, in, out; OpenVINO takes them as out, in, height, width.
_WEIGHTS_FROM_TENSORFLOW = (3, 2, 0, 1)

# OpenVINO reads a convolution's weights anew for each picture. With many weights and few pixels that takes most of the
# time; a product of matrices reads them once for all pictures.
_FEW_PIXELS = 16
_MANY_WEIGHTS = 1 << 20


def rewrite(openvino: Any, model: Any) -> None:
    """Rewrite a model in place: pixel shuffles, and convolutions with many weights and few pixels.

    Args:
        openvino: The module.
        model: An `openvino.Model` whose weights are constants.
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Transpose":
            _join_pixel_shuffle(openvino.opset13, node)
        elif node.get_type_name() == "Convolution":
            _convolve_by_product(openvino.opset13, node)
    model.validate_nodes_and_infer_types()


def _join_pixel_shuffle(operations: Any, node: Any) -> None:
    """Make a reshape, this transpose and a reshape one operation, if they are `networks.blocks.PixelShuffle`.

    They need the channels last, and convolutions don't: their results were moved twice for each shuffle, which was a
    third of a decoder's time.
    """
    before, after = node.input_value(0).get_node(), only_user(node)
    if before.get_type_name() != "Reshape" or after is None or after.get_type_name() != "Reshape":
        return
    if _constant(node.input_value(1)) != _SHUFFLE:
        return
    block = _sizes(before.output(0))[3:5]
    given, result = _sizes(before.input_value(0)), _sizes(after.output(0))
    if len(given) != 4 or len(result) != 4 or None in (*block, *given[1:]) or block[0] != block[1]:
        return
    side, channels = block[0], given[3] // block[0] ** 2
    if result[1:] != [given[1] * side, given[2] * side, channels] or _sizes(before.output(0))[5] != channels:
        return
    first = operations.transpose(before.input_value(0), np.array(_TO_CHANNELS_FIRST, np.int64))
    shuffled = operations.depth_to_space(first, "blocks_first", side)
    _replace(after, operations.transpose(shuffled, np.array(_TO_CHANNELS_LAST, np.int64)))


def _convolve_by_product(operations: Any, node: Any) -> None:
    """Compute a convolution as one product of matrices: each pixel's neighborhood (n·h·w, k·k·c) times the weights."""
    given, result, weights = (_sizes(port) for port in (node.input_value(0), node.output(0), node.input_value(1)))
    details = node.get_attributes()
    if not 4 == len(given) == len(result) == len(weights) or None in (*given[1:], *result[1:], *weights):
        return
    if result[2] * result[3] > _FEW_PIXELS or np.prod(weights) < _MANY_WEIGHTS or list(details["dilations"]) != [1, 1]:
        return
    count, channels, height, width = weights
    (top, left), (bottom, right) = details["pads_begin"], details["pads_end"]
    padded_height, padded_width = given[2] + top + bottom, given[3] + left + right
    pixels = operations.transpose(node.input_value(0), np.array(_TO_CHANNELS_LAST, np.int64))
    before, after = np.array([0, top, left, 0], np.int64), np.array([0, bottom, right, 0], np.int64)
    pixels = operations.pad(pixels, before, after, "constant")
    pixels = operations.reshape(pixels, np.array([-1, padded_height * padded_width, channels], np.int64), False)
    step_y, step_x = details["strides"]
    rows = step_y * np.arange(result[2])[:, None] + np.arange(height)
    columns = step_x * np.arange(result[3])[:, None] + np.arange(width)
    places = rows[:, None, :, None] * padded_width + columns[None, :, None, :]
    neighbors = operations.gather(pixels, places.astype(np.int32).ravel(), np.int64(1))
    neighbors = operations.reshape(neighbors, np.array([-1, height * width * channels], np.int64), False)
    matrix = operations.reshape(
        _channels_last(operations, node.input_value(1)), np.array([height * width * channels, count], np.int64), False
    )
    product = operations.matmul(neighbors, matrix, False, False)
    product = operations.reshape(product, np.array([-1, result[2], result[3], count], np.int64), False)
    _replace(node, operations.transpose(product, np.array(_TO_CHANNELS_FIRST, np.int64)))


def _channels_last(operations: Any, weights: Any) -> Any:
    """Return a convolution's weights as height, width, in, out; mostly that is how they were given."""
    node = weights.get_node()
    if node.get_type_name() == "Transpose" and _constant(node.input_value(1)) == _WEIGHTS_FROM_TENSORFLOW:
        return node.input_value(0)
    return operations.transpose(weights, np.array((2, 3, 1, 0), np.int64))


def _replace(node: Any, new: Any) -> None:
    new.set_friendly_name(node.get_friendly_name())
    # The names stay with the port: a graph's outputs are known by them.
    new.output(0).set_names(node.output(0).get_names())
    node.output(0).replace(new.output(0))


def only_user(node: Any) -> Any:
    """Return the node that takes a node's result; None where none or several do."""
    users = node.output(0).get_target_inputs()
    return next(iter(users)).get_node() if len(users) == 1 else None


def _constant(port: Any) -> tuple[int, ...]:
    node = port.get_node()
    return tuple(int(value) for value in node.data) if node.get_type_name() == "Constant" else ()


def _sizes(port: Any) -> list[Any]:
    """Return a port's shape with None where it is free; empty when it may have any rank."""
    shape = port.get_partial_shape()
    return [] if shape.rank.is_dynamic else [None if size.is_dynamic else size.get_length() for size in shape]
