# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of which everything is known at once but whose network is loaded when the first face asks for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..comp.crop import NoNetworkError, Swapper
from ..comp.swapper_before import SwapperBefore
from ..contract.errors import EngineError, ErrorCode


class LateModel(SwapperBefore):
    """Stands before a network that isn't loaded yet.

    Args:
        known: What is known without the network; its `swap` is never called, and its `precision_of` says what the
            network will say.
        load: Loads the network.
    """

    def __init__(self, known: Swapper, load: Callable[[], Swapper]) -> None:
        super().__init__(known)
        self._load = load
        self._network: Swapper | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether the network is there."""
        return self._network is not None

    def load(self) -> Swapper:
        """Load the network unless it is there.

        Raises:
            EngineError: What loading raises; `model_mismatch`, when the weights aren't those that were known.
        """
        if self._network is None:
            network = self._load()
            if network.fingerprint != self.fingerprint:
                raise EngineError(
                    ErrorCode.MODEL_MISMATCH,
                    "The model was trained on while the swap began, so other weights than those that were checked are "
                    "there now.",
                    "Swap again once the training has ended.",
                )
            self._network = network
        return self._network

    def swap(self, faces: np.ndarray, source: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what the network makes.

        Raises:
            NoNetworkError: When it can't be loaded; the reason is its cause.
        """
        try:
            network = self.load()
        except Exception as error:
            raise NoNetworkError from error
        return network.swap(faces, source)

    def precision_of(self, source: str) -> str:
        """Return how exactly the network computes, or will compute, as far as that is known."""
        return (self._network or self._asked).precision_of(source)
