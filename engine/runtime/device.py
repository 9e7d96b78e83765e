# SPDX-License-Identifier: GPL-3.0-or-later
"""What computes: TensorFlow's set-up, the device's name and the number format that suits it, on each Keras backend."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
from pathlib import Path
from typing import Any

from .start_notes import without_start_notes

_LOG_LEVEL, _FATAL_ONLY = "TF_CPP_MIN_LOG_LEVEL", "3"


def prepare_tensorflow(threads: int = 0, deterministic: bool = False, memory_growth: bool = True) -> None:
    """Set TensorFlow up for this process; call it before anything imports Keras.

    Args:
        threads: CPU threads of one operation; 0 takes one for each core. Ignored once TensorFlow has computed.
        deterministic: Same result on every run: one CPU thread, no operation with a varying order of sums.
        memory_growth: Take GPU memory as needed instead of all of it at once.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    tf = import_tensorflow()

    tf.get_logger().setLevel(logging.ERROR)
    # TensorFlow 2.21 joins neighboring operations of a function ("remapping"), and what comes out of our networks is
    # another picture: off by up to half of the range, by 0.05 on average. Training, which needs the steps between for
    # its gradients, was right; swaps and previews were not.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    # Cards would round the factors of float32 products to eleven bits; see `training.exact_products`.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    count = 1 if deterministic else threads or available_cores()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, memory_growth)
    except RuntimeError:
        # TensorFlow fixes its threads and memory at its first computation; a second job in one process keeps them.
        logging.getLogger(__name__).info("TensorFlow is running already; it keeps its threads and memory settings.")
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def import_tensorflow() -> Any:
    """Import TensorFlow without the notes of its start, and return the module.

    They stay where the user asks for them by TF_CPP_MIN_LOG_LEVEL.
    """
    # 3 = fatal only: start-up notes and failed graph optimizations help nobody; real errors arrive as exceptions.
    is_quiet = os.environ.setdefault(_LOG_LEVEL, _FATAL_ONLY) == _FATAL_ONLY
    with without_start_notes() if is_quiet and "tensorflow" not in sys.modules else contextlib.nullcontext():
        import tensorflow as tf
    return tf


def available_cores() -> int:
    """Return the number of CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def computes_on_card() -> bool:
    """Whether a graphics card computes, or another chip beside the processor."""
    other = _other_backend()
    if other is not None:
        return other.computes_on_card()
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    for line in lines:
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()


def has_bfloat16_instructions() -> bool:
    """Whether the CPU has instructions for bfloat16: AVX512-BF16 or AMX."""
    return bool(_cpu_flags() & {"avx512_bf16", "amx_bf16"})


def has_fast_bfloat16() -> bool:
    """Whether the device that computes has bfloat16 instructions: an Ampere GPU or later, AVX512-BF16 or AMX."""
    other = _other_backend()
    if other is not None:
        return other.has_fast_bfloat16()
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        major, _minor = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return major >= 8
    return has_bfloat16_instructions()


def _other_backend() -> Any:
    """Return the module of the backend that computes, or None for TensorFlow."""
    name = os.environ.get("KERAS_BACKEND", "tensorflow")
    return None if name == "tensorflow" else importlib.import_module(f".{name}_device", __package__)


def choose_policy(precision: str, allows_bfloat16: bool) -> str:
    """Return the Keras dtype policy for the setting `precision` ("auto", "float32" or "mixed_bfloat16")."""
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if allows_bfloat16 and has_fast_bfloat16() else "float32"


def describe_device() -> str:
    """Return the name of what computes, for people: "GPU NVIDIA …" or "CPU, 2 threads"."""
    other = _other_backend()
    if other is not None:
        return other.describe_device()
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return "GPU " + str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name))
    threads = tf.config.threading.get_intra_op_parallelism_threads() or available_cores()
    return f"CPU, {threads} thread{'' if threads == 1 else 's'}"
