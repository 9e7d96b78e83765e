# SPDX-License-Identifier: GPL-3.0-or-later
"""The licence of every trained model that looks at faces, and what it means for paid work: the one source of it.

Menus, panels, the check and the reference all read it here, so that a choice is never shown without its terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelLicence:
    """The terms a model is under.

    Attributes:
        title: What people call the model.
        purpose: "detector", "landmarks", "irises", "hands" or "identity".
        licence: Name of the licence, or what takes its place.
        paid_work: Whether results may be used in paid work.
        meaning: What that means for the user, in a sentence or two.
    """

    title: str
    purpose: str
    licence: str
    paid_work: bool
    meaning: str

    @property
    def terms(self) -> str:
        """In a phrase, for menus: "Apache-2.0, paid work allowed"."""
        return f"{self.licence}, paid work allowed" if self.paid_work else f"{self.licence}: not for paid work"

    @property
    def sentence(self) -> str:
        """For panels: model, licence and meaning."""
        return f"{self.title}: {self.licence}. {self.meaning}"


_APACHE = "Paid work is allowed; the licence text travels with copies of the model."
_RESEARCH = (
    "Dedicated to the public domain by its author: paid work is allowed. The pictures it was trained on come from "
    "research collections."
)

LICENCES: dict[str, ModelLicence] = {
    "blazeface": ModelLicence("MediaPipe BlazeFace", "detector", "Apache-2.0", True, _APACHE),
    "dlib-hog": ModelLicence(
        "dlib HOG", "detector", "BSL-1.0", True, "It is part of dlib, under the Boost licence: paid work is allowed."
    ),
    "dlib-cnn": ModelLicence("dlib CNN", "detector", "CC0-1.0", True, _RESEARCH),
    "mesh": ModelLicence("MediaPipe face mesh", "landmarks", "Apache-2.0", True, _APACHE),
    "iris": ModelLicence("MediaPipe iris", "irises", "Apache-2.0", True, _APACHE),
    "dlib-68": ModelLicence(
        "dlib 68 points",
        "landmarks",
        "trained on iBUG 300-W",
        False,
        "The pictures of the iBUG 300-W training set exclude commercial use, and so does the model: not for paid work.",
    ),
    "palm": ModelLicence("MediaPipe palm detector", "hands", "Apache-2.0", True, _APACHE),
    "hand": ModelLicence("MediaPipe hand landmarks", "hands", "Apache-2.0", True, _APACHE),
    "dlib-identity": ModelLicence("dlib identity", "identity", "CC0-1.0", True, _RESEARCH),
}

# Tells persons apart in every search; there is no other choice.
IDENTITY = "dlib-identity"


def models_used(detector: str, landmarks: str) -> tuple[str, ...]:
    """Return the models that a search with these settings uses."""
    return (detector, landmarks, IDENTITY)


def paid_work_sentence(names: Iterable[str]) -> str:
    """Return whether results of these models may be used in paid work, and if not, which to choose instead."""
    barred = [LICENCES[name] for name in names if not LICENCES[name].paid_work]
    if not barred:
        return "Paid work is allowed with these models."
    instead = " or ".join(
        dict.fromkeys(
            other.title
            for item in barred
            for other in LICENCES.values()
            if other.purpose == item.purpose and other.paid_work
        )
    )
    what = " and ".join(f"{item.title} ({item.licence})" for item in barred)
    return f"Not for paid work: {what}. Choose {instead} for that."
