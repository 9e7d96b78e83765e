# SPDX-License-Identifier: GPL-3.0-or-later
"""Pickles as data: what is plain is read exactly, what asks for code or for the impossible is a sentence."""

import builtins
import collections
import os
import pickle
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.faceset import pickle_machine
from understudy.engine.faceset.pickle_machine import ReadingStopped
from understudy.engine.faceset.pickle_writing import write_plain
from understudy.engine.faceset.plain_pickle import inflate, read_plain
from understudy.engine.runtime.reporter import Reporter

pytestmark = pytest.mark.engine

FILE = Path("a b ä.fsa")
SHARED = [1, 2]
PLAIN = {
    "none": None,
    "numbers": [True, False, 0, -5, 255, 256, 70000, 10**30, -(10**30), 2.5, float("inf")],
    "texts": ["", "ä名", "x" * 300],
    "bytes": [b"", b"\x00\xff" * 200],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "sets": [set(), {1, "a"}],
    "shared": [SHARED, SHARED],
    5: {"nested": {}},
}
ARRAYS = [
    np.arange(12, dtype=np.float32).reshape(3, 4),
    np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    np.arange(4, dtype=">i4"),
    np.zeros(0, np.uint8),
    np.array([True, False]),
]


def asks(*call):
    """Return an object whose pickle asks for a call."""

    class Asking:
        def __reduce__(self):
            return call

    return Asking()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_of_every_protocol_are_read_exactly(protocol):
    assert read_plain(pickle.dumps(PLAIN, protocol), FILE) == PLAIN


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_numeric_arrays_and_numbers_of_numpy_are_read_exactly(protocol):
    found = read_plain(pickle.dumps({"a": ARRAYS, "again": ARRAYS[0], "n": np.float64(2.5)}, protocol), FILE)
    for array, other in zip([*ARRAYS, ARRAYS[0]], [*found["a"], found["again"]], strict=True):
        assert array.shape == other.shape and (array == other).all() and array.dtype.kind == other.dtype.kind
    assert found["n"] == 2.5


def test_names_that_numpy_1_and_2_write_are_both_known():
    data = pickle.dumps(ARRAYS[0], 2)
    for core in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        moved = data.replace(b"numpy._core.multiarray", core).replace(b"numpy.core.multiarray", core)
        assert (read_plain(moved, FILE) == ARRAYS[0]).all()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "trap",
    [
        asks(os.system, ("echo x > sprung",)),
        asks(builtins.eval, ("open('sprung', 'w')",)),
        asks(builtins.exec, ("open('sprung', 'w')",)),
        asks(open, ("sprung", "w")),
        asks(Path.touch, (Path("sprung"),)),
        asks(getattr, (1, "real")),
    ],
)
def test_what_would_run_is_refused_by_name_and_nothing_runs(tmp_path, monkeypatch, trap, protocol):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineError, match="a b ä.fsa is refused: it asks for") as caught:
        read_plain(pickle.dumps({"faces": [trap]}, protocol), FILE)
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNSAFE
    assert not list(tmp_path.iterdir())


def test_the_name_of_what_it_wanted_to_run_is_said():
    with pytest.raises(EngineError, match=r"(posix|nt)\.system"):
        read_plain(pickle.dumps(asks(os.system, ("true",))), FILE)
    with pytest.raises(EngineError, match=r"collections\.OrderedDict"):
        read_plain(pickle.dumps(collections.OrderedDict(a=1)), FILE)


@pytest.mark.parametrize(
    "opcodes",
    [
        b"(ios\nsystem\nS'touch sprung'\n.",  # INST
        b"(cos\nsystem\nS'touch sprung'\no.",  # OBJ
        b"cos\nsystem\n)\x81.",  # NEWOBJ
        b"\x82\x01.",  # EXT1
        b"Pname\n.",  # PERSID
        b"NQ.",  # BINPERSID
        b"\x97.",  # NEXT_BUFFER
        b"]}b.",  # BUILD on a list
        b"NNR.",  # REDUCE of nothing
        b"cnumpy\nndarray\n(K\x01tR.",  # a type that may be mentioned, called
        b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00utf-7tR.",
    ],
)
def test_every_opcode_that_would_make_an_object_is_refused(tmp_path, monkeypatch, opcodes):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineError) as caught:
        read_plain(opcodes, FILE)
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNSAFE
    assert not list(tmp_path.iterdir())


def object_array(kind: str) -> bytes:
    return pickle.dumps(np.array([1, 2], np.int16), 2).replace(b"i2", kind.encode())


@pytest.mark.parametrize(
    "opcodes",
    [
        b"",
        b".",
        b"N",
        b"]K\x01.",  # two values left
        b"0.",  # POP of nothing
        b"(.",  # only a mark
        b"((.",
        b"e.",  # APPENDS without a mark
        b"}(K\x01u.",  # a key without a value
        b"K\x01K\x02a.",  # APPEND to a number
        b"}]K\x01s.",  # a list as key
        b"}K\x01\x85K\x02s.",  # a tuple as key
        b"\x8f(]\x90.",  # a list in a set
        b"h\x05.",  # memo that was never filled
        b"\x8a\xff",  # a number cut off
        b"X\xff\xff\xff\x7fab.",  # a text that claims two gigabytes
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fab.",  # bytes that claim eight exabytes
        b"I" + b"9" * 10000 + b"\n.",
        b"\xff.",  # no opcode
        b"cnumpy\ndtype\n(X\x02\x00\x00\x00O8K\x00K\x01tR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR.",  # an array without content
        object_array("O8"),
        object_array("V2"),
        object_array("f8"),  # four bytes for two doubles
    ],
)
def test_nonsense_is_a_sentence(opcodes):
    with pytest.raises(EngineError, match="a b ä.fsa") as caught:
        read_plain(opcodes, FILE)
    assert caught.value.code == ErrorCode.ALIGNMENTS_UNREADABLE


def test_every_truncation_is_a_sentence():
    data = pickle.dumps({**PLAIN, "arrays": ARRAYS}, 4)
    for end in range(0, len(data), 7):
        with pytest.raises(EngineError) as caught:
            read_plain(data[:end], FILE)
        assert caught.value.code == ErrorCode.ALIGNMENTS_UNREADABLE


def test_random_damage_is_a_sentence_or_plain_data():
    data = bytearray(pickle.dumps({**PLAIN, "arrays": ARRAYS}, 2))
    random = np.random.default_rng(7)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(500):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), 3):
            damaged[place] = random.integers(0, 256)
        try:
            read_plain(bytes(damaged), FILE)
            outcomes["read"] += 1
        except EngineError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 100


@pytest.mark.parametrize(
    "opcodes",
    [
        b"]" * 100_000 + b"a" * 99_999 + b".",
        b")" + b"\x85" * 100_000 + b".",
        b"}" + b"K\x01}" * 100_000 + b"s" * 100_000 + b".",
    ],
)
def test_deep_nesting_is_a_sentence_and_no_crash(opcodes):
    with pytest.raises(EngineError, match="64 deep"):
        read_plain(opcodes, FILE)


def test_what_holds_itself_is_a_sentence():
    inside = []
    inside.append({"me": inside})
    with pytest.raises(EngineError, match="holds itself"):
        read_plain(pickle.dumps(inside), FILE)


def test_a_bomb_of_shared_lists_costs_nothing():
    # 10^40 numbers in 40 lists, were they written out.
    bomb = [0] * 10
    for _ in range(40):
        bomb = [bomb] * 10
    began = time.process_time()
    found = read_plain(pickle.dumps(bomb), FILE)
    assert found[0] is found[9] and time.process_time() - began < 2


@pytest.mark.parametrize("opcode", [b"}", b"]", b"N", b"(", b"G00000000", b"X\x02\x00\x00\x00ab", b")0h\x00"])
def test_more_objects_than_any_faceset_needs_are_a_sentence(monkeypatch, opcode):
    monkeypatch.setattr(pickle_machine, "MOST_OBJECTS", 5000)
    with pytest.raises(EngineError, match="more than 5000 objects"):
        read_plain(b"Nq\x000" + opcode * 6000 + b".", FILE)


@pytest.mark.parametrize(
    "copy",
    [
        b"c_codecs\nencode\nh\x00\x85R",
        b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01M@\x9c\x85cnumpy\ndtype\nX\x02\x00\x00\x00u1\x85RK\x00h\x00tb",
    ],
)
def test_copies_of_a_long_text_count_as_what_they_weigh(monkeypatch, copy):
    monkeypatch.setattr(pickle_machine, "MOST_OBJECTS", 20_000)
    text = b"X\x40\x9c\x00\x00" + b"a" * 40_000 + b"q\x000"
    read_plain(text + copy + b".", FILE)
    with pytest.raises(EngineError, match="more than 20000 objects"):
        read_plain(text + b"](" + copy * 30 + b"e.", FILE)


def test_small_numbers_cost_no_objects_but_have_a_limit_too(monkeypatch):
    monkeypatch.setattr(pickle_machine, "MOST_OBJECTS", 1000)
    assert read_plain(pickle.dumps([7] * 5000), FILE) == [7] * 5000
    monkeypatch.setattr(pickle_machine, "MOST_OPCODES", 50_000)
    with pytest.raises(EngineError, match="more than 50000 opcodes"):
        read_plain(pickle.dumps([7] * 100_000, 2), FILE)


def test_keys_made_to_collide_are_refused():
    modulus = (1 << 61) - 1
    with pytest.raises(EngineError, match="a key is a int"):
        read_plain(pickle.dumps({modulus * n: n for n in range(1, 50)}), FILE)


def test_a_long_reading_can_be_stopped():
    reporter = Reporter()
    reporter.stop.set()
    with pytest.raises(ReadingStopped):
        read_plain(pickle.dumps(PLAIN), FILE, reporter)


def test_a_zip_bomb_is_a_sentence():
    bomb = zlib.compress(bytes(50 << 20), 9)
    assert len(bomb) < 100_000
    with pytest.raises(EngineError, match="more than 1 MiB"):
        inflate(bomb, FILE, 1 << 20)
    assert inflate(zlib.compress(b"abc"), FILE, 1 << 20) == b"abc"
    for damaged in (b"\x78\x9cgarbage", zlib.compress(b"abc" * 100)[:-6]):
        with pytest.raises(EngineError, match="compressed part"):
            inflate(damaged, FILE, 1 << 20)


def test_what_we_write_is_read_by_the_standard_library_and_by_us():
    value = {"a": [1, -2, 2**31, -(2**40), 2.5, None, True, False, "ä名"], "b": {"c": []}, "d": (1, [2.0])}
    expected = {**value, "d": [1, [2.0]]}
    assert pickle.loads(write_plain(value)) == expected
    assert read_plain(write_plain(value), FILE) == expected
    with pytest.raises(TypeError):
        write_plain({"a": b"bytes"})
