# SPDX-License-Identifier: GPL-3.0-or-later
"""A trained model at work: aligned faces of one performer in, the same faces with another's identity out."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.settings import NEWEST
from ..networks.autoencoder import Autoencoder
from ..networks.registry import FAMILIES, Family
from .backend_steps import backend_steps
from .checkpoint import ModelDocument, read_model
from .chosen_weights import read_inference_weights
from .decoded import joined, told_apart
from .network_inputs import pictures_of
from .trained_swapper import TrainedSwapper

Faces = NDArray[np.float32]

# Calls with fewer faces are filled up to this many, so that the compiled function is traced once.
_CHUNK = 8


class NetworkDecoder:
    """Runs a network's encoder and one of its decoders, compiled, in chunks of one size.

    Args:
        network: The network; its weights are used as they are at each call.
        chunk: Faces of a call.
    """

    def __init__(self, network: Autoencoder, chunk: int = _CHUNK) -> None:
        self._chunk = chunk
        size = network.family.face_size
        compile_forward = backend_steps().compile_forward
        self._compiled = {
            name: compile_forward((network.encoder, decoder), (chunk, size, size, network.family.channels))
            for name, decoder in network.decoders.items()
        }

    def __call__(self, faces: Faces, performer: str) -> Faces:
        """Return faces, given as the network takes them, with the identity of `performer`; (n, S, S, 3), any n."""
        return self.with_masks(faces, performer)[0]

    def with_masks(self, faces: Faces, performer: str) -> tuple[Faces, Faces | None]:
        """Return the faces with the identity of `performer`, and the masks (n, S, S), None where there are none."""
        if not len(faces):
            return np.empty_like(pictures_of(faces)), None
        results = []
        for start in range(0, len(faces), self._chunk):
            part = faces[start : start + self._chunk]
            filled = np.concatenate([part, np.zeros((self._chunk - len(part), *part.shape[1:]), np.float32)])
            results.append(self._compiled[performer](filled)[: len(part)])
        return told_apart(joined([np.concatenate(results)], faces.shape[1]))


class Swapper(TrainedSwapper):
    """A trained network, ready to swap."""

    def __init__(self, document: ModelDocument, network: Autoencoder) -> None:
        super().__init__(document)
        self._decode = NetworkDecoder(network)
        self._policy = network.policy

    def precision_of(self, source: str) -> str:
        """Return Keras' words for all performers: its version, the library that computes, the dtype policy."""
        return f"keras {keras.__version__} {keras.backend.backend()} {self._policy}"

    def swap(self, faces: Faces, source: str) -> tuple[Faces, NDArray[np.float32] | None]:
        """Give faces the identity of a performer.

        Args:
            faces: What `inputs` returned.
            source: Performer to appear.

        Returns:
            The swapped faces, float32 (n, S, S, 3) RGB in 0…1, and the network's masks, float32 (n, S, S), or None
            where the family has none.

        Raises:
            EngineError: `performer_unknown`, naming whom the model knows.
        """
        self.check_source(source)
        return self._decode.with_masks(np.ascontiguousarray(faces, np.float32), source)


def family_of(document: ModelDocument) -> Family:
    """Return the family of a model.

    Raises:
        EngineError: `model_mismatch`, when this version has no such family or another face size for it.
    """
    family = FAMILIES.get(document.family)
    figures = (document.face_size, document.coverage, document.sketch)
    if family is None or (family.face_size, family.coverage, family.sketch) != figures:
        sketches = ""
        if family is not None and family.sketch != document.sketch:
            sketches = f" with sketches of form {document.sketch}" if document.sketch else " without sketches"
        raise EngineError(
            ErrorCode.MODEL_MISMATCH,
            f"The model is of the family {document.family}{sketches} with {document.face_size} px and coverage "
            f"{document.coverage}, which this version doesn't have.",
            "Use the version of Understudy that trained it, or train a new model.",
        )
    return family


def build_network(document: ModelDocument, policy: str) -> Autoencoder:
    """Build the network that a model's document describes, with random weights.

    Raises:
        EngineError: `model_mismatch`, see `family_of`.
    """
    return Autoencoder(family_of(document), document.performers, policy)


def assign_weights(network: Autoencoder, arrays: dict[str, NDArray[np.generic]], source: Path) -> None:
    """Give a network the weights of a checkpoint; every one must be there.

    Raises:
        EngineError: `model_unreadable`, naming the first weight that is missing or has another shape.
    """
    for name, variable in network.weights().items():
        value = arrays.get(name)
        if value is None or value.shape != tuple(variable.shape):
            raise EngineError(
                ErrorCode.MODEL_UNREADABLE,
                f"The checkpoint {source} lacks the weights {name} of this network.",
                "Use one of its backups, or the version of Understudy that wrote it.",
            )
        variable.assign(value)


def load_swapper(model_folder: Path, precision: str = "float32", checkpoint: str = NEWEST) -> Swapper:
    """Load a trained model for swapping.

    Args:
        model_folder: Folder with `model.json`.
        precision: Dtype policy. float32 is the default: docs/explanation/decisions/0012 has the measurement.
        checkpoint: "newest", "best", or the name of one of the model's checkpoints or snapshots.

    Raises:
        EngineError: `model_missing`, `model_unreadable` or `model_mismatch`; a model is never made up.
    """
    folder = Path(model_folder)
    document = read_model(folder)
    network = build_network(document, precision)
    weights, document = read_inference_weights(folder, document, checkpoint)
    assign_weights(network, weights, folder / document.checkpoint)
    return Swapper(document, network)
