# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphics memory is taken as needed, which TensorFlow has to be told before it uses any device (seed row S-35)."""

import json
import subprocess
import sys

import pytest
from understudy.engine.runtime import device

ROOT = str(device.Path(device.__file__).resolve().parents[2])
# The real TensorFlow with two pretended cards. Its context comes into being with the first computation.
SCRIPT = f"""
import importlib.util, json, sys
root = {ROOT!r}
spec = importlib.util.spec_from_file_location("understudy", root + "/__init__.py", submodule_search_locations=[root])
sys.modules["understudy"] = importlib.util.module_from_spec(spec)
from understudy.engine.runtime.device import import_tensorflow, prepare_tensorflow
tf = import_tensorflow()
from tensorflow.python.eager import context
told = []
tf.config.list_physical_devices = lambda kind=None: ["card 0", "card 1"] if kind == "GPU" else []
def set_memory_growth(card, value):
    told.append([card, value, context.context()._initialized])
tf.config.experimental.set_memory_growth = set_memory_growth
for value in (True, False):
    prepare_tensorflow(deterministic=True, memory_growth=value)
threads = tf.config.threading.get_intra_op_parallelism_threads()
tf.config.list_physical_devices = lambda kind=None: []
tf.constant(1.0) + 1.0
print(json.dumps([told, threads, context.context()._initialized]))
"""


def test_memory_growth_is_set_for_every_card_before_any_is_used():
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    told, threads, is_used = json.loads(ended.stdout or pytest.fail(ended.stderr))
    assert told == [[card, value, False] for value in (True, False) for card in ("card 0", "card 1")]
    assert threads == 1 and is_used


def test_tensorflow_that_computes_already_keeps_its_memory_and_the_job_goes_on(monkeypatch):
    import tensorflow as tf

    def refuse(_card, _value):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["card 0"] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", refuse)
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", lambda _count: None)
    monkeypatch.setattr(tf.config.threading, "set_inter_op_parallelism_threads", lambda _count: None)
    device.prepare_tensorflow()
