# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a network's computation as TensorFlow graphs whose weights are inputs, which OpenVINO reads by itself."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

from ..contract.errors import EngineError, ErrorCode
from ..contract.files import write_bytes
from .checkpoint import ModelDocument
from .graph_files import GraphFiles, graph_files, input_name
from .inference import family_of


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
        encoder, decoder = family.build_encoder("float32"), family.build_decoder("float32")
        graphs = trace(encoder, "faces"), trace(decoder, "code")
    except Exception as error:
        raise EngineError(ErrorCode.INTERNAL, f"The network {family.name} can't be exported: {error}.") from error
    for path, graph in zip((files.encoder, files.decoder), graphs, strict=True):
        write_bytes(path, graph)
    files.remove_others()
    return files


def trace(model: keras.Model, name: str) -> bytes:
    """Return a model's computation as a serialized GraphDef, a few kilobytes.

    Args:
        model: Model with one input; its weights don't matter. Several outputs stay in their order.
        name: What to call its input in the graph. The weights' inputs are named by `graph_files.input_name`.

    Raises:
        ValueError: When it has variables that aren't trained.
    """
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=name)
    weights = [
        tf.TensorSpec(variable.shape, tf.float32, name=input_name(index, variable.name))
        for index, variable in enumerate(model.trainable_variables)
    ]
    if model.non_trainable_weights:
        # Checkpoints hold trained weights only, so these couldn't be given to the graph.
        raise ValueError("it has weights that are not trained")
    # What is left are the random states of layers such as dropout, which do nothing here.
    states = [tf.constant(variable.numpy()) for variable in model.non_trainable_variables]

    def compute(inputs: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
        results, _states = model.stateless_call(list(values), states, inputs, training=False)
        return tf.nest.flatten(results)

    function = tf.function(compute, autograph=False).get_concrete_function(signature, *weights)
    # Normalizations leave operations that lead nowhere, such as the size of a map; they would count as results.
    results = [output.op.name for output in function.outputs]
    graph = tf.compat.v1.graph_util.extract_sub_graph(function.graph.as_graph_def(), results)
    return graph.SerializeToString()
