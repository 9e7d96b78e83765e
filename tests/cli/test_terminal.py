# SPDX-License-Identifier: GPL-3.0-or-later
"""The program in a terminal: help, usage errors, results on stdout, everything else on stderr."""

import argparse
import ast
import io
import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from launching import LAUNCH, messages, run, start
from understudy.engine.contract.errors import EngineError, ErrorCode
from understudy.engine.contract.messages import Hello, Progress
from understudy.engine.contract.performers import load_performers
from understudy.engine.contract.project import Project
from understudy.engine.contract.settings import ExtractSettings, PeopleSettings, SwapSettings, TrainSettings
from understudy.engine.contract.timing import FrameRange
from understudy.training_cli import commands, main
from understudy.training_cli.arguments import OPEN_END, add_settings, clip_ranges, frame_range, settings_from
from understudy.training_cli.reporters import JsonLinesReporter, TerminalReporter, duration_text, progress_text


def test_without_a_command_help_is_shown():
    ended = run()
    assert ended.returncode == 2
    for name in commands.COMMANDS:
        assert name in ended.stderr


def test_version_and_help():
    assert run("--version").stdout.startswith("understudy ")
    ended = run("--help")
    assert ended.returncode == 0
    assert "swap faces in footage" in ended.stdout


@pytest.mark.parametrize("arguments", [("fly",), ("dummy", "--seconds", "long"), ("dummy", "--wings"), ("run",)])
def test_wrong_usage_is_short_and_ends_with_2(arguments):
    ended = run(*arguments)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 2
    assert "--help" in ended.stderr


def test_the_result_is_on_stdout_and_the_rest_on_stderr():
    ended = run("dummy", "--seconds", 0.1)
    assert ended.stdout == "The pretended job is finished.\n"
    assert "Pretending to work" in ended.stderr
    failed = run("dummy", "--seconds", 0, "--behavior", "fail")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "error: The pretended job failed.\nIt was asked to." in failed.stderr


@pytest.mark.parametrize("arguments", [("--json", "dummy"), ("dummy", "--json")])
def test_json_may_stand_anywhere(arguments):
    messages(run(*arguments, "--seconds", 0).stdout)


def test_help_of_every_command_names_no_library(tmp_path):
    """Help and errors must answer at once, also in a Python without the engine's libraries."""
    code = (
        f"import runpy, sys; sys.argv = ['launch', *sys.argv[1:]]\n"
        f"try: runpy.run_path({str(LAUNCH)!r}, run_name='__main__')\n"
        f"except SystemExit: pass\n"
        f"heavy = {{'numpy', 'cv2', 'av', 'tensorflow', 'keras', 'dlib'}} & set(sys.modules)\n"
        f"sys.stderr.write(', '.join(heavy))"
    )
    for name in commands.COMMANDS:
        ended = subprocess.run(
            [sys.executable, "-I", "-c", code, name, "--help"], capture_output=True, text=True, check=True
        )
        assert ended.stdout.startswith(f"usage: understudy {name}"), name
        assert ended.stderr == "", name


def test_a_missing_library_ends_with_3_and_names_the_way_out(monkeypatch, capsys):
    def missing(arguments, reporter):
        raise ModuleNotFoundError("No module named 'nowhere_to_be_found'", name="nowhere_to_be_found")

    monkeypatch.setattr(commands.COMMANDS["dummy"].load(), "run", missing)
    assert main.main(["dummy"]) == 3
    shown = capsys.readouterr().err
    assert "The library nowhere_to_be_found is missing" in shown
    assert "environment install" in shown


def test_the_unexpected_is_kept_in_a_file_that_is_named(monkeypatch, capsys, tmp_path):
    def broken(arguments, reporter):
        raise RuntimeError("out of cheese")

    monkeypatch.setattr(commands.COMMANDS["dummy"].load(), "run", broken)
    monkeypatch.setattr(main.tempfile, "gettempdir", lambda: str(tmp_path))
    assert main.main(["dummy"]) == 1
    shown = capsys.readouterr().err
    (log,) = tmp_path.iterdir()
    assert str(log) in shown
    assert "Traceback" not in shown
    assert "RuntimeError: out of cheese" in log.read_text(encoding="utf-8")


def test_a_reader_that_leaves_early_is_no_failure():
    with start("dummy", "--seconds", 1) as process:
        process.stdout.close()
        assert process.wait(30) == 0
        assert "Traceback" not in process.stderr.read()


def test_names_a_terminal_cannot_show_do_not_end_the_run(tmp_path):
    project = tmp_path / "名前.understudy"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    arguments = [sys.executable, LAUNCH, "performer", "add", "名前", "--project", project]
    ended = subprocess.run(arguments, capture_output=True, env=environment, check=False)
    assert (ended.returncode, ended.stdout) == (0, b"Performer ??: consent missing." + os.linesep.encode())


def test_in_json_mode_the_trace_goes_to_the_log_and_the_sentence_to_the_listener(monkeypatch, capsys):
    def broken(arguments, reporter):
        raise RuntimeError("out of cheese")

    monkeypatch.setattr(commands.COMMANDS["dummy"].load(), "run", broken)
    output = io.StringIO()
    arguments = argparse.Namespace(command="dummy")
    assert main._run(arguments, JsonLinesReporter(output), is_terminal=False) == 1
    last = messages(output.getvalue())[-1]
    assert (last.code, "out of cheese" in last.message) == ("internal", True)
    assert "RuntimeError: out of cheese" in capsys.readouterr().err


def test_nothing_follows_the_last_message():
    output = io.StringIO()
    reporter = JsonLinesReporter(output)
    reporter.send(Hello("x", "1", "3", 1))
    reporter.done("Finished.", {})
    reporter.info("too late")
    reporter.done("Finished again.", {})
    assert len(messages(output.getvalue())) == 2


def test_known_failures_map_to_their_exit_codes(monkeypatch):
    for code, expected in (
        (ErrorCode.NO_FACES, 1),
        (ErrorCode.LIBRARY_MISSING, 3),
        (ErrorCode.ENVIRONMENT_BROKEN, 3),
    ):

        def fail(arguments, reporter, code=code):
            raise EngineError(code, "It failed.")

        monkeypatch.setattr(commands.COMMANDS["dummy"].load(), "run", fail)
        assert main.main(["dummy"]) == expected


def parsed(cls, *arguments: str):
    parser = argparse.ArgumentParser()
    add_settings(parser, cls)
    return settings_from(parser.parse_args(arguments), cls)


@pytest.mark.parametrize("cls", [ExtractSettings, PeopleSettings, TrainSettings, SwapSettings])
def test_settings_become_options_and_come_back(cls):
    assert parsed(cls) == cls()
    parser = argparse.ArgumentParser(prog="x")
    add_settings(parser, cls)
    text = " ".join(parser.format_help().split())
    for item in fields(cls):
        assert "--" + item.name.replace("_", "-") in text
        assert " ".join(item.metadata["help"].split()[:4]) in text


def test_options_are_typed_and_checked(capsys):
    settings = parsed(
        ExtractSettings, "--rotations", "--minimum-size", "40", "--detector", "dlib-hog", "--face-size", "512"
    )
    assert settings == ExtractSettings(rotations=True, minimum_size=40, detector="dlib-hog", face_size=512)
    assert not parsed(ExtractSettings, "--rotations", "--no-rotations").rotations
    for wrong in (["--minimum-size", "2"], ["--minimum-size", "4.5"], ["--detector", "eyes"], ["--confidence", "nan"]):
        with pytest.raises(SystemExit):
            parsed(ExtractSettings, *wrong)
    assert "out of range (8 to 4096)" in capsys.readouterr().err


def test_two_kinds_of_settings_share_a_command():
    parser = argparse.ArgumentParser()
    add_settings(parser, SwapSettings)
    add_settings(parser, ExtractSettings)
    arguments = parser.parse_args(["--mask", "hull", "--coverage", "1.5"])
    assert settings_from(arguments, SwapSettings) == SwapSettings(mask="hull")
    assert settings_from(arguments, ExtractSettings) == ExtractSettings(coverage=1.5)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("10-50", 10, 51), ("7", 7, 8), ("min-3", 0, 4), ("-3", 0, 4), ("5-max", 5, OPEN_END), ("5-", 5, OPEN_END)],
)
def test_frame_ranges_as_people_write_them(text, start, end):
    assert frame_range(text) == FrameRange(start, end)


@pytest.mark.parametrize("text", ["", "x", "5-2", "1-2-3", "-"])
def test_wrong_frame_ranges(text):
    with pytest.raises(argparse.ArgumentTypeError):
        frame_range(text)


def test_open_ends_are_cut_to_the_footage():
    assert clip_ranges((FrameRange(0, 5), FrameRange(7, OPEN_END)), 20) == (FrameRange(0, 5), FrameRange(7, 20))
    assert clip_ranges((FrameRange(30, OPEN_END),), 20) == (FrameRange(30, 30),)


def test_progress_in_words():
    assert progress_text(Progress("x", 63, 150, "frames", 65)) == " 42 % (63 of 150 frames), 1:05 left"
    assert progress_text(Progress("x", 5, None, "steps")) == " 5 steps"
    assert duration_text(11045) == "3:04:05"


def test_performers_and_their_consent(tmp_path):
    project = tmp_path / "Schnitt ä.understudy"
    added = run(
        "performer",
        "add",
        "Ada Løvelace",
        "--project",
        project,
        "--consent",
        "All of film 7",
        "--valid-until",
        "2099-01-01",
    )
    assert (added.returncode, added.stdout) == (0, "Performer ada-løvelace: consent given.\n")
    run("performer", "add", "Ben", "--project", project)
    again = run("performer", "add", "Ben", "--project", project)
    assert again.returncode == 1
    assert "already" in again.stderr
    listed = messages(run("performer", "list", "--project", project, "--json").stdout)[-1]
    states = {item["id"]: item["consent_state"] for item in listed.result["performers"]}
    assert states == {"ada-løvelace": "given", "ben": "missing"}
    assert load_performers(Project(project).performers)["ada-løvelace"].consent.note == "All of film 7"
    wrong = run("performer", "add", "Cy", "--project", project, "--valid-until", "soon")
    assert "is not a date" in wrong.stderr


@pytest.mark.engine
def test_faceset_commands(tmp_path):
    from understudy.engine.faces.geometry import CANONICAL_INNER
    from understudy.engine.media.images import write_png

    pictures = tmp_path / "Bilder ä 名"
    points = np.concatenate([np.linspace((-1, 0), (1, 0), 17), CANONICAL_INNER]) * 30 + (60, 50)
    names = ["1.png", "2.png", "10.png"]
    for number, name in enumerate(names):
        write_png(pictures / name, np.full((100, 120, 3), 60 * number, np.uint8))
    entry = {"r": 0, "x": 40, "y": 30, "w": 40, "h": 44, "landmarksXY": points.tolist()}
    (pictures / "alignments.json").write_text(json.dumps({name: [entry] for name in names}), encoding="utf-8")
    faceset = tmp_path / "set"
    imported = run("faceset", "import", pictures / "alignments.json", "--output", faceset, "--face-size", 64)
    assert imported.returncode == 0, imported.stderr
    assert "3 faces of 3 pictures" in imported.stdout
    assert run("faceset", "list", faceset).stdout.splitlines()[0].startswith("3 faces in ")
    ordered = run("faceset", "sort", faceset, "--by", "frame", "--view", tmp_path / "view")
    assert [line.split()[0] for line in ordered.stdout.splitlines()] == ["1_0.png", "2_0.png", "10_0.png"]
    assert len(list((tmp_path / "view").iterdir())) == 3
    shown = messages(run("faceset", "show", faceset, "2_0.png", "--json").stdout)[-1].result["face"]
    assert (shown["picture"], len(shown["landmarks"])) == ("2.png", 68)
    exported = run("faceset", "export", faceset, tmp_path / "out.yml")
    assert exported.returncode == 0
    assert "landmarksXY" in (tmp_path / "out.yml").read_text(encoding="utf-8")
    unsafe = run("faceset", "import", tmp_path / "alignments.p", "--output", tmp_path / "x")
    assert unsafe.returncode == 1
    assert "alignments.p is refused" in unsafe.stderr


@pytest.mark.engine
def test_fitness_of_an_extracted_footage_is_said_again(tmp_path, clips):
    project = tmp_path / "Prüfung 名前.understudy"
    footage = clips / "target_A.mp4"
    missing = run("fitness", project, footage)
    assert missing.returncode == 1
    assert "target_A.mp4 were not extracted into" in missing.stderr
    extracted = run("extract", footage, "--project", project, "--ranges", "10-15", "--json")
    done = messages(extracted.stdout)[-1]
    assert done.result["fitness"][0]["frames"] == 6
    for name in (footage, done.result["key"]):
        shown = run("fitness", project, name, "--track", 1, "--strips", tmp_path / "strips")
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.startswith("Face 1: Fit for a swap in 6 of 6 frames.\nSteadiness: ")
    assert [path.name for path in (tmp_path / "strips").iterdir()] == ["fitness_t01.png"]
    few = messages(run("fitness", project, footage, "--ranges", "11-12", "--json").stdout)[-1]
    assert few.result["fitness"] == [
        {"track": 1, "frames": 2, "mean": pytest.approx(1, abs=0.2), "weak": 0, "worst": pytest.approx(11.5, abs=0.6),
         "ranges": []}
    ]  # fmt: skip
    assert "no face track 9" in run("fitness", project, footage, "--track", 9).stderr


@pytest.mark.engine
def test_check_runs_every_model():
    ended = run("check", "--json", env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    done = messages(ended.stdout)[-1]
    assert ended.returncode == 0, ended.stderr
    models = {model["name"]: model for model in done.result["models"]}
    assert {"blazeface", "mesh", "dlib-hog", "dlib-cnn", "dlib-68", "dlib-identity"} <= set(models)
    assert all(model["present"] and model["works"] and model["licence"] for model in models.values())
    assert not models["dlib-68"]["paid_work"]
    assert "iBUG 300-W" in models["dlib-68"]["meaning"]
    said = [item.text for item in messages(ended.stdout) if getattr(item, "level", "") == "info"]
    assert any(text.startswith("Not for paid work: dlib 68 points") for text in said)
    assert done.result["libraries"]["tensorflow"]
    assert done.result["cores"] >= 1
    assert done.result["free_disk"] > 0


@pytest.mark.engine
def test_check_names_a_model_that_is_gone(monkeypatch):
    from understudy.engine.contract.jobs import CheckJob
    from understudy.engine.faces import models
    from understudy.engine.pipelines import check
    from understudy.engine.runtime.reporter import Reporter

    models.load_network.cache_clear()
    monkeypatch.setattr(models, "MODELS_FOLDER", Path("share") / "nowhere")
    monkeypatch.setattr(check, "_check_libraries", lambda reporter: ({"numpy": "1"}, []))
    monkeypatch.setattr(check, "_device", lambda: ("CPU", False))
    with pytest.raises(EngineError, match="blazeface") as caught:
        check.check(CheckJob(), Reporter())
    assert caught.value.code == ErrorCode.DETECTOR_UNAVAILABLE
    assert "mesh" in caught.value.message
    assert "dlib-68" not in caught.value.message


def test_an_interrupt_before_the_program_listens_is_no_traceback():
    code = (
        "import runpy, sys, types\n"
        "def main(argv): raise KeyboardInterrupt\n"
        "stand_in = types.ModuleType('understudy.training_cli.main')\n"
        "stand_in.main = main\n"
        "sys.modules[stand_in.__name__] = stand_in\n"
        f"runpy.run_path({str(LAUNCH)!r}, run_name='__main__')\n"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.parametrize("version", [(3, 2, 6), (3, 10, 14)])
def test_s01_an_old_python_is_refused_in_plain_words(version):
    code = (
        "import runpy, sys\n"
        f"sys.version_info, sys.version = {(*version, 'final', 0)!r}, '{'.'.join(map(str, version))} (main)'\n"
        f"runpy.run_path({str(LAUNCH)!r}, run_name='__main__')\n"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    words = f"Understudy's engine needs Python 3.11 or newer, this is {'.'.join(map(str, version))}.\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "", words)


def test_s01_an_old_python_can_read_what_comes_before_the_refusal():
    # What is newer would be a traceback instead of the sentence.
    tree = ast.parse(LAUNCH.read_text(encoding="utf-8"), feature_version=(3, 4))
    assert not [item for item in ast.walk(tree) if isinstance(item, ast.JoinedStr)]


def test_a_terminal_hears_once_of_a_result_and_of_a_stop(capsys):
    reporter = TerminalReporter()
    for _save in range(3):
        reporter.artifact("model", Path("models/anna"))
    reporter.stop.set()
    reporter.done("The model anna has 3 steps.", {})
    told = capsys.readouterr()
    assert told.out == "The model anna has 3 steps.\n"
    assert told.err.splitlines() == [f"model: {Path('models/anna')}", "Stopped as asked; what is finished is kept."]


def test_a_preview_says_who_appears_and_in_place_of_whom(tmp_path):
    from understudy.training_cli.commands.train import job_from

    clip = tmp_path / "a=b é:1.mp4"
    clip.touch()
    line = ["train", str(tmp_path / "m"), "--project", str(tmp_path)]
    line += [text for name in ("anna", "ben") for text in ("--performer", f"{name}={tmp_path}")]
    line += ["--preview", f"{clip}:0,40=Anna", "--preview", f"{clip}:3=anna/Ben"]
    plain, said = job_from(main.build_parser("train").parse_args(line)).shots
    assert plain.footage.path == clip and plain.frames == (0, 40)
    assert (plain.sources, plain.targets) == (((-1, "anna"),), ())
    assert (said.frames, said.sources, said.targets) == ((3,), ((-1, "anna"),), ((-1, "ben"),))
    for wrong in ("x.mp4:1=", "x.mp4:1=anna/", "x.mp4:1=/ben", "x.mp4:1=a/b/c", "x.mp4=anna"):
        assert run(*line, "--preview", wrong).returncode == 2
