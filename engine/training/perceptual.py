# SPDX-License-Identifier: GPL-3.0-or-later
"""The perceptual loss: how differently a network that knows pictures sees the made face and the real one.

The network is one of Keras' own, with weights that are on this machine already: a file that the user names, or Keras'
cache. Nothing is fetched, and without weights training doesn't start.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import ops

from ..contract.errors import EngineError, ErrorCode
from ..contract.settings import TrainSettings

Tensor = keras.KerasTensor

WITHOUT = "none"


@dataclass(frozen=True)
class PictureNetwork:
    """A network whose features are compared.

    Attributes:
        build: Builds it without weights, from pictures (n, S, S, 3).
        size: Side of its pictures in pixels.
        layers: Name of a layer, side of its features there, and its share in the loss.
        cached: What Keras calls its weights in its cache.
        mean: What it expects to be taken from blue, green and red in 0…255, as when it was trained.
    """

    build: Callable[[], keras.Model]
    size: int
    layers: tuple[tuple[str, int, float], ...]
    cached: str
    mean: tuple[float, float, float]


# Size and shares are the ancestor's; its network, trained on faces, is in no library that is kept. That one has no
# border at its first pooling, hence 55 pixels where this has 56. The mean is ImageNet's.
NETWORKS: dict[str, PictureNetwork] = {
    "resnet50": PictureNetwork(
        build=lambda: keras.applications.ResNet50(include_top=False, weights=None, input_shape=(224, 224, 3)),
        size=224,
        layers=(("conv5_block3_out", 7, 0.02), ("conv3_block4_out", 28, 0.3), ("conv2_block3_out", 56, 0.5)),
        cached="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        mean=(103.939, 116.779, 123.68),
    ),
}


class PerceptualLoss:
    """Compares pictures by the features of a network; its weights stay as they are.

    Args:
        kind: Which network.
        network: Built by `kind`, with weights.
    """

    def __init__(self, kind: PictureNetwork, network: keras.Model) -> None:
        self._kind = kind
        self._features = keras.Model(network.input, [network.get_layer(name).output for name, _side, _ in kind.layers])
        self._features.trainable = False

    def __call__(self, made: Tensor, real: Tensor) -> Tensor:
        """Return the weighted sum of the features' mean absolute differences, a scalar.

        Args:
            made: float32 (n, S, S, 3) RGB in 0…1.
            real: The same shape.
        """
        found = self._features(self._prepared(made), training=False)
        wanted = self._features(self._prepared(real), training=False)
        total = 0.0
        for one, other, (_name, _side, share) in zip(found, wanted, self._kind.layers, strict=True):
            total += share * ops.mean(ops.abs(one - ops.stop_gradient(other)))
        return total

    def _prepared(self, pictures: Tensor) -> Tensor:
        size = (self._kind.size, self._kind.size)
        larger = ops.image.resize(pictures, size, interpolation="bilinear", data_format="channels_last")
        return ops.flip(larger, axis=-1) * 255.0 - ops.convert_to_tensor(self._kind.mean, dtype="float32")


def open_perceptual(settings: TrainSettings) -> PerceptualLoss | None:
    """Open the perceptual loss that the settings ask for.

    Args:
        settings: `perceptual` and `perceptual_weights` are used.

    Returns:
        The loss, or None when none is asked for.

    Raises:
        EngineError: `perceptual_unavailable`, naming the weights that are missing or don't fit, and what to do.
    """
    if settings.perceptual == WITHOUT:
        return None
    kind = NETWORKS[settings.perceptual]
    path = _weights_file(settings, kind)
    network = kind.build()
    try:
        # Keras only warns of layers that a file lacks, and leaves them as they are: at random.
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            network.load_weights(str(path))
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise EngineError(
            ErrorCode.PERCEPTUAL_UNAVAILABLE,
            f"The weights {path} are not those of the network {settings.perceptual}: {error}",
            f"Name another file with perceptual_weights, such as Keras' {kind.cached}, or train with perceptual "
            f"{WITHOUT}.",
        ) from error
    return PerceptualLoss(kind, network)


def _cache() -> Path:
    """Return where Keras keeps the weights of its applications."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def _weights_file(settings: TrainSettings, kind: PictureNetwork) -> Path:
    named = settings.perceptual_weights
    path = Path(named).expanduser() if named else _cache() / kind.cached
    if path.is_file() and path.suffix in (".h5", ".hdf5"):
        return path
    what = f"are no file {path} ending in .h5" if named else f"are not in Keras' cache at {path}"
    raise EngineError(
        ErrorCode.PERCEPTUAL_UNAVAILABLE,
        f"The perceptual loss asks for the weights of the network {settings.perceptual}, and they {what}.",
        f"Put {kind.cached} from Keras' own applications there, name a file of them with perceptual_weights, "
        f"or train with perceptual {WITHOUT}.",
    )
