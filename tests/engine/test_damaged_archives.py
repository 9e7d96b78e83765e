# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is wrong with an archive of arrays, reading it raises what is listed; nobody is told to load it unsafely."""

import contextlib

import numpy as np
import pytest
from understudy.engine.contract.files import WRONG_ARRAYS, damage


def test_what_numpy_takes_for_a_pickle_is_damage(tmp_path):
    path = tmp_path / "arrays.npz"
    path.write_bytes(b"no zip")
    with pytest.raises(WRONG_ARRAYS) as caught:
        np.load(path)
    assert "allow_pickle" in str(caught.value)
    assert damage(caught.value) == "it holds no arrays"


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_damaged_archive_raises_what_is_listed(is_compressed, tmp_path):
    path = tmp_path / "arrays.npz"
    save = np.savez_compressed if is_compressed else np.savez
    save(path, first=np.arange(15.0).reshape(5, 3), second=np.arange(7))
    whole = path.read_bytes()
    failures = 0
    for seed in range(150):
        random = np.random.default_rng(seed)
        content = bytearray(whole)
        for place in random.integers(0, len(content), 4):
            content[place] ^= 1 << random.integers(8)
        path.write_bytes(content[: random.integers(1, len(content))] if seed % 4 == 0 else content)
        failures += 1
        with contextlib.suppress(*WRONG_ARRAYS), path.open("rb") as file, np.load(file) as arrays:
            assert all(arrays[name] is not None for name in arrays.files)
            failures -= 1
    assert failures > 75
