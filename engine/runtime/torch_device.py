# SPDX-License-Identifier: GPL-3.0-or-later
"""How PyTorch is set up: threads, repeatable arithmetic; its device (CUDA, ROCm, Apple's MPS, Intel's XPU, CPU)."""

from __future__ import annotations

import os

import torch

from .device import available_cores, has_bfloat16_instructions

# Keras looks at the first variable; the second lets an operation that MPS lacks run on the CPU instead of failing.
DEVICE_VARIABLE = "KERAS_TORCH_DEVICE"
_FALLBACK_VARIABLE = "PYTORCH_ENABLE_MPS_FALLBACK"


def prepare_torch(threads: int = 0, deterministic: bool = False) -> None:
    """Set PyTorch up for this process; it takes GPU memory as needed by itself.

    Args:
        threads: CPU threads of one operation; 0 takes one for each core.
        deterministic: Same result on every run: one CPU thread, no operation with a varying order of sums.
    """
    os.environ.setdefault(_FALLBACK_VARIABLE, "1")
    # PyTorch's own default, which the environment can change; see `training.exact_products`. Convolutions aren't meant.
    torch.set_float32_matmul_precision("highest")
    torch.set_num_threads(1 if deterministic else threads or available_cores())
    if deterministic:
        # cuBLAS is repeatable with a work space of its own only.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)


def device() -> str:
    """Return the device that Keras computes on: "cuda" (NVIDIA, and AMD by ROCm), "mps", "xpu" or "cpu"."""
    chosen = os.environ.get(DEVICE_VARIABLE)
    if chosen:
        return chosen.partition(":")[0]
    if torch.backends.mps.is_available():
        return "mps"
    if torch.cuda.is_available():
        return "cuda"
    return "xpu" if hasattr(torch, "xpu") and torch.xpu.is_available() else "cpu"


def has_fast_bfloat16() -> bool:
    """Whether the device computes fast in bfloat16; Apple's doesn't on every generation, so it counts as slow."""
    found = device()
    return has_bfloat16_instructions() if found == "cpu" else found == "cuda" and torch.cuda.is_bf16_supported(False)


def computes_on_card() -> bool:
    """Whether anything but the processor computes."""
    return device() != "cpu"


def describe_device() -> str:
    """Return the name of what computes, for people."""
    found = device()
    if found == "cuda":
        return f"GPU {torch.cuda.get_device_name()} (PyTorch)"
    if found == "cpu":
        return f"CPU, {torch.get_num_threads()} threads (PyTorch)"
    return f"{'Apple GPU' if found == 'mps' else 'GPU ' + found} (PyTorch)"
