# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a network's computation as TensorFlow graphs whose weights are inputs, which OpenVINO reads by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import write_bytes
from ..networks.autoencoder import Autoencoder
from .checkpoint import ModelDocument
from .graph_files import ENCODER, TRUNK, GraphFiles, graph_files, input_name
from .inference import family_of

# A graph is the same for every performer.
_ANYBODY = "anybody"


def export_graphs(folder: Path, document: ModelDocument) -> GraphFiles:
    """Write the graphs of a model unless they are there; each is written whole or not at all.

    Args:
        folder: Folder of the model.
        document: What the model is.

    Returns:
        Where they are.

    Raises:
        EngineError: `model_mismatch`, when this version has no such network; `internal`, when it can't be traced;
            `not_writable` or `disk_full`.
    """
    files = graph_files(folder, document)
    if files.are_there:
        return files
    family = family_of(document)
    try:
        # Always in float32: how exact the arithmetic is gets chosen when the graph is used.
        network = Autoencoder(family, (_ANYBODY,), "float32")
        parts = network.parts()
        own, shared = parts[f"decoder:{_ANYBODY}"], parts.get(TRUNK, [])
        encoder = trace(network.encoder, "faces", parts[ENCODER])
        graphs = encoder, trace(network.decoders[_ANYBODY], "code", own, shared)
    except Exception as error:
        raise EngineError(ErrorCode.INTERNAL, f"The network {family.name} can't be exported: {error}.") from error
    for path, graph in zip((files.encoder, files.decoder), graphs, strict=True):
        write_bytes(path, graph)
    files.remove_others()
    return files


def trace(
    model: keras.Model,
    name: str,
    own: Sequence[keras.Variable] | None = None,
    shared: Sequence[keras.Variable] = (),
) -> bytes:
    """Return a model's computation as a serialized GraphDef, a few kilobytes.

    Args:
        model: Model with one input; the values of its weights don't matter. Several outputs stay in their order.
        name: What to call its input in the graph. The weights' inputs are named by `graph_files.input_name`.
        own: Its weights, in the order of their names in a checkpoint; by default the model's order.
        shared: Its weights that belong to a trunk, likewise.

    Raises:
        ValueError: When it has variables that a checkpoint hasn't.
    """
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=name)
    own = model.weights if own is None else own
    listed = [*((variable, False) for variable in own), *((variable, True) for variable in shared)]
    specs, order = [], {}
    for place, (variable, is_shared) in enumerate(listed):
        index = place - len(own) if is_shared else place
        specs.append(tf.TensorSpec(variable.shape, tf.float32, name=input_name(index, variable.name, is_shared)))
        order[id(variable)] = place
    if any(id(variable) not in order for variable in model.weights):
        raise ValueError("it has weights that checkpoints don't hold")

    # What is left are the random states of layers such as dropout, which do nothing here.
    left = [item for item in model.non_trainable_variables if id(item) not in order]
    states = {id(item): tf.constant(item.numpy()) for item in left}

    def compute(inputs: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
        trained, others = (
            [values[order[id(item)]] if id(item) in order else states[id(item)] for item in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        )
        results, _states = model.stateless_call(trained, others, inputs, training=False)
        return tf.nest.flatten(results)

    function = tf.function(compute, autograph=False).get_concrete_function(signature, *specs)
    # Layers leave operations that lead nowhere, such as the size of a picture that is known; they'd count as results.
    results = [output.op.name for output in function.outputs]
    graph = tf.compat.v1.graph_util.extract_sub_graph(function.graph.as_graph_def(), results)
    return graph.SerializeToString()
