# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for launch.py: takes real jobs, writes small results of the real formats, and reports like the engine.

Needs no library but Blender's numpy, so the operators are tested in every Blender without the engine's environment.
"""

import importlib.util
import json
import os
import struct
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("understudy_launch", ROOT / "training_cli" / "launch.py")
spec.loader.exec_module(importlib.util.module_from_spec(spec))

from understudy.engine.contract.correction_list import (  # noqa: E402 - bound by launch.py just above
    load_corrections,
    save_corrections,
    with_keys,
)
from understudy.engine.contract.errors import EngineError  # noqa: E402
from understudy.engine.contract.frame_mentions import mention  # noqa: E402
from understudy.engine.contract.imported_model import ImportedModel, save_imported  # noqa: E402
from understudy.engine.contract.jobs import load_job  # noqa: E402
from understudy.engine.contract.messages import Done, Failed, Hello, Log, Preview, Progress, Stage, encode  # noqa: E402
from understudy.engine.contract.orders import Order, decode_order  # noqa: E402
from understudy.engine.contract.people import Member, People, Person, Suggestion, TrackName, save_people  # noqa: E402
from understudy.engine.contract.project import COVERAGE_FILE, Project  # noqa: E402
from understudy.engine.contract.training_set import TrainingSet, folder_stamp, save_training_set  # noqa: E402


def send(message):
    print(encode(message), flush=True)


def png(path, size=8):
    rows = b"".join(b"\0" + b"\x80\x40\x20\xff" * size for _ in range(size))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def extract(job):
    project, key = Project(job.project), f"{job.footage.path.stem}-0123456789ab"
    folder = project.footage(key)
    png(folder / "t01.png")
    first, last = job.ranges[0].start, job.ranges[-1].end - 1
    track = {"id": 1, "first": first, "last": last, "frames": last - first + 1, "thumbnail": "t01.png"}
    document = {
        "schema": "understudy.footage",
        "version": 1,
        "key": key,
        "footage": job.footage.to_json(),
        "ranges": [[r.start, r.end] for r in job.ranges],
        "tracks": [track],
    }
    (folder / "footage.json").write_text(json.dumps(document), encoding="utf-8")
    project.faceset(key).mkdir(parents=True, exist_ok=True)
    return Done(False, "1 face found.", {"key": key})


def people(job):
    """Suggest every track nobody has for the first performer: the first is sure, the others perhaps."""
    project = Project(job.project)
    names = []
    for key in job.footage:
        content = json.loads((project.footage(key) / "footage.json").read_text(encoding="utf-8"))
        names += [TrackName(key, track["id"]) for track in content["tracks"]]
    taken = {name for item in job.performers for name in item.tracks}
    free = [name for name in names if name not in taken]
    suggestions = ()
    if job.performers:
        first = job.performers[0]
        offered = [name for name in free if name not in first.others]
        suggestions = tuple(
            Suggestion(first.performer, name, 0.57 if index else 0.38, not index) for index, name in enumerate(offered)
        )
    persons = tuple(Person(i, "", 0.0, (Member(name, 0.0),)) for i, name in enumerate(names, 1))
    save_people(project.people, People(job.settings, persons, suggestions=suggestions))
    return Done(False, f"{len(persons)} people.", {"file": str(project.people)})


def build_faceset(job):
    folder = Project(job.project).training_set(job.performer)
    parts = tuple(replace(part, files=("000001_t01.png",)) for part in job.faces)
    stamps = tuple(folder_stamp(part.folder) for part in parts)
    sentences = ("1 of 9 faces are chosen.", "No face looks up; film it.")
    save_training_set(folder, TrainingSet(job.performer, parts, 9, 2, 1, job.shots, (), sentences, stamps))
    png(folder / COVERAGE_FILE, 32)
    return Done(False, " ".join(sentences), {"chosen": 1})


def correct(job):
    """Keep the corrections, and split and delete tracks in the list of tracks as the engine would."""
    (folder,) = (path.parent for path in Project(job.project).root.glob("footage/*/footage.json"))
    known = () if job.clear else load_corrections(folder)
    save_corrections(folder, (*known[: len(known) - job.undo], *with_keys(job.append)))
    document = json.loads((folder / "footage.json").read_text(encoding="utf-8"))
    tracks, parents = document["tracks"], {}
    for item in job.append:
        if item.kind == "delete_track":
            tracks[:] = [track for track in tracks if track["id"] != item.track]
        elif item.kind == "split_track":
            tracks.append({**tracks[0], "id": 1001, "first": item.frame})
            parents["1001"] = item.track
    (folder / "footage.json").write_text(json.dumps(document), encoding="utf-8")
    return Done(False, f"{len(job.append)} added, {job.undo} taken back.", {"parents": parents})


def wait_for_save():
    """Train until a save is asked for, and say that it was made, as the engine does."""
    send(Log("info", "The pictures grow from 64 to 128 px."))
    assert decode_order(sys.stdin.readline()) is Order.SAVE
    send(Log("info", "Saved after step 2, as asked."))
    # Goes on until it is stopped.
    return sys.stdin.read() == ""


def train(job):
    for step in range(3):
        send(Progress("training", step, 3, "steps"))
    png(job.model / "preview.png", 32)
    send(Preview("training", str(job.model / "preview.png")))
    content = {"performers": [item.performer for item in job.performers], "step": 3, "family": job.settings.family}
    (job.model / "model.json").write_text(json.dumps(content), encoding="utf-8")
    is_stopped = "FAKE_ENGINE_SAVES" in os.environ and wait_for_save()
    return Done(is_stopped, "The model has 3 steps.", {"step": 3})


def import_model(job):
    """Take the file as it is; the engine's own tests look into it."""
    send(Progress("copying", 1, 2, "MB"))
    shown = tuple(item.performer for item in job.performers)
    model = ImportedModel(job.network, shown, 64, 2.0, job.face_type, "f", job.licence, job.morph)
    job.model.mkdir(parents=True)
    (job.model / "network.onnx").write_bytes(job.file.read_bytes())
    save_imported(job.model, model)
    return Done(False, f"The model {job.model.name} shows {', '.join(shown)}.", {"model": str(job.model)})


def swap(job):
    import numpy as np  # the other jobs start faster without it

    # A file in the project makes this slow enough to do something in the meantime.
    time.sleep(float(os.environ.get("FAKE_ENGINE_SECONDS", "0")))
    frames = [frame for part in job.ranges for frame in part]
    for frame in frames:
        png(job.output / f"{frame:06d}.png", 64)
    content = {
        "schema": "understudy.swap",
        "version": 1,
        "model": job.model.name,
        "width": 64,
        "height": 64,
        "settings": {},
        "assignments": [
            {"track": a.track, "source": a.source, "target": a.target, "consent": "missing"} for a in job.assignments
        ],
    }
    (job.output / "swap.json").write_text(json.dumps(content), encoding="utf-8")
    angles = -np.linspace(0, 2 * np.pi, 16, endpoint=False)
    outline = np.stack([32 + 20 * np.cos(angles), 32 + 20 * np.sin(angles)], axis=-1)
    np.savez(
        job.output / "outlines.npz",
        media_frames=np.array(frames, np.int32),
        tracks=np.array([job.assignments[0].track], np.int32),
        points=np.repeat(outline[None, None].astype(np.float32), len(frames), axis=0),
        present=np.ones((len(frames), 1), bool),
        feather_px=np.full((len(frames), 1), 4, np.float32),
    )
    if "FAKE_ENGINE_HIDDEN" in os.environ:
        where = mention(map(int, os.environ["FAKE_ENGINE_HIDDEN"].split()), job.footage.path.name)
        send(Log("warning", f"In {where.words} the face is probably hidden in part.", (where,)))
    send(Log("warning", "Nobody gave consent."))
    return Done(False, f"{len(frames)} frames swapped.", {"swapped": len(frames)})


def main():
    job = load_job(Path(sys.argv[2]))
    send(Hello(job.kind, "0", "3", os.getpid()))
    send(Stage(job.kind, f"Pretending to {job.kind}"))
    try:
        actions = {"extract": extract, "correct": correct, "people": people, "build_faceset": build_faceset}
        actions["import_model"] = import_model
        send({**actions, "train": train, "swap": swap}[job.kind](job))
    except EngineError as error:
        send(Failed(error.code, error.message, error.hint))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
