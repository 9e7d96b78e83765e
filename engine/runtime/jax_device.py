# SPDX-License-Identifier: GPL-3.0-or-later
"""How JAX is set up: threads, memory, repeatable arithmetic; its device (NVIDIA, AMD by ROCm, TPU or CPU)."""

from __future__ import annotations

import os
import sys

from .device import has_bfloat16_instructions


def prepare_jax(threads: int = 0, deterministic: bool = False, memory_growth: bool = True) -> None:
    """Set JAX up for this process; variables that the user has set are kept. Devices are chosen by JAX_PLATFORMS.

    Args:
        threads: 1 computes with one CPU thread, else JAX takes one for each core; it has no choice between.
        deterministic: Same result on every run: one CPU thread, no operation with a varying order of sums.
        memory_growth: Take GPU memory as needed instead of three quarters of it at once.
    """
    if memory_growth:
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    flags = []
    if deterministic or threads == 1:
        flags.append("--xla_cpu_multi_thread_eigen=false")
    if deterministic:
        flags.append("--xla_gpu_deterministic_ops=true")
    # XLA reads its flags once, when JAX looks for devices; a second job in one process keeps them.
    if flags and "jax" not in sys.modules:
        os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags]).strip()


def has_fast_bfloat16() -> bool:
    """Whether the device computes fast in bfloat16: TPUs, Ampere GPUs and later, CPUs with its instructions."""
    import jax

    first = jax.devices()[0]
    if first.platform != "gpu":
        return first.platform == "tpu" or has_bfloat16_instructions()
    # AMD's answer isn't a number; its cards that JAX supports have bfloat16.
    major = str(getattr(first, "compute_capability", "")).partition(".")[0]
    return int(major) >= 8 if major.isdecimal() else True


def computes_on_card() -> bool:
    """Whether anything but the processor computes."""
    import jax

    return jax.devices()[0].platform != "cpu"


def describe_device() -> str:
    """Return the name of what computes, for people."""
    import jax

    devices = jax.devices()
    if devices[0].platform == "cpu":
        return "CPU (JAX)"
    several = f"{len(devices)} × " if len(devices) > 1 else ""
    return f"{several}{devices[0].platform.upper()} {devices[0].device_kind} (JAX)"
