# SPDX-License-Identifier: GPL-3.0-or-later
"""The least that can be trained: a narrow `quick`, and two performers of eight plain pictures each."""

import cv2
import numpy as np
import pytest
from training_victim import tiny_families
from understudy.engine.contract.files import write_bytes
from understudy.engine.contract.jobs import FacesetPart, TrainingPerformer
from understudy.engine.networks.registry import FAMILIES
from understudy.engine.training.recipes import RECIPES


@pytest.fixture(autouse=True)
def tiny_quick(monkeypatch):
    families, recipes = tiny_families()
    monkeypatch.setitem(FAMILIES, "quick", families["quick"])
    monkeypatch.setitem(RECIPES, "quick", recipes["quick"])


@pytest.fixture
def performers(tmp_path):
    for name, shade in (("anna", 200), ("bert", 90)):
        for i in range(8):
            image = np.full((64, 64, 3), shade + i, np.uint8)
            write_bytes(tmp_path / "é ü" / name / f"{i}.png", cv2.imencode(".png", image)[1].tobytes())
    return tuple(TrainingPerformer(name, (FacesetPart(tmp_path / "é ü" / name),)) for name in ("anna", "bert"))
