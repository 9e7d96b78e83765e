# SPDX-License-Identifier: GPL-3.0-or-later
"""A training's start from another model's weights: what is known of faces in general, before the performers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from ..contract.errors import EngineError, ErrorCode
from ..networks.autoencoder import ENCODER
from ..networks.registry import FAMILIES, Family
from .augmentation import View
from .checkpoint import Arrays, ModelDocument, read_model
from .chosen_weights import read_inference_weights
from .growing import GrowingTrainer, learned_size
from .growth import grown_from
from .held_out import measure
from .inference import NetworkDecoder
from .network_inputs import network_inputs
from .performer_faces import PerformerFaces
from .trainer import Trainer

_DECODER = "decoder:"


def start_warm(folder: Path, trainer: Trainer, faces: Sequence[PerformerFaces]) -> dict[str, str]:
    """Take over another model's decoders, and its encoder when there are performers that both models know.

    A performer of both models keeps their decoder. Any other begins with the one that rebuilds their faces best. Where
    all are strangers, the encoder begins anew: one that has learned to tell people apart lets the performer in the shot
    through the swap for a long time (docs/explanation/decisions/0029).

    Args:
        folder: Folder of the other model.
        trainer: Of a network whose first weights are given up.
        faces: The performers' faces, in any order.

    Returns:
        Performer -> whose decoder they begin with.

    Raises:
        EngineError: `model_mismatch`, or what reading the other model raises.
    """
    other = read_model(folder)
    family = trainer.network.family
    figures = (family.name, family.face_size, family.sketch)
    is_same = (other.family, other.face_size, other.sketch) == figures
    if not is_same and not _grows_from(family, other):
        raise EngineError(
            ErrorCode.MODEL_MISMATCH,
            f"The model in {folder} is of the family {other.family} with {other.face_size} px; a warm start of "
            f"{family.name} with {family.face_size} px needs the same, or a smaller one that grows.",
            "Choose another model to start from.",
        )
    weights, _document = read_inference_weights(folder, other)
    if isinstance(trainer, GrowingTrainer):
        trainer.growth = grown_from(trainer.growth, learned_size(folder, other))
    encoder = {
        name: np.array(keras.ops.convert_to_numpy(item.value))
        for name, item in trainer.network.weights().items()
        if name.startswith(f"{ENCODER}/")
    }
    _assign(trainer, {name: value for name, value in weights.items() if not name.startswith(_DECODER)}, is_same)
    chosen = {name: name for name in trainer.network.performers if name in other.performers}
    is_new = not chosen
    strangers = [item for item in faces if item.performer not in chosen]
    chosen |= _nearest(trainer, weights, other.performers, strangers) if strangers else {}
    for performer, known in chosen.items():
        _assign(trainer, _renamed(weights, known, performer), is_same)
    if is_new:
        _assign(trainer, encoder, is_whole=True)
    trainer.reset_averages()
    return chosen


def _assign(trainer: Trainer, weights: Mapping[str, np.ndarray], is_whole: bool) -> None:
    """Give the network the weights of some parts.

    Args:
        trainer: Of the network.
        weights: Values by the network's names.
        is_whole: Whether each of those parts has to be complete; a larger network keeps its own first weights where
            the smaller one has none.
    """
    parts = {name.partition("/")[0] for name in weights}
    for name, variable in trainer.network.weights().items():
        if name in weights or (is_whole and name.partition("/")[0] in parts):
            variable.assign(weights[name])


def _renamed(weights: Arrays, known: str, performer: str) -> Arrays:
    """Return a known performer's decoder as another performer's."""
    own = f"{_DECODER}{known}/"
    return {
        f"{_DECODER}{performer}/{name.removeprefix(own)}": value
        for name, value in weights.items()
        if name.startswith(own)
    }


def _nearest(
    trainer: Trainer, weights: Arrays, known: Sequence[str], strangers: Sequence[PerformerFaces]
) -> dict[str, str]:
    """Return for each stranger whose decoder rebuilds their faces best: the highest SSIM inside the face."""
    network = trainer.network
    view = View(network.family.face_size, network.family.coverage)
    views = {
        item.performer: network_inputs(item.held_out, item.held_out_coverage, view, item.held_out_points)
        for item in strangers
    }
    decode = NetworkDecoder(network)
    guest = strangers[0].performer
    best: dict[str, tuple[float, str]] = {}
    for name in known:
        _assign(trainer, _renamed(weights, name, guest), is_whole=False)
        found = measure(views, view, lambda shown, _name: decode(shown, guest), trainer.steps)
        for performer, similarity in found.similarity.items():
            if performer not in best or similarity > best[performer][0]:
                best[performer] = (similarity, name)
    return {performer: name for performer, (_similarity, name) in best.items()}


def _grows_from(family: Family, other: ModelDocument) -> bool:
    """Whether a smaller model of the same kind has the weights of a family's smaller sizes."""
    smaller = FAMILIES.get(other.family)
    if smaller is None or not smaller.sizes or other.face_size != smaller.face_size:
        return False
    is_part = family.sizes[: len(smaller.sizes)] == smaller.sizes
    figures = (family.seen, family.coverage, family.sketch)
    return is_part and (smaller.seen, smaller.coverage, other.sketch) == figures
