# SPDX-License-Identifier: GPL-3.0-or-later
"""How the network learns the performers: the settings of a training."""

from __future__ import annotations

from dataclasses import dataclass

from .setting_fields import Checked, setting

# Keras' backends that networks are trained with, the usual one first, and the word for what KERAS_BACKEND says.
BACKENDS = ("tensorflow", "torch", "jax")
FROM_ENVIRONMENT = "auto"


@dataclass(frozen=True)
class TrainSettings(Checked):
    """How the network learns the performers."""

    family: str = setting(
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
    batch_size: int = setting(
        0, "Faces of each performer in a step; 0 takes the family's own.", minimum=0, maximum=1024
    )
    learning_rate: float = setting(
        0.0, "Step size of the optimizer; 0 takes the family's own.", minimum=0.0, maximum=1.0
    )
    eyes_and_mouth: float = setting(
        1.0,
        "How much more than the rest of the face eyes and mouth count in the loss of quick and studio: 1 is the "
        "recipe's, 0 no more.",
        minimum=0.0,
        maximum=4.0,
    )
    growth_steps: int = setting(
        0,
        "Steps at each size before a growing network (studio) goes on to the next larger; 0 takes the family's own.",
        unit="steps",
        minimum=0,
        maximum=10_000_000,
    )
    finish: bool = setting(
        False,
        "Train a copy of the model (of quick or studio) against a discriminator that tells real from made faces, for "
        "finer skin; the model itself stays as it is.",
    )
    maximum_steps: int = setting(
        1_000_000, "Stop after this many steps in all.", unit="steps", minimum=1, maximum=100_000_000
    )
    maximum_minutes: float = setting(
        0.0,
        "How long this run may train, saving and the last pictures included; 0 means no limit.",
        unit="minutes",
        minimum=0.0,
    )
    save_interval: int = setting(100, "Write a checkpoint every n steps.", unit="steps", minimum=1, maximum=1_000_000)
    preview_interval: int = setting(
        50, "Write the preview picture every n steps.", unit="steps", minimum=1, maximum=1_000_000
    )
    snapshot_minutes: float = setting(
        30.0,
        "Keep a snapshot of the model after every so many minutes of training; 0 takes none by time.",
        unit="minutes",
        minimum=0.0,
    )
    snapshots_kept: int = setting(
        2,
        "How many snapshots by time, and as many at milestones of quality, are kept; 0 takes none.",
        minimum=0,
        maximum=1000,
    )
    stop_at_plateau: bool = setting(
        False, "Stop once training twice as long would surely improve faces not trained on by less than 5 %."
    )
    augment_light: float = setting(
        0.0, "How strongly the light on the network's input is varied, from any side.", minimum=0.0, maximum=1.0
    )
    augment_blur: float = setting(
        0.0,
        "How strongly the network's input is blurred now and then, as by focus or motion.",
        minimum=0.0,
        maximum=1.0,
    )
    augment_jpeg: float = setting(
        0.0, "How strongly the network's input is compressed now and then, as in bad footage.", minimum=0.0, maximum=1.0
    )
    augment_occluders: float = setting(
        -1.0,
        "How often and how far made-up things hide the face in the network's input; -1 takes the family's own.",
        minimum=-1.0,
        maximum=1.0,
    )
    augment_color: float = setting(
        -1.0, "How strongly the network's input is recolored; -1 takes the family's own.", minimum=-1.0, maximum=1.0
    )
    augment_turn: float = setting(
        0.0,
        "How far heads are also learned turned and nodded beyond their frames; helps when poses are few.",
        unit="degrees",
        minimum=0.0,
        maximum=30.0,
    )
    augment_flip: str = setting(
        "family",
        "Whether faces are also learned mirrored.",
        choices={
            "family": "as the network's recipe has it",
            "symmetric": "half of the time, but only performers whose two halves look alike",
            "never": "never",
        },
    )
    perceptual: str = setting(
        "none",
        "Whether the families gan and gan128 also compare faces as a network that knows pictures sees them.",
        choices={
            "none": "by their pixels only",
            "resnet50": "as Keras' ResNet50 sees them too; its weights have to be on this machine",
        },
    )
    perceptual_weights: str = setting(
        "", "File (.h5) with that network's weights; empty takes them from Keras' own cache.", metavar="FILE"
    )
    precision: str = setting(
        "auto",
        "Number format of the arithmetic.",
        choices={
            "auto": "bfloat16 where the processor has it and the family allows it, else float32",
            "float32": "exact, slower",
            "mixed_bfloat16": "faster on processors with bfloat16",
        },
    )
    backend: str = setting(
        FROM_ENVIRONMENT,
        "Which library computes; those other than TensorFlow have to be installed into the engine's environment.",
        choices={
            FROM_ENVIRONMENT: "what the environment variable KERAS_BACKEND says, else TensorFlow",
            "tensorflow": "TensorFlow, which the engine comes with",
            "torch": "PyTorch: Windows' NVIDIA cards, Apple's chips, AMD's cards",
            "jax": "JAX: several cards, several machines",
        },
    )
    workers: int = setting(
        1,
        "How many processes, on this and other machines, train the model together; needs JAX.",
        minimum=1,
        maximum=1024,
    )
    worker: int = setting(0, "Which of them this one is; 0 leads and writes the model.", minimum=0, maximum=1023)
    coordinator: str = setting("", "Where the others find the one that leads.", metavar="HOST:PORT")
    deterministic: bool = setting(False, "Give the same result on every run, at the price of one CPU thread.")
    seed: int = setting(0, "Start of the random numbers.", minimum=0, maximum=2_147_483_647)
    warm_start: str = setting("", "Folder of a trained model to start from instead of from scratch.", metavar="MODEL")
    resume_from: str = setting(
        "", "Go on from this checkpoint file of the model's folder instead of the newest.", metavar="FILE"
    )
    threads: int = setting(
        0,
        "Processor threads of the arithmetic; 0 takes all cores. A deterministic training takes one.",
        minimum=0,
        maximum=1024,
    )
    memory_growth: bool = setting(True, "Take a graphics card's memory as needed instead of all of it at once.")
