# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of Keras' backends computes in this process, and its set-up: TensorFlow, PyTorch or JAX.

TensorFlow is what the engine is installed with. Another one is chosen as Keras' users do it, by the variable
KERAS_BACKEND of the environment, or by the setting `backend`. Only the chosen one is imported.
"""

from __future__ import annotations

import importlib.util
import os
import sys

from ..contract.errors import EngineError, ErrorCode
from ..contract.training_settings import BACKENDS, FROM_ENVIRONMENT
from .device import prepare_tensorflow

VARIABLE = "KERAS_BACKEND"
TITLES = {"tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX"}


def chosen_backend(setting: str = FROM_ENVIRONMENT) -> str:
    """Return the backend to use: the setting's, else the environment's, else TensorFlow.

    Raises:
        EngineError: `settings_invalid`, when the environment names one that can't train; `library_missing`, when it
            isn't installed.
    """
    name = os.environ.get(VARIABLE) or BACKENDS[0] if setting == FROM_ENVIRONMENT else setting
    if name not in BACKENDS:
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"The environment variable {VARIABLE} is {name}; networks are trained with {', '.join(BACKENDS)}.",
            "Set it to one of them, or clear it.",
        )
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        raise EngineError(
            ErrorCode.LIBRARY_MISSING,
            f"{TITLES[name]} is to compute, but it is not installed in the engine's environment ({sys.prefix}).",
            f"Install requirements/engine-{name}.txt there, or choose another backend.",
        )
    return name


def prepare_backend(
    threads: int = 0, deterministic: bool = False, memory_growth: bool = True, setting: str = FROM_ENVIRONMENT
) -> str:
    """Choose the backend, set it up for this process and return its name; call it before anything imports Keras.

    Args:
        threads: CPU threads of one operation; 0 takes one for each core.
        deterministic: Same result on every run, at the price of speed.
        memory_growth: Take GPU memory as needed instead of all of it at once.
        setting: The setting `backend`.

    Raises:
        EngineError: What `chosen_backend` raises; `settings_invalid`, when this process computes with another already.
    """
    name = chosen_backend(setting)
    keras = sys.modules.get("keras")
    if keras is not None and keras.backend.backend() != name:
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"{TITLES[name]} is to compute, but this process has Keras on {keras.backend.backend()} already.",
            "Start a new process for it.",
        )
    os.environ[VARIABLE] = name
    if name != "tensorflow" and "tensorflow" not in sys.modules:
        # Keras sets TensorFlow's random seed too wherever it finds TensorFlow, which then takes seconds and the memory
        # of the card. None is how Python notes that a module can't be imported.
        sys.modules["tensorflow"] = None  # pyright: ignore[reportArgumentType]
    if name == "tensorflow":
        prepare_tensorflow(threads, deterministic, memory_growth)
    elif name == "torch":
        from .torch_device import prepare_torch

        prepare_torch(threads, deterministic)
    else:
        from .jax_device import prepare_jax

        prepare_jax(threads, deterministic, memory_growth)
    return name
