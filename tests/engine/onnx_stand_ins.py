# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny ONNX files with the inputs and outputs of networks made elsewhere, written byte by byte: no onnx package."""

from __future__ import annotations

import struct

import numpy as np

SIDE = 32
LENGTH = 16


def varint(value):
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, content):
    data = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, array, location=0):
    array = np.asarray(array)
    kind = {"f4": 1, "i8": 7, "f2": 10}[array.dtype.str[1:]]
    dims = b"".join(number(1, size) for size in array.shape)
    return (
        dims
        + number(2, kind)
        + block(8, name)
        + block(9, array.tobytes())
        + (number(14, location) if location else b"")
    )


def port(name, shape):
    dims = b"".join(block(1, block(2, "n") if size is None else number(1, size)) for size in shape)
    return block(1, name) + block(2, block(1, number(1, 1) + block(2, dims)))


def node(kind, inputs, output, **attributes):
    data = b"".join(block(1, name) for name in inputs) + block(2, output) + block(4, kind)
    for name, value in attributes.items():
        values = b"".join(number(8, item) for item in value) if isinstance(value, list) else number(3, value)
        data += block(5, block(1, name) + values + number(20, 7 if isinstance(value, list) else 2))
    return data


def model(nodes, inputs, outputs, initializers=(), location=0):
    graph = b"".join(block(1, item) for item in nodes) + block(2, "stand-in")
    graph += b"".join(block(5, tensor(name, array, location)) for name, array in initializers)
    graph += b"".join(block(11, port(*item)) for item in inputs) + b"".join(block(12, port(*item)) for item in outputs)
    return number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, 13))


FACE_MASK = np.zeros((1, SIDE, SIDE, 1), np.float32)
FACE_MASK[:, 8:24, 8:24] = 1.0
CELEB_MASK = np.zeros((1, SIDE, SIDE, 1), np.float32)
CELEB_MASK[:, :, :16] = 0.5


def dfm(morph=False, side=SIDE, batch=None):
    """Halves the first channel (blue), keeps the others; with morph everything is multiplied by it."""
    face = (batch, side, side, 3)
    mask = (batch, side, side, 1)
    nodes = [
        node("Mul", ["in_face:0", "tint"], "tinted" if morph else "out_celeb_face:0"),
        node("Mul", ["in_face:0", "nothing"], "black"),
        node("ReduceMean", ["black"], "blank", axes=[3], keepdims=1),
        node("Add", ["blank", "mask_a"], "out_face_mask:0"),
        node("Add", ["blank", "mask_b"], "out_celeb_face_mask:0"),
    ]
    if morph:
        nodes.append(node("Mul", ["tinted", "morph_value:0"], "out_celeb_face:0"))
    initializers = [
        ("tint", np.array([0.5, 1.0, 1.0], np.float32)),
        ("nothing", np.zeros(1, np.float32)),
        ("mask_a", FACE_MASK),
        ("mask_b", CELEB_MASK),
    ]
    inputs = [("in_face:0", face)] + ([("morph_value:0", (1,))] if morph else [])
    outputs = [("out_face_mask:0", mask), ("out_celeb_face:0", face), ("out_celeb_face_mask:0", mask)]
    return model(nodes, inputs, outputs, initializers)


COLORS = np.random.default_rng(3).uniform(-1, 1, (LENGTH, 3)).astype(np.float32)
EMAP = np.random.default_rng(4).uniform(-1, 1, (LENGTH, LENGTH)).astype(np.float32)


def one_shot(side=SIDE, matrix=EMAP, location=0):
    """Half of the target and a tint that depends on the source."""
    nodes = [
        node("MatMul", ["source", "colors"], "tint"),
        node("Reshape", ["tint", "shape"], "tint4"),
        node("Mul", ["target", "half"], "dark"),
        node("Add", ["dark", "tint4"], "output"),
    ]
    initializers = [
        ("colors", COLORS),
        ("shape", np.array([1, 3, 1, 1], np.int64)),
        ("half", np.array([0.5], np.float32)),
        *([] if matrix is None else [("emap", matrix)]),
    ]
    face = (1, 3, side, side)
    return model(nodes, [("target", face), ("source", (1, LENGTH))], [("output", face)], initializers, location)


def recognizer():
    """Describes a face by its mean color."""
    nodes = [
        node("GlobalAveragePool", ["input.1"], "mean"),
        node("Reshape", ["mean", "shape"], "flat"),
        node("MatMul", ["flat", "spread"], "identity"),
    ]
    initializers = [("shape", np.array([1, 3], np.int64)), ("spread", COLORS.T.copy())]
    return model(nodes, [("input.1", (None, 3, 112, 112))], [("identity", (1, LENGTH))], initializers)


def endless_number():
    """A file that claims a length it doesn't have."""
    return struct.pack("B", 7 << 3 | 2) + b"\xff" * 12
