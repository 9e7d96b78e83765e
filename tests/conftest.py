# SPDX-License-Identifier: GPL-3.0-or-later
"""Bind the checkout to the name `understudy`, as launch.py does, and fix the seeds."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if "understudy" not in sys.modules:
    spec = importlib.util.spec_from_file_location("understudy_launch", ROOT / "training_cli" / "launch.py")
    launch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(launch)


@pytest.fixture
def clips() -> Path:
    """Folder of the fictional performers' clips: train_A.mp4, train_B.mp4, target_A.mp4."""
    return ROOT / "demo" / "clips"
