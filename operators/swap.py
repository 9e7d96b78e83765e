# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for swaps: make one, put finished frames back in, show and hide it, remove it."""

from typing import Any

import bpy
from bpy.props import StringProperty

from ..blender_addon import ids, job_requests, readiness, shots
from ..blender_addon.batch import Batch
from ..blender_addon.insertion import insert_swap, remove_swap
from ..blender_addon.job_request import Preparation
from ..blender_addon.sequencer import sequencer_scene
from ..blender_addon.strips import find_strip, known_uid, strip_shot, strip_uid
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.project import SWAP_FILE
from .base import Described, JobOperator
from .faces import chosen

_STRIP = "Name of a strip; empty takes the selected ones"


class UNDERSTUDY_OT_swap(JobOperator, bpy.types.Operator):
    """Swap the target's face for the source's in the chosen shots and put the frames over them."""

    bl_idname = ids.Operator.SWAP
    bl_label = "Swap Faces"
    bl_description = (
        "Put the source's face on the target in the selected shots, as a new strip above each with its own mask"
    )
    bl_options = {"REGISTER"}

    strip: StringProperty(name="Strip", description=_STRIP, options={"SKIP_SAVE"})
    model: StringProperty(name="Model", description="Name of the model; empty takes the scene's", options={"SKIP_SAVE"})
    source: StringProperty(
        name="Source", description="Who shall appear; empty takes the scene's", options={"SKIP_SAVE"}
    )
    target: StringProperty(
        name="Target", description="Whose face is replaced; empty takes the scene's", options={"SKIP_SAVE"}
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why nothing can be swapped; a script's own choices are checked when it runs."""
        return readiness.edit_reason(context) if bpy.app.background else readiness.swap_reason(context)

    def preparation(self, context: bpy.types.Context) -> Preparation:
        """Find out one swap for each shot."""
        strips = chosen(context, self.strip)
        return job_requests.swap_requests(context, strips, self.model.strip(), self.source.strip(), self.target.strip())


class UNDERSTUDY_OT_swap_insert(Described, bpy.types.Operator):
    """Put frames that are finished already over their shots, without running the network."""

    bl_idname = ids.Operator.SWAP_INSERT
    bl_label = "Insert Frames"
    bl_description = "Put frames that were swapped already over the selected shots again, without running the network"
    bl_options = {"REGISTER", "UNDO"}

    strip: StringProperty(name="Strip", description=_STRIP, options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why no frames can be put in."""
        return "" if bpy.app.background else readiness.insert_reason(context)

    def run(self, context: bpy.types.Context) -> str:
        """Insert the frames of every chosen shot that has some."""
        scene, project = sequencer_scene(context), job_requests.project_of_edit()
        uids = [strip_uid(strip) for strip in chosen(context, self.strip)]
        batch, count = Batch(), 0
        for uid in uids:
            with batch.attempt():
                # Inserting changes the edit; each strip is looked up when its turn comes.
                strip: Any = find_strip(scene, uid)
                folder = shots.swap_folder(project, strip, uid)
                if not (folder / SWAP_FILE).is_file():
                    raise EngineError(
                        ErrorCode.STRIP_MISSING, f"“{strip.name}” has no swapped frames yet.", "Swap its faces first."
                    )
                insert_swap(scene, strip, strip_shot(scene, strip), folder)
                count += 1
        batch.require(count > 0)
        for remark in batch.remarks:
            self.report({"WARNING"}, remark)
        return f"Frames inserted over shots: {count}."


class UNDERSTUDY_OT_swap_toggle(Described, bpy.types.Operator):
    """Show or hide the swaps of the chosen shots."""

    bl_idname = ids.Operator.SWAP_TOGGLE
    bl_label = "Show or Hide Swap"
    bl_description = "Show the plate or the swap: mutes and unmutes the swap of the selected shots"
    bl_options = {"REGISTER", "UNDO"}

    strip: StringProperty(name="Strip", description=_STRIP, options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nothing to show or hide."""
        return "" if bpy.app.background else readiness.swaps_reason(context)

    def run(self, context: bpy.types.Context) -> str:
        """Hide all of them if one is visible, else show them all."""
        swaps = [swap for _, swap in _with_swap(context, self.strip)]
        is_muted = any(not swap.mute for swap in swaps)
        for swap in swaps:
            swap.mute = is_muted
        return "The plate is shown." if is_muted else "The swap is shown."


class UNDERSTUDY_OT_swap_remove(Described, bpy.types.Operator):
    """Take the swaps of the chosen shots out of the edit; their frames stay on disk."""

    bl_idname = ids.Operator.SWAP_REMOVE
    bl_label = "Remove Swap"
    bl_description = "Take the swap of the selected shots out of the edit; its frames stay in the project folder"
    bl_options = {"REGISTER", "UNDO"}

    strip: StringProperty(name="Strip", description=_STRIP, options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nothing to remove."""
        return "" if bpy.app.background else readiness.swaps_reason(context)

    def run(self, context: bpy.types.Context) -> str:
        """Remove the strips and the masks nobody else uses."""
        scene = sequencer_scene(context)
        uids = [known_uid(strip) for strip, _ in _with_swap(context, self.strip)]
        for uid in uids:
            remove_swap(scene, find_strip(scene, uid))
        return f"Swaps taken out of the edit: {len(uids)}."


def _with_swap(context: bpy.types.Context, name: str) -> list[tuple[Any, Any]]:
    pairs = shots.shots_with_swap(context, name)
    if not pairs:
        raise EngineError(ErrorCode.STRIP_MISSING, "The chosen shots have no swap.", "Swap their faces first.")
    return pairs


CLASSES = (UNDERSTUDY_OT_swap, UNDERSTUDY_OT_swap_insert, UNDERSTUDY_OT_swap_toggle, UNDERSTUDY_OT_swap_remove)
