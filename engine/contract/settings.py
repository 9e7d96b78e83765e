# SPDX-License-Identifier: GPL-3.0-or-later
"""Every setting of the engine: its default, range, unit and help, once.

The command line, Blender's properties and the reference documentation are made from the fields of these dataclasses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, TypeVar

from .errors import EngineError, ErrorCode
from .model_licences import LICENCES


def _setting(default: Any, help: str, **details: Any) -> Any:
    """Declare a settings field.

    Args:
        default: Default value; its type is the field's type.
        help: One sentence for the user.
        **details: `unit`, `minimum`, `maximum` (both inclusive), `choices` (mapping value -> one phrase for the user),
            `metavar` (name of the value on the command line).
    """
    return field(default=default, metadata={"help": help, **details})


@dataclass(frozen=True)
class _Checked:
    """Base of the settings: checks every field against its declared range on creation."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            expected = type(item.default)
            if expected is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
                object.__setattr__(self, item.name, value)
            if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
                raise _invalid(item.name, value, f"a value of type {expected.__name__}")
            if isinstance(value, float) and not math.isfinite(value):
                raise _invalid(item.name, value, "a finite number")
            choices = item.metadata.get("choices")
            if choices is not None and value not in choices:
                raise _invalid(item.name, value, "one of " + ", ".join(map(str, choices)))
            minimum, maximum = item.metadata.get("minimum"), item.metadata.get("maximum")
            if minimum is not None and value < minimum:
                raise _invalid(item.name, value, f"at least {minimum}")
            if maximum is not None and value > maximum:
                raise _invalid(item.name, value, f"at most {maximum}")


# The one limit of identity: two vectors farther apart are never taken for one person by themselves. It is dlib's own
# figure for single pictures (https://dlib.net/face_recognition.py.html).
IDENTITY_LIMIT = 0.6
# On real clips tracks of one person were 0.05 to 0.32 apart and those of two people 0.58 and more; the demo's two
# rendered performers are 0.54 apart. So the last tenth below the limit holds look-alikes as well as poor pictures of
# the same face: it is asked about, not decided.
LOOK_ALIKE_MARGIN = 0.1


def _invalid(name: str, value: object, expected: str) -> EngineError:
    return EngineError(
        ErrorCode.SETTINGS_INVALID,
        f"The setting {name} is {value!r}; expected {expected}.",
        "Correct it and try again.",
    )


# How long a face may be lost for its track to go on: a blink of motion blur, a hand, a turn of the head.
_USUAL_GAP_S = Fraction(1, 2)


@dataclass(frozen=True)
class ExtractSettings(_Checked):
    """How faces are found, fitted, followed and cut out."""

    detector: str = _setting(
        "blazeface",
        "Which face detector searches the pictures.",
        choices={
            "blazeface": f"MediaPipe BlazeFace, fast and sure ({LICENCES['blazeface'].terms})",
            "dlib-hog": f"dlib HOG, frontal faces ({LICENCES['dlib-hog'].terms})",
            "dlib-cnn": f"dlib CNN, slow without a GPU ({LICENCES['dlib-cnn'].terms})",
        },
    )
    landmarks: str = _setting(
        "mesh",
        "Which model fits the 68 landmarks.",
        choices={
            "mesh": f"MediaPipe face mesh, steady ({LICENCES['mesh'].terms})",
            "dlib-68": f"dlib 68 points ({LICENCES['dlib-68'].terms})",
        },
    )
    confidence: float = _setting(0.5, "Lowest detector score that counts as a face.", minimum=0.0, maximum=1.0)
    minimum_size: int = _setting(24, "Faces smaller than this are ignored.", unit="px", minimum=8, maximum=4096)
    detect_every: int = _setting(
        12,
        "Search the whole picture on every n-th frame and follow the faces in between.",
        unit="frames",
        minimum=1,
        maximum=50,
    )
    maximum_gap: int = _setting(
        -1,
        "A face lost for at most this many frames keeps its track, and the gap is bridged; -1 takes half a second.",
        unit="frames",
        minimum=-1,
        maximum=250,
    )
    minimum_track: int = _setting(
        3,
        "Tracks in fewer frames than this are dropped, unless the shot is that short.",
        unit="frames",
        minimum=1,
        maximum=1000,
    )
    rotations: bool = _setting(
        False,
        "Search the picture turned by 90, 180 and 270 degrees too, for faces that lie or stand on their head; "
        "BlazeFace finds them without.",
    )
    face_size: int = _setting(
        256,
        "Side of the aligned face pictures.",
        unit="px",
        choices={128: "small", 256: "usual", 512: "large", 1024: "very large"},
    )
    coverage: float = _setting(
        2.0,
        "Side of the face pictures in canonical face squares; 1 shows brows to mouth, 2 the whole face with a border.",
        minimum=0.75,
        maximum=4.0,
    )
    save_every: int = _setting(
        1, "Keep the face picture of every n-th frame in the faceset.", unit="frames", minimum=1, maximum=1000
    )
    smoothing: float = _setting(
        1.0, "How strongly landmarks are steadied over time; 0 keeps the raw fits.", minimum=0.0, maximum=10.0
    )
    identity_threshold: float = _setting(
        IDENTITY_LIMIT,
        "Largest distance between identity vectors that counts as the same person.",
        minimum=0.05,
        maximum=2.0,
    )
    processes: int = _setting(1, "How many processes work on a folder of pictures.", minimum=1, maximum=64)
    skip_existing: bool = _setting(False, "Leave out pictures whose faces are in the faceset already.")
    debug_landmarks: bool = _setting(
        False, "Also write copies of the face pictures with the landmarks drawn in (never into the faceset itself)."
    )

    def gap_frames(self, rate: Fraction) -> int:
        """Return the longest gap that is bridged, in frames of a footage with this many frames a second."""
        return self.maximum_gap if self.maximum_gap >= 0 else round(rate * _USUAL_GAP_S)


@dataclass(frozen=True)
class BuildSettings(_Checked):
    """How the faces to train on are chosen."""

    maximum_faces: int = _setting(1500, "Choose at most this many faces.", unit="faces", minimum=8, maximum=100_000)
    maximum_occlusion: float = _setting(
        0.5, "Leave out faces of which more than this share is hidden.", minimum=0.0, maximum=1.0
    )
    drop_duplicates: bool = _setting(True, "Of faces that look the same keep the best only.")


# Keras' backends that networks are trained with, the usual one first, and the word for what KERAS_BACKEND says.
BACKENDS = ("tensorflow", "torch", "jax")
FROM_ENVIRONMENT = "auto"


@dataclass(frozen=True)
class TrainSettings(_Checked):
    """How the network learns the performers."""

    family: str = _setting(
        "quick",
        "Which network is trained.",
        choices={
            "quick": "small and fast; a plausible swap in minutes on a CPU",
            "studio": "256 pixels and a learned mask, for a whole cast; hours on a CPU, better on a graphics card",
            "studio-512": "the same with 512 pixels, for a graphics card; can start from a model of studio",
            "original": "the classic 64-pixel network, 82 million parameters",
            "lowmem": "the classic network for little memory, 61 million parameters",
            "gan": "64 pixels with a learned mask, trained against discriminators; needs a graphics card",
            "gan128": "the same at 128 pixels",
        },
    )
    batch_size: int = _setting(
        0, "Faces of each performer in a step; 0 takes the family's own.", minimum=0, maximum=1024
    )
    learning_rate: float = _setting(
        0.0, "Step size of the optimizer; 0 takes the family's own.", minimum=0.0, maximum=1.0
    )
    growth_steps: int = _setting(
        0,
        "Steps at each size before a growing network (studio) goes on to the next larger; 0 takes the family's own.",
        unit="steps",
        minimum=0,
        maximum=10_000_000,
    )
    finish: bool = _setting(
        False,
        "Train a copy of the model against a discriminator that tells real from made faces, for finer skin; the model "
        "itself stays as it is.",
    )
    maximum_steps: int = _setting(
        1_000_000, "Stop after this many steps in all.", unit="steps", minimum=1, maximum=100_000_000
    )
    maximum_minutes: float = _setting(
        0.0, "Stop after this time in this run; 0 means no limit.", unit="minutes", minimum=0.0
    )
    save_interval: int = _setting(100, "Write a checkpoint every n steps.", unit="steps", minimum=1, maximum=1_000_000)
    preview_interval: int = _setting(
        50, "Write the preview picture every n steps.", unit="steps", minimum=1, maximum=1_000_000
    )
    snapshot_minutes: float = _setting(
        30.0,
        "Keep a snapshot of the model after every so many minutes of training; 0 takes none by time.",
        unit="minutes",
        minimum=0.0,
    )
    snapshots_kept: int = _setting(
        2,
        "How many snapshots by time, and as many at milestones of quality, are kept; 0 takes none.",
        minimum=0,
        maximum=1000,
    )
    stop_at_plateau: bool = _setting(
        False, "Stop once training twice as long would surely improve faces not trained on by less than 5 %."
    )
    augment_light: float = _setting(
        0.0, "How strongly the light on the network's input is varied, from any side.", minimum=0.0, maximum=1.0
    )
    augment_blur: float = _setting(
        0.0,
        "How strongly the network's input is blurred now and then, as by focus or motion.",
        minimum=0.0,
        maximum=1.0,
    )
    augment_jpeg: float = _setting(
        0.0, "How strongly the network's input is compressed now and then, as in bad footage.", minimum=0.0, maximum=1.0
    )
    augment_occluders: float = _setting(
        -1.0,
        "How often and how far made-up things hide the face in the network's input; -1 takes the family's own.",
        minimum=-1.0,
        maximum=1.0,
    )
    augment_color: float = _setting(
        -1.0, "How strongly the network's input is recolored; -1 takes the family's own.", minimum=-1.0, maximum=1.0
    )
    augment_turn: float = _setting(
        0.0,
        "How far heads are also learned turned and nodded beyond their frames; helps when poses are few.",
        unit="degrees",
        minimum=0.0,
        maximum=30.0,
    )
    augment_flip: str = _setting(
        "family",
        "Whether faces are also learned mirrored.",
        choices={
            "family": "as the network's recipe has it",
            "symmetric": "half of the time, but only performers whose two halves look alike",
            "never": "never",
        },
    )
    perceptual: str = _setting(
        "none",
        "Whether the families gan and gan128 also compare faces as a network that knows pictures sees them.",
        choices={
            "none": "by their pixels only",
            "resnet50": "as Keras' ResNet50 sees them too; its weights have to be on this machine",
        },
    )
    perceptual_weights: str = _setting(
        "", "File (.h5) with that network's weights; empty takes them from Keras' own cache.", metavar="FILE"
    )
    precision: str = _setting(
        "auto",
        "Number format of the arithmetic.",
        choices={
            "auto": "bfloat16 where the processor has it and the family allows it, else float32",
            "float32": "exact, slower",
            "mixed_bfloat16": "faster on processors with bfloat16",
        },
    )
    backend: str = _setting(
        FROM_ENVIRONMENT,
        "Which library computes; those other than TensorFlow have to be installed into the engine's environment.",
        choices={
            FROM_ENVIRONMENT: "what the environment variable KERAS_BACKEND says, else TensorFlow",
            "tensorflow": "TensorFlow, which the engine comes with",
            "torch": "PyTorch: Windows' NVIDIA cards, Apple's chips, AMD's cards",
            "jax": "JAX: several cards, several machines",
        },
    )
    workers: int = _setting(
        1,
        "How many processes, on this and other machines, train the model together; needs JAX.",
        minimum=1,
        maximum=1024,
    )
    worker: int = _setting(0, "Which of them this one is; 0 leads and writes the model.", minimum=0, maximum=1023)
    coordinator: str = _setting("", "Where the others find the one that leads.", metavar="HOST:PORT")
    deterministic: bool = _setting(False, "Give the same result on every run, at the price of one CPU thread.")
    seed: int = _setting(0, "Start of the random numbers.", minimum=0, maximum=2_147_483_647)
    warm_start: str = _setting("", "Folder of a trained model to start from instead of from scratch.", metavar="MODEL")
    resume_from: str = _setting(
        "", "Go on from this checkpoint file of the model's folder instead of the newest.", metavar="FILE"
    )
    threads: int = _setting(0, "Processor threads of the arithmetic; 0 takes all cores.", minimum=0, maximum=1024)
    memory_growth: bool = _setting(True, "Take a graphics card's memory as needed instead of all of it at once.")


# Which of a model's checkpoints swaps, beside the name of one.
NEWEST = "newest"
BEST = "best"


@dataclass(frozen=True)
class SwapSettings(_Checked):
    """How the swapped face is put over the plate."""

    checkpoint: str = _setting(
        NEWEST,
        "Which weights of the model swap: newest, best (by faces it wasn't trained on), or the name of one of its "
        "checkpoints or snapshots.",
        metavar="CHECKPOINT",
    )

    mask: str = _setting(
        "extended-hull",
        "Shape of the blend mask.",
        choices={
            "rect": "the square the network sees",
            "hull": "the outline of the landmarks, without the forehead",
            "hull-and-rect": "where both agree",
            "extended-hull": "the outline with the forehead",
        },
    )
    erode: float = _setting(
        -0.015, "Shrink the mask by this share of the face's size; negative grows it.", minimum=-0.5, maximum=0.5
    )
    feather: float = _setting(0.08, "Width of the soft edge as a share of the face's size.", minimum=0.0, maximum=0.5)
    margin: float = _setting(
        0.0,
        "Grow the alpha beyond the mask by this share of the face's size, so that an editor's own mask has room.",
        minimum=0.0,
        maximum=0.5,
    )
    color_transfer: str = _setting(
        "lab",
        "How the swapped face takes on the colors of the plate.",
        choices={
            "none": "as the network made it",
            "mean": "the mean color of each channel",
            "histogram": "the histogram of each channel",
            "lab": "mean and spread in LAB (Reinhard)",
        },
    )
    color_steadiness: float = _setting(
        0.7,
        "How much neighboring frames share in the colors to match; 0 takes every frame alone, 0.9 a second around it.",
        minimum=0.0,
        maximum=0.999,
    )
    blend: str = _setting(
        "alpha",
        "How the edge is blended.",
        choices={"alpha": "soft edge", "poisson": "gradients of the swap, colors of the plate's edge (Poisson)"},
    )
    learned_mask: bool = _setting(True, "Let networks that learned a mask show the face only where it says.")
    opacity: float = _setting(1.0, "Strength of the swap.", minimum=0.0, maximum=1.0)
    sharpen: float = _setting(0.0, "Unsharp masking of the swapped face.", minimum=0.0, maximum=5.0)
    face_scale: float = _setting(1.0, "Size of the swapped face against the plate's.", minimum=0.5, maximum=2.0)
    bit_depth: int = _setting(
        8, "Bits of each channel of the written pictures.", choices={8: "usual", 16: "fine gradients"}
    )
    batch_size: int = _setting(8, "Faces the network swaps at a time.", minimum=1, maximum=256)
    threads: int = _setting(0, "Processor threads of the network; 0 takes all cores.", minimum=0, maximum=1024)
    mark_pictures: bool = _setting(
        True, "Write into every picture that a trained algorithm composited it (IPTC digital source type)."
    )


@dataclass(frozen=True)
class PeopleSettings(_Checked):
    """How alike face tracks of one person are, over all shots."""

    threshold: float = _setting(
        round(IDENTITY_LIMIT - LOOK_ALIKE_MARGIN, 3),
        "Largest distance between face tracks that counts as surely the same person.",
        minimum=0.05,
        maximum=2.0,
    )
    look_alike_margin: float = _setting(
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
