# SPDX-License-Identifier: GPL-3.0-or-later
"""Every setting of the engine: its default, range, unit and help, once; those of a training have a module of their own.

The command line, Blender's properties and the reference documentation are made from the fields of these dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any, TypeVar

from .errors import EngineError, ErrorCode
from .model_licences import LICENCES
from .setting_fields import Checked, setting
from .training_settings import TrainSettings

__all__ = [
    "BEST",
    "IDENTITY_LIMIT",
    "LOOK_ALIKE_MARGIN",
    "NEWEST",
    "BuildSettings",
    "ExtractSettings",
    "PeopleSettings",
    "Settings",
    "SwapSettings",
    "TrainSettings",
    "settings_from_json",
    "settings_to_json",
]

# The one limit of identity: two vectors farther apart are never taken for one person by themselves. It is dlib's own
# figure for single pictures (https://dlib.net/face_recognition.py.html).
IDENTITY_LIMIT = 0.6
# On real clips tracks of one person were 0.05 to 0.32 apart and those of two people 0.58 and more; the demo's two
# rendered performers are 0.54 apart. So the last tenth below the limit holds look-alikes as well as poor pictures of
# the same face: it is asked about, not decided.
LOOK_ALIKE_MARGIN = 0.1

# How long a face may be lost for its track to go on: a blink of motion blur, a hand, a turn of the head.
_USUAL_GAP_S = Fraction(1, 2)


@dataclass(frozen=True)
class ExtractSettings(Checked):
    """How faces are found, fitted, followed and cut out."""

    detector: str = setting(
        "blazeface",
        "Which face detector searches the pictures.",
        choices={
            "blazeface": f"MediaPipe BlazeFace, fast and sure ({LICENCES['blazeface'].terms})",
            "dlib-hog": f"dlib HOG, frontal faces ({LICENCES['dlib-hog'].terms})",
            "dlib-cnn": f"dlib CNN, slow without a GPU, and HOG where it finds nothing ({LICENCES['dlib-cnn'].terms})",
        },
    )
    landmarks: str = setting(
        "mesh",
        "Which model fits the 68 landmarks.",
        choices={
            "mesh": f"MediaPipe face mesh, steady ({LICENCES['mesh'].terms})",
            "dlib-68": f"dlib 68 points ({LICENCES['dlib-68'].terms})",
        },
    )
    confidence: float = setting(0.5, "Lowest detector score that counts as a face.", minimum=0.0, maximum=1.0)
    minimum_size: int = setting(24, "Faces smaller than this are ignored.", unit="px", minimum=8, maximum=4096)
    detect_every: int = setting(
        12,
        "Search the whole picture on every n-th frame and follow the faces in between.",
        unit="frames",
        minimum=1,
        maximum=50,
    )
    maximum_gap: int = setting(
        -1,
        "A face lost for at most this many frames keeps its track, and the gap is bridged; -1 takes half a second.",
        unit="frames",
        minimum=-1,
        maximum=250,
    )
    minimum_track: int = setting(
        3,
        "Tracks in fewer frames than this are dropped, unless the shot is that short.",
        unit="frames",
        minimum=1,
        maximum=1000,
    )
    rotations: bool = setting(
        False,
        "Search the picture turned by 90, 180 and 270 degrees too, for faces that lie or stand on their head; "
        "BlazeFace finds them without.",
    )
    face_size: int = setting(
        256,
        "Side of the aligned face pictures.",
        unit="px",
        choices={128: "small", 256: "usual", 512: "large", 1024: "very large"},
    )
    coverage: float = setting(
        2.0,
        "Side of the face pictures in canonical face squares; 1 shows brows to mouth, 2 the whole face with a border.",
        minimum=0.75,
        maximum=4.0,
    )
    save_every: int = setting(
        1, "Keep the face picture of every n-th frame in the faceset.", unit="frames", minimum=1, maximum=1000
    )
    smoothing: float = setting(
        1.0, "How strongly landmarks are steadied over time; 0 keeps the raw fits.", minimum=0.0, maximum=10.0
    )
    identity_threshold: float = setting(
        IDENTITY_LIMIT,
        "Largest distance between identity vectors that counts as the same person.",
        minimum=0.05,
        maximum=2.0,
    )
    processes: int = setting(1, "How many processes work on a folder of pictures.", minimum=1, maximum=64)
    skip_existing: bool = setting(False, "Leave out pictures whose faces are in the faceset already.")
    debug_landmarks: bool = setting(
        False, "Also write copies of the face pictures with the landmarks drawn in (never into the faceset itself)."
    )

    def gap_frames(self, rate: Fraction) -> int:
        """Return the longest gap that is bridged, in frames of a footage with this many frames a second."""
        return self.maximum_gap if self.maximum_gap >= 0 else round(rate * _USUAL_GAP_S)


@dataclass(frozen=True)
class BuildSettings(Checked):
    """How the faces to train on are chosen."""

    maximum_faces: int = setting(1500, "Choose at most this many faces.", unit="faces", minimum=8, maximum=100_000)
    maximum_occlusion: float = setting(
        0.5, "Leave out faces of which more than this share is hidden.", minimum=0.0, maximum=1.0
    )
    drop_duplicates: bool = setting(True, "Of faces that look the same keep the best only.")


# Which of a model's checkpoints swaps, beside the name of one.
NEWEST = "newest"
BEST = "best"


@dataclass(frozen=True)
class SwapSettings(Checked):
    """How the swapped face is put over the plate."""

    checkpoint: str = setting(
        NEWEST,
        "Which weights of the model swap: newest, best (by faces it wasn't trained on), or the name of one of its "
        "checkpoints or snapshots.",
        metavar="CHECKPOINT",
    )

    mask: str = setting(
        "extended-hull",
        "Shape of the blend mask.",
        choices={
            "rect": "the square the network sees",
            "hull": "the outline of the landmarks, without the forehead",
            "hull-and-rect": "where both agree",
            "extended-hull": "the outline with the forehead",
        },
    )
    erode: float = setting(
        -0.015, "Shrink the mask by this share of the face's size; negative grows it.", minimum=-0.5, maximum=0.5
    )
    feather: float = setting(0.08, "Width of the soft edge as a share of the face's size.", minimum=0.0, maximum=0.5)
    margin: float = setting(
        0.0,
        "Grow the alpha beyond the mask by this share of the face's size, so that an editor's own mask has room.",
        minimum=0.0,
        maximum=0.5,
    )
    color_transfer: str = setting(
        "lab",
        "How the swapped face takes on the colors of the plate.",
        choices={
            "none": "as the network made it",
            "mean": "the mean color of each channel",
            "histogram": "the histogram of each channel",
            "lab": "mean and spread in LAB (Reinhard)",
        },
    )
    color_steadiness: float = setting(
        0.7,
        "How much neighboring frames share in the colors to match; 0 takes every frame alone, 0.9 a second around it.",
        minimum=0.0,
        maximum=0.999,
    )
    blend: str = setting(
        "alpha",
        "How the edge is blended.",
        choices={"alpha": "soft edge", "poisson": "gradients of the swap, colors of the plate's edge (Poisson)"},
    )
    learned_mask: bool = setting(True, "Let networks that learned a mask show the face only where it says.")
    keep_in_front: bool = setting(
        True,
        "Where the search guessed that something hides the face, look for it and leave it in the picture: hands, and "
        "things the model can tell from the face.",
    )
    opacity: float = setting(1.0, "Strength of the swap.", minimum=0.0, maximum=1.0)
    sharpen: float = setting(0.0, "Unsharp masking of the swapped face.", minimum=0.0, maximum=5.0)
    face_scale: float = setting(1.0, "Size of the swapped face against the plate's.", minimum=0.5, maximum=2.0)
    # Blender stores which of the choices it is by its place among them, so a new one comes last.
    bit_depth: int = setting(
        0,
        "Bits of each channel of the written pictures.",
        choices={
            8: "small files; gradients of deeper footage may show steps",
            16: "fine gradients",
            0: "as the footage: 8 where that has 8, 16 where it has more",
        },
    )
    batch_size: int = setting(8, "Faces the network swaps at a time.", minimum=1, maximum=256)
    threads: int = setting(0, "Processor threads of the network; 0 takes all cores.", minimum=0, maximum=1024)
    keep_faces: bool = setting(
        True,
        "Keep the faces that the network made in the swap's folder, so that another comp setting needn't run it again; "
        "off deletes them.",
    )
    mark_pictures: bool = setting(
        True, "Write into every picture that a trained algorithm composited it (IPTC digital source type)."
    )

    def for_footage(self, bits: int) -> SwapSettings:
        """Return the settings with the bit depth that pictures over footage of so many bits a channel get."""
        return self if self.bit_depth else replace(self, bit_depth=8 if bits <= 8 else 16)


@dataclass(frozen=True)
class PeopleSettings(Checked):
    """How alike face tracks of one person are, over all shots."""

    threshold: float = setting(
        round(IDENTITY_LIMIT - LOOK_ALIKE_MARGIN, 3),
        "Largest distance between face tracks that counts as surely the same person.",
        minimum=0.05,
        maximum=2.0,
    )
    look_alike_margin: float = setting(
        LOOK_ALIKE_MARGIN,
        "Tracks farther apart than the threshold, but by no more than this, are asked about; they may be look-alikes.",
        minimum=0.0,
        maximum=1.0,
    )

    @property
    def limit(self) -> float:
        """Distance beyond which nobody is offered."""
        return self.threshold + self.look_alike_margin


Settings = ExtractSettings | PeopleSettings | BuildSettings | TrainSettings | SwapSettings
_SettingsT = TypeVar("_SettingsT", ExtractSettings, PeopleSettings, BuildSettings, TrainSettings, SwapSettings)


def settings_to_json(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain values."""
    return {item.name: getattr(settings, item.name) for item in fields(settings)}


def settings_from_json(cls: type[_SettingsT], content: dict[str, Any]) -> _SettingsT:
    """Build settings from plain values; what is missing takes its default.

    Raises:
        EngineError: `settings_invalid`, for an unknown name or a value out of range.
    """
    known = {item.name for item in fields(cls)}
    unknown = sorted(set(content) - known)
    if unknown:
        raise EngineError(
            ErrorCode.SETTINGS_INVALID,
            f"Unknown {cls.__name__}: {', '.join(unknown)}.",
            "The job was written by another version; write it again.",
        )
    return cls(**content)
