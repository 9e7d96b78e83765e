# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for swaps: make one, put finished frames back in, show, hide or remove it, take its settings."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from ..blender_addon import casting, ids, job_requests, readiness, shots
from ..blender_addon.batch import Batch
from ..blender_addon.insertion import insert_swap, take_out
from ..blender_addon.job_request import Preparation
from ..blender_addon.project_view import view
from ..blender_addon.sequencer import all_strips, sequencer_scene
from ..blender_addon.strips import find_strip, strip_shot, strip_uid
from ..blender_addon.swap_folders import swapped_folders
from ..blender_addon.swap_made_with import take_settings
from ..blender_addon.swap_strips import target_of
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.project import Project
from .base import Described, JobOperator
from .faces import chosen

_STRIP = "Name of a strip; empty takes the selected ones"
_TARGET = "Whose swap, where several people of a shot are replaced; empty takes the chosen swaps, or all of a shot"


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
    target: StringProperty(name="Target", description=_TARGET, options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why no frames can be put in."""
        return "" if bpy.app.background else readiness.insert_reason(context)

    def run(self, context: bpy.types.Context) -> str:
        """Insert the frames of every chosen shot that has some: of the swaps that are chosen, or of all it ever had."""
        scene, project = sequencer_scene(context), job_requests.project_of_edit()
        target = _id(context, self.target)
        strips = chosen(context, self.strip)
        found = {strip_uid(strip): _folders(context, project, strip, self.strip, target) for strip in strips}
        batch, count = Batch(), 0
        for uid, folders in found.items():
            for folder in folders or [None]:
                with batch.attempt():
                    # Inserting changes the edit; each strip is looked up when its turn comes.
                    strip: Any = find_strip(scene, uid)
                    if folder is None:
                        raise _no_frames(strip.name, self.target)
                    insert_swap(scene, strip, strip_shot(scene, strip), folder)
                    count += 1
        batch.require(count > 0)
        for remark in batch.remarks:
            self.report({"WARNING"}, remark)
        return f"Swaps put into the edit: {count}."


def _folders(context: bpy.types.Context, project: Project, strip: Any, name: str, target: str) -> list[Path]:
    """Return the folders to insert: the target's, those of the swaps that are chosen themselves, or all of the shot."""
    picked = {target_of(swap) for swap in shots.picked_swaps(context, strip, name)}
    found = swapped_folders(project, strip_uid(strip))
    if target:
        return [folder for folder, targets in found.items() if shots.replaces(targets, target)]
    return [folder for folder, targets in found.items() if not picked or targets in picked]


def _no_frames(name: str, target: str) -> EngineError:
    whose = f" with {target} replaced" if target else ""
    return EngineError(ErrorCode.STRIP_MISSING, f"“{name}” has no swapped frames{whose} yet.", "Swap its faces first.")


class _OfSwaps(Described):
    """Mixin of operators that work on swaps which are in the edit."""

    strip: StringProperty(name="Strip", description=_STRIP, options={"SKIP_SAVE"})
    target: StringProperty(name="Target", description=_TARGET, options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is no swap to work on."""
        return "" if bpy.app.background else readiness.swaps_reason(context)

    def swaps(self, context: bpy.types.Context) -> list[Any]:
        """Return the chosen swap strips.

        Raises:
            EngineError: `strip_missing`, when there are none.
        """
        swaps = shots.chosen_swaps(context, self.strip, _id(context, self.target))
        if not swaps:
            whose = f" with {self.target} replaced" if self.target else ""
            raise EngineError(
                ErrorCode.STRIP_MISSING, f"The chosen shots have no swap{whose}.", "Swap their faces first."
            )
        return swaps


class UNDERSTUDY_OT_swap_toggle(_OfSwaps, bpy.types.Operator):
    """Show or hide the chosen swaps."""

    bl_idname = ids.Operator.SWAP_TOGGLE
    bl_label = "Show or Hide Swap"
    bl_description = "Show the plate or the swap: mutes and unmutes the selected swaps, or all of the selected shots"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> str:
        """Hide all of them if one is visible, else show them all."""
        swaps = self.swaps(context)
        is_muted = any(not swap.mute for swap in swaps)
        for swap in swaps:
            swap.mute = is_muted
        names = ", ".join(f"“{swap.name}”" for swap in swaps)
        return f"{'Hidden' if is_muted else 'Shown'}: {names}."


class UNDERSTUDY_OT_swap_remove(_OfSwaps, bpy.types.Operator):
    """Take the chosen swaps out of the edit; their frames stay on disk."""

    bl_idname = ids.Operator.SWAP_REMOVE
    bl_label = "Remove Swap"
    bl_description = (
        "Take the selected swaps, or all of the selected shots, out of the edit; frames stay in the project folder"
    )
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> str:
        """Remove the strips and the masks nobody else uses."""
        scene = sequencer_scene(context)
        names = [swap.name for swap in self.swaps(context)]
        for name in names:
            # Removing changes the edit; each strip is looked up when its turn comes.
            take_out(next(strip for strip in all_strips(scene) if strip.name == name))
        return f"Swaps taken out of the edit: {len(names)}."


def _id(context: bpy.types.Context, performer: str) -> str:
    """Return a performer's id by name or id; that of somebody who was removed from the edit still names their swaps."""
    item = casting.find_performer(sequencer_scene(context).understudy, performer)
    return performer if item is None else item.performer_id


class UNDERSTUDY_OT_swap_settings_take(_OfSwaps, bpy.types.Operator):
    """Put what a swap was made with back into the panel."""

    bl_idname = ids.Operator.SWAP_SETTINGS_TAKE
    bl_label = "Take This Swap's Settings"
    bl_description = (
        "Put the comp settings, the performers and the model that the selected swap was made with back into the panel"
    )
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> str:
        """Take them from the one swap that is chosen."""
        swaps = self.swaps(context)
        if len(swaps) > 1:
            names = ", ".join(f"“{swap.name}”" for swap in swaps)
            raise EngineError(
                ErrorCode.STRIP_UNSUPPORTED, f"There are several swaps: {names}.", "Select the one that is meant."
            )
        models = [item.name for item in view(job_requests.project_of_edit()).models()]
        left = take_settings(sequencer_scene(context).understudy, swaps[0], models)
        if left:
            self.report({"WARNING"}, f"Left as it was, because this edit lacks what the swap had: {', '.join(left)}.")
        return f"The settings of “{swaps[0].name}” are in the panel."


CLASSES = (
    UNDERSTUDY_OT_swap,
    UNDERSTUDY_OT_swap_insert,
    UNDERSTUDY_OT_swap_toggle,
    UNDERSTUDY_OT_swap_remove,
    UNDERSTUDY_OT_swap_settings_take,
)
