# SPDX-License-Identifier: GPL-3.0-or-later
"""What every file of the repository keeps to: no traces of a machine, a licence line, a readable size."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("__init__.py", "blender_addon", "engine", "operators", "panels", "training_cli")

# Put together here, so that this file doesn't find itself.
MACHINE = re.compile(
    r"(?<![\w.:/])/(?:" + "|".join(("work", "root", "home", "tmp", "Users")) + r")/\w|[A-Z]:\\" + "Users"
)
INDEX_HOSTS = re.compile("py" + r"pi\.org|python" + "hosted")
TEXT = {".py", ".pyi", ".md", ".toml", ".txt", ".in", ".json", ".yaml", ".yml", ".cfg", ""}


def tracked():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    names = [Path(name) for name in done.stdout.decode("utf-8").split("\0") if name]
    return [name for name in names if (ROOT / name).is_file()]


FILES = tracked()
PYTHON = [name for name in FILES if name.suffix in (".py", ".pyi")]
PRODUCT = [name for name in PYTHON if name.parts[0] in CODE]
by_name = {"ids": [str(name) for name in FILES if name.suffix in TEXT]}


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in FILES if name.suffix in TEXT], **by_name)
def test_no_traces_of_a_machine_or_an_index(name):
    found = [line for line in text_of(name).splitlines() if MACHINE.search(line) or INDEX_HOSTS.search(line)]
    assert not found


def test_every_python_file_names_its_licence_and_its_one_concept():
    for name in PYTHON:
        lines = text_of(name).splitlines()
        lines = lines[1:] if lines[:1] and lines[0].startswith("#!") else lines
        assert lines[0] == "# SPDX-License-Identifier: GPL-3.0-or-later", name
        assert ast.get_docstring(ast.parse(text_of(name))), name


def test_no_module_is_longer_than_four_hundred_lines():
    assert not [str(name) for name in PRODUCT if len(text_of(name).splitlines()) > 400]


def test_functions_stay_short():
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for name in PRODUCT
        for node in ast.walk(ast.parse(text_of(name)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[len(lengths) // 2] <= 10
    assert lengths[len(lengths) * 9 // 10] <= 40


def test_no_file_is_named_after_nothing():
    assert not [str(name) for name in PYTHON if name.stem in {"utils", "util", "helpers", "helper", "common", "misc"}]


def test_nothing_is_left_to_do_in_comments():
    pattern = re.compile(r"#.*\b(?:TO" + "DO|FIX" + r"ME|X" + r"XX)\b")
    assert not [str(name) for name in PYTHON if pattern.search(text_of(name))]


def test_the_demo_stays_small_and_names_its_licence():
    demo = [ROOT / name for name in FILES if name.parts[0] == "demo"]
    assert sum(path.stat().st_size for path in demo) < 6_000_000
    assert "USC Institute for Creative Technologies" in text_of(Path("demo/ICT-FaceKit-LICENSE.txt"))
    assert "ICT-FaceKit" in text_of(Path("demo/README.md"))


def imported_by(name):
    """Yield the first parts of the modules that a file imports from outside of the repository."""
    for node in ast.walk(ast.parse(text_of(name))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


def test_nothing_that_ships_can_load_a_pickle():
    loaders = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "shelve"}
    assert not [str(name) for name in PRODUCT if loaders & set(imported_by(name))]
    # `pickletools` parses opcodes and runs none of them; one file may use it.
    parsers = [str(name) for name in PRODUCT if "pickletools" in set(imported_by(name))]
    assert parsers == [str(Path("engine/faceset/pickle_machine.py"))]


def test_nothing_that_ships_runs_text_or_loads_arrays_of_objects():
    for name in PRODUCT:
        for node in ast.walk(ast.parse(text_of(name))):
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else ""
                assert called not in {"eval", "exec", "compile", "__import__"}, name
                allowed = [k.value for k in node.keywords if k.arg == "allow_pickle"]
                assert all(isinstance(value, ast.Constant) and value.value is False for value in allowed), name
