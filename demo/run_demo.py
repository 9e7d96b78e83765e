# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole job in a real Blender, by the extension's own operators; started by `python3 tasks.py demo`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Blender reads its folders when it is imported: the user's own settings stay out, and nothing is left in them.
_RESOURCES = tempfile.TemporaryDirectory(prefix="understudy demo ")
os.environ["BLENDER_USER_RESOURCES"] = _RESOURCES.name

import bpy  # noqa: E402 - see above

sys.path.insert(0, str(Path(__file__).resolve().parent))
import edit  # noqa: E402 - its own Blender import must come after the line above, too
from edit import DemoError  # noqa: E402
from progress import ProgressWatcher  # noqa: E402

MODULE = "bl_ext.user_default.understudy"
FICTIONAL = "A fictional person, rendered for this project: may be shown, learned and changed."
OWN = "The user started the demo on their own footage and answers for the consent."


class Stopwatch:
    """Announces the demo's steps and keeps how long each took."""

    def __init__(self, project: Path) -> None:
        self.seconds: dict[str, float] = {}
        self._project = project

    def run(self, title: str, step: Callable[[], Any]) -> Any:
        """Run one step with its progress shown."""
        print(f"\n{len(self.seconds) + 1}. {title}", flush=True)
        began = time.monotonic()
        with ProgressWatcher(self._project):
            result = step()
        self.seconds[title] = time.monotonic() - began
        print(f"  done in {self.seconds[title]:.1f} s", flush=True)
        return result


def operate(operator: Any, **arguments: Any) -> None:
    """Call one of the extension's operators, which wait for their jobs in background mode.

    Raises:
        DemoError: It didn't finish.
    """
    try:
        answer = operator(**arguments)
    except RuntimeError as error:
        raise DemoError(str(error).strip().removeprefix("Error: ")) from error
    if answer != {"FINISHED"}:
        raise DemoError(f"{operator.idname()} answered {answer}.")


def install_extension(package: Path, engine: Path) -> None:
    """Install and enable the extension's zip, and tell it where the engine lies."""
    bpy.ops.extensions.package_install_files(
        filepath=str(package), repo="user_default", enable_on_install=True, overwrite=True
    )
    addon = bpy.context.preferences.addons.get(MODULE)
    if addon is None:
        raise DemoError("Blender did not enable the extension; its output above says why.")
    addon.preferences.engine_folder = str(engine)


def select(names: tuple[str, ...]) -> None:
    """Select exactly these strips."""
    for strip in bpy.context.scene.sequence_editor.strips_all:
        strip.select = strip.name in names


def main_tracks(project: Path, file: str) -> list[int]:
    """Return the face tracks of a footage that show its main person: the largest one wherever several overlap."""
    for path in project.glob("footage/*/footage.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        if Path(found["footage"]["path"]).name == file:
            taken: list[dict[str, Any]] = []
            for track in sorted(found["tracks"], key=lambda item: -item["size_px"] * item["frames"]):
                if all(track["first"] > other["last"] or track["last"] < other["first"] for other in taken):
                    taken.append(track)
            return sorted(item["id"] for item in taken)
    return []


def assign(project: Path, names: tuple[str, ...], performer: str) -> None:
    """Say that the main person of these strips is the performer."""
    strips = bpy.context.scene.sequence_editor.strips_all
    for name in names:
        file = Path(edit.footage_of(strips[name])).name
        for track in main_tracks(project, file):
            operate(bpy.ops.understudy.faces_assign, strip=name, performer=performer, track=track)


def describe_swaps(shots: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return what the extension put over each shot."""
    strips = bpy.context.scene.sequence_editor.strips_all
    described = []
    for name in shots:
        shot = strips[name]
        for swap in strips:
            if swap.type != "IMAGE" or edit.timing(swap, "left_handle") != edit.timing(shot, "left_handle"):
                continue
            masks = [modifier.input_mask_id for modifier in swap.modifiers if modifier.type == "MASK"]
            described.append(
                {
                    "shot": name,
                    "strip": swap.name,
                    "channel": swap.channel,
                    "first": edit.timing(swap, "left_handle"),
                    "frames": edit.timing(swap, "duration"),
                    "media_start": edit.timing(shot, "left_handle_offset"),
                    "footage": edit.footage_of(shot),
                    "folder": bpy.path.abspath(swap.directory),
                    "masks": [mask.name for mask in masks if mask is not None],
                }
            )
    return described


def contact_frames(swaps: list[dict[str, Any]], truths: list[int]) -> list[dict[str, Any]]:
    """Return timeline and media frames for the contact sheet: those with a ground truth, else six spread evenly."""
    frames = []
    for swap in swaps:
        for offset in range(swap["frames"]):
            frames.append({**swap, "timeline": swap["first"] + offset, "media": swap["media_start"] + offset})
    if truths:
        return [frame for frame in frames if frame["media"] in truths]
    step = max(1, len(frames) // 6)
    return frames[step // 2 :: step][:6]


def render_contact_frames(scene: Any, frames: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Let Blender render the chosen frames, each with the swap and without; return them with the pictures' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    strips = scene.sequence_editor.strips_all
    described = []
    for frame in frames:
        paths = {}
        for kind in ("result", "plate"):
            strips[frame["strip"]].mute = kind == "plate"
            paths[kind] = str(folder / f"{frame['timeline']:06d}-{kind}.png")
            edit.render_still(scene, frame["timeline"], Path(paths[kind]))
        strips[frame["strip"]].mute = False
        described.append({**frame, **paths})
    return described


def run(arguments: argparse.Namespace) -> Path:
    """Run the demo and return the report."""
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    blend = output / "demo.blend"
    project = output / "demo.understudy"
    shutil.rmtree(project, ignore_errors=True)
    watch = Stopwatch(project)
    own = arguments.source is not None
    source, target = ("Source", "Target") if own else ("Berta", "Anna")
    model = f"{source} for {target}"
    watch.run("Install the extension", lambda: install_extension(arguments.extension, arguments.engine))
    cut = watch.run(
        "Cut the edit",
        lambda: edit.cut_users_clips(arguments.source, arguments.target) if own else edit.cut_fictional_scene(output),
    )
    scene = bpy.context.scene
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    ops = bpy.ops.understudy

    def cast() -> None:
        for name in (source, target):
            operate(ops.performer_add, name=name)
            operate(ops.performer_consent, performer=name, note=OWN if own else FICTIONAL)

    def extract() -> None:
        scene.understudy.handles = 1000  # the whole clips are searched, so that training sees all there is
        select((*cut.source, *cut.target))
        operate(ops.extract)
        assign(project, cut.source, source)
        assign(project, cut.target, target)

    def train() -> None:
        operate(ops.train_start, model=model, minutes=arguments.minutes)

    def swap() -> None:
        select(cut.shots)
        operate(ops.swap, model=model, source=source, target=target)

    watch.run("Note the performers and their consent", cast)
    watch.run("Find, follow and cut out the faces", extract)
    watch.run(f"Train the model for {arguments.minutes:g} minutes", train)
    watch.run("Swap the faces and insert the frames", swap)
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    movie = output / "demo.mp4"
    watch.run("Render the edit with its sound", lambda: edit.render_movie(scene, movie))
    swaps = describe_swaps(cut.shots)
    truth = edit.DEMO / "truth"
    truths = [] if own else [int(path.stem[3:]) for path in truth.glob("gt_*.png")]
    frames = watch.run(
        "Render frames for the contact sheet",
        lambda: render_contact_frames(scene, contact_frames(swaps, truths), output / "frames"),
    )
    facts = {
        "blender": bpy.app.version_string,
        "seconds": watch.seconds,
        "minutes": arguments.minutes,
        "source": source,
        "target": target,
        "project": str(project),
        "model": str(next((project / "models").iterdir())),
        "truth": "" if own else str(truth),
        "swaps": swaps,
        "frames": frames,
        "movie": str(movie),
        "blend": str(blend),
        "source_footage": edit.footage_of(scene.sequence_editor.strips_all[cut.source[0]]),
    }
    return watch.run("Measure and write the report", lambda: write_report(output, facts))


def write_report(output: Path, facts: dict[str, Any]) -> Path:
    """Let the engine's Python measure the result, make the contact sheet and write the report."""
    path = output / "facts.json"
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    python = os.environ["UNDERSTUDY_DEMO_PYTHON"]
    script = Path(__file__).with_name("report.py")
    done = subprocess.run([python, "-I", "-X", "utf8", str(script), str(path)], check=False)
    if done.returncode != 0:
        raise DemoError("The report could not be written; the lines above say why.")
    return output / "report.html"


def main() -> int:
    """Read the command line and run the demo."""
    parser = argparse.ArgumentParser(description="The whole job in a real Blender; see tasks.py demo.")
    parser.add_argument("--extension", type=Path, required=True)
    parser.add_argument("--engine", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--target", type=Path)
    arguments = parser.parse_args()
    print(f"Blender {bpy.app.version_string}; results go to {arguments.output}", flush=True)
    began = time.monotonic()
    try:
        report = run(arguments)
    except DemoError as error:
        print(f"\nThe demo ended early: {error}", flush=True)
        return 1
    finally:
        bpy.ops.preferences.addon_disable(module=MODULE)
    print(f"\nThe demo took {(time.monotonic() - began) / 60:.1f} minutes. It left")
    for name, text in (
        ("report.html", "the figures, on one page"),
        ("contact_sheet.png", "plate, swap, matte and difference at several frames"),
        ("demo.mp4", "the edit with its sound"),
        ("demo.blend", "the edit itself, to open in Blender"),
    ):
        print(f"  {report.with_name(name)}  {text}")
    return 0


if __name__ == "__main__":
    code = main()
    _RESOURCES.cleanup()
    sys.stdout.flush()
    sys.stderr.flush()
    # Blender 4.5 may never end as a module while its own modules are torn down.
    os._exit(code)
