# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's contact sheet and report, measured with the engine's library; runs in the engine's Python."""

from __future__ import annotations

import html
import importlib.util
import json
import platform
import sys
from pathlib import Path
from typing import Any

_LAUNCH = Path(__file__).resolve().parents[1] / "training_cli" / "launch.py"
_spec = importlib.util.spec_from_file_location("understudy_launch", _LAUNCH)
_spec.loader.exec_module(importlib.util.module_from_spec(_spec))

import numpy as np  # noqa: E402 - the binding above comes first in every entry to the engine
from PIL import Image, ImageDraw  # noqa: E402
from skimage.metrics import structural_similarity  # noqa: E402
from understudy.engine.contract.project import FOOTAGE_FILE, MODEL_FILE, SWAP_FILE  # noqa: E402
from understudy.engine.faces.identity import IdentityModel, identity_distance  # noqa: E402
from understudy.engine.faces.tracks import FaceTrack, TrackSet, load_tracks  # noqa: E402
from understudy.engine.media.images import read_image, read_rgba  # noqa: E402
from understudy.engine.runtime.machine import look_at_machine  # noqa: E402

CELL = 224
LABEL = 136
GAIN = 4


def main() -> int:
    """Read the facts that the demo wrote, measure, and write the sheet and the report beside them."""
    facts_file = Path(sys.argv[1])
    facts = json.loads(facts_file.read_text(encoding="utf-8"))
    output = facts_file.parent
    track_sets = load_all_tracks(Path(facts["project"]))
    measured = [measure(frame, facts, track_sets) for frame in facts["frames"]]
    write_sheet(output / "contact_sheet.png", measured)
    identity = identity_figures(facts, measured, track_sets)
    (output / "report.html").write_text(report_page(facts, measured, identity), encoding="utf-8")
    for line in verdict(facts, measured, identity):
        print(f"  {line}")
    return 0


def load_all_tracks(project: Path) -> dict[str, TrackSet]:
    """Return what was found in each footage, by the footage's path."""
    found = {}
    for path in project.glob(f"footage/*/{FOOTAGE_FILE}"):
        tracks = load_tracks(path.parent)
        found[str(tracks.footage.path.resolve())] = tracks
    return found


def measure(frame: dict[str, Any], facts: dict[str, Any], track_sets: dict[str, TrackSet]) -> dict[str, Any]:
    """Return pictures and figures of one frame.

    The plate and the result are what Blender rendered with the swap's strip hidden and shown; the matte is the alpha of
    the swapped picture; with a ground truth, the result is compared with it inside the truth's own swap weights.
    """
    plate, result = read_image(Path(frame["plate"])), read_image(Path(frame["result"]))
    overlay = read_rgba(Path(frame["folder"]) / f"{frame['media']:06d}.png")
    difference = np.abs(result.astype(np.int16) - plate.astype(np.int16))
    entry: dict[str, Any] = {
        **frame,
        "pictures": {
            "plate": plate,
            "swap": result,
            "matte": np.repeat(overlay[:, :, 3:], 3, axis=2),
            f"difference, {GAIN} times": np.clip(difference * GAIN, 0, 255).astype(np.uint8),
        },
    }
    outside = overlay[: plate.shape[0], : plate.shape[1], 3] == 0
    entry["outside_difference"] = int(difference[: outside.shape[0], : outside.shape[1]][outside].max(initial=0))
    entry["landmarks"] = landmarks_of(frame, track_sets)
    if facts["truth"]:
        truth = read_image(Path(facts["truth"]) / f"gt_{frame['media']:04d}.png")
        weight = read_image(Path(facts["truth"]) / f"matte_{frame['media']:04d}.png")[:, :, 0] / 255.0
        entry["pictures"]["ground truth"] = truth
        entry["ssim"], entry["psnr"] = closeness(result, truth, weight)
        entry["plate_ssim"], entry["plate_psnr"] = closeness(plate, truth, weight)
    return entry


def landmarks_of(frame: dict[str, Any], track_sets: dict[str, TrackSet]) -> np.ndarray | None:
    """Return the landmarks of the swapped face in a frame, (68, 2) float32, or None without one."""
    report = json.loads((Path(frame["folder"]) / SWAP_FILE).read_text(encoding="utf-8"))
    for assignment in report["assignments"]:
        track = track_sets[frame["footage"]].track(assignment["track"])
        index = track.index(frame["media"])
        if index is not None:
            return track.landmarks[index]
    return None


def closeness(picture: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Return SSIM and PSNR (dB) of two uint8 pictures, averaged with weights (h, w) in 0…1."""
    _mean, similarity = structural_similarity(
        picture,
        truth,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    error = ((picture.astype(np.float64) - truth) ** 2).mean(axis=2)
    mean_error = float((error * weight).sum() / weight.sum())
    ssim = float((similarity.mean(axis=2) * weight).sum() / weight.sum())
    return ssim, float(10 * np.log10(255**2 / max(mean_error, 1e-12)))


def identity_figures(
    facts: dict[str, Any], measured: list[dict[str, Any]], track_sets: dict[str, TrackSet]
) -> dict[str, float]:
    """Return mean identity distances of the plate's and the result's faces to both performers."""
    model = IdentityModel()
    tracks = track_sets[facts["source_footage"]].tracks
    source = max(tracks, key=lambda track: len(track.frames)).identity
    target = np.mean([track.identity for track in swapped_tracks(facts, track_sets)], axis=0)
    distances: dict[str, list[float]] = {}
    for entry in measured:
        if entry["landmarks"] is None:
            continue
        for kind, name in (("plate", "plate"), ("swap", "result")):
            vector = model.embed(entry["pictures"][kind], entry["landmarks"])
            distances.setdefault(f"{name}_to_source", []).append(identity_distance(vector, source))
            distances.setdefault(f"{name}_to_target", []).append(identity_distance(vector, target))
    return {name: float(np.mean(values)) for name, values in distances.items()}


def swapped_tracks(facts: dict[str, Any], track_sets: dict[str, TrackSet]) -> list[FaceTrack]:
    """Return the face tracks that the swaps replaced."""
    found = []
    for swap in facts["swaps"]:
        report = json.loads((Path(swap["folder"]) / SWAP_FILE).read_text(encoding="utf-8"))
        found += [track_sets[swap["footage"]].track(item["track"]) for item in report["assignments"]]
    return found


def write_sheet(path: Path, measured: list[dict[str, Any]]) -> None:
    """Write the contact sheet: one column for each frame, one row for each kind of picture."""
    rows = list(measured[0]["pictures"])
    height, width = measured[0]["pictures"]["plate"].shape[:2]
    cell = (CELL, round(CELL * height / width))
    sheet = Image.new("RGB", (LABEL + len(measured) * (CELL + 4), 24 + len(rows) * (cell[1] + 4)), (24, 24, 24))
    draw = ImageDraw.Draw(sheet)
    for column, entry in enumerate(measured):
        left = LABEL + column * (CELL + 4)
        draw.text((left + 4, 6), f"frame {entry['timeline']} · {entry['shot']}", fill=(220, 220, 220), font_size=12)
        for row, name in enumerate(rows):
            picture = Image.fromarray(entry["pictures"][name]).resize(cell, Image.Resampling.LANCZOS)
            sheet.paste(picture, (left, 24 + row * (cell[1] + 4)))
    for row, name in enumerate(rows):
        draw.text((8, 24 + row * (cell[1] + 4) + cell[1] // 2), name, fill=(220, 220, 220), font_size=13)
    sheet.save(path, optimize=True)


def verdict(facts: dict[str, Any], measured: list[dict[str, Any]], identity: dict[str, float]) -> list[str]:
    """Return the figures that matter, a sentence each."""
    source, target = facts["source"], facts["target"]
    lines = []
    if identity:
        near = identity["result_to_source"] < identity["result_to_target"]
        lines.append(
            f"Identity: the swapped face is nearer to {source if near else target}: "
            f"{identity['result_to_source']:.3f} to {source}, {identity['result_to_target']:.3f} to {target} "
            f"(the plate: {identity['plate_to_source']:.3f} "
            f"and {identity['plate_to_target']:.3f}; below 0.6 counts as the same person)."
        )
    if facts["truth"]:
        mean = {
            key: np.mean([entry[key] for entry in measured]) for key in ("ssim", "psnr", "plate_ssim", "plate_psnr")
        }
        lines.append(
            f"Ground truth: SSIM {mean['ssim']:.3f}, PSNR {mean['psnr']:.1f} dB inside the matte over {len(measured)} "
            f"pictures (the untouched plate: {mean['plate_ssim']:.3f}, {mean['plate_psnr']:.1f} dB)."
        )
    outside = max(entry["outside_difference"] for entry in measured)
    lines.append(f"Outside of the matte, Blender's pictures with and without the swap differ by {outside} of 255.")
    return lines


def report_page(facts: dict[str, Any], measured: list[dict[str, Any]], identity: dict[str, float]) -> str:
    """Return the report as one HTML page."""
    model = json.loads((Path(facts["model"]) / MODEL_FILE).read_text(encoding="utf-8"))
    swaps = [json.loads((Path(swap["folder"]) / SWAP_FILE).read_text(encoding="utf-8")) for swap in facts["swaps"]]
    machine = look_at_machine(Path(facts["project"]))
    stages = [(name, f"{seconds:.1f} s") for name, seconds in facts["seconds"].items()]
    stages.append(("All of it", f"{sum(facts['seconds'].values()) / 60:.1f} min"))
    shots = []
    for swap, report in zip(facts["swaps"], swaps, strict=True):
        consents = ", ".join(sorted({assignment["consent"] for assignment in report["assignments"]}))
        counts = ", ".join(f"{name} {value}" for name, value in report["counts"].items())
        shots.append(
            (swap["shot"], f"{swap['frames']} frames", counts, ", ".join(swap["masks"]), f"consent {consents}")
        )
    pictures = [
        (
            str(entry["timeline"]),
            entry["shot"],
            *((f"{entry['ssim']:.3f}", f"{entry['psnr']:.1f} dB") if "ssim" in entry else ("–", "–")),
            str(entry["outside_difference"]),
        )
        for entry in measured
    ]
    warnings = sorted({warning for report in swaps for warning in report["warnings"]})
    memory = f"{machine.memory / 2**30:.0f} GiB" if machine.memory else "unknown memory"
    return _PAGE.format(
        title=f"{html.escape(facts['source'])} for {html.escape(facts['target'])}",
        movie=html.escape(Path(facts["movie"]).name),
        blend=html.escape(Path(facts["blend"]).name),
        verdict="".join(f"<li>{html.escape(line)}</li>" for line in verdict(facts, measured, identity)),
        stages=_table(("step", "time"), stages),
        shots=_table(("shot", "length", "pictures", "mask", "consent"), shots),
        pictures=_table(("timeline frame", "shot", "SSIM", "PSNR", "difference outside"), pictures),
        warnings="".join(f"<li>{html.escape(text)}</li>" for text in warnings) or "<li>none</li>",
        machine=html.escape(
            f"Blender {facts['blender']}; engine on Python {platform.python_version()}, {machine.cores} cores, "
            f"{memory}, {platform.system()} {platform.machine()}; "
            f"model {model.get('family', '?')}, step {model.get('step', '?')}."
        ),
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + line(head, "th") + "".join(line(row, "td") for row in rows) + "</table>"


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Understudy demo: {title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222 }}
img, video {{ max-width: 100% }} table {{ border-collapse: collapse; margin: 1em 0 }}
td, th {{ border-bottom: 1px solid #ccc; padding: .25em 1em .25em 0; text-align: left }}
</style>
<h1>{title}</h1>
<p>One performer stands in for another in two shots of an edit. Everything was done by the extension's own operators in
Blender; the edit is in <a href="{blend}">{blend}</a>.</p>
<video src="{movie}" controls></video>
<ul>{verdict}</ul>
<img src="contact_sheet.png" alt="Plate, swap, matte and difference at several frames">
<h2>Steps</h2>{stages}
<h2>Shots</h2>{shots}
<h2>Pictures</h2>{pictures}
<h2>Warnings</h2><ul>{warnings}</ul>
<h2>Made with</h2><p>{machine}</p>
</html>
"""

if __name__ == "__main__":
    sys.exit(main())
