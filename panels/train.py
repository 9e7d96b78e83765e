# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 4: a model that knows the performers, and its preview."""

from pathlib import Path

import bpy

from ..blender_addon import casting, ids, job_requests, previews, readiness
from ..blender_addon.found_model import FoundModel
from ..blender_addon.project_view import view
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.project import CURVE_FILE, PREVIEW_FILE, SHOT_PREVIEW_FILE
from ..engine.contract.settings import TrainSettings
from .layout import SidebarPanel, button, sentence, settings_rows
from .model_import import draw_model

_PREVIEW_SCALE = 9.0
_DRAWN_ABOVE = ("family", "maximum_minutes")
# Blender starts one process; several are started by hand.
_FOR_TERMINALS = ("workers", "worker", "coordinator")
# Settings, and how the names of the networks begin that heed them.
_OF_FAMILIES = (
    (("eyes_and_mouth",), ("quick", "studio")),
    (("growth_steps",), ("studio",)),
    (("finish",), ("quick", "studio")),
    (("perceptual", "perceptual_weights"), ("gan",)),
)


class SEQUENCER_PT_understudy_train(SidebarPanel, bpy.types.Panel):
    """The model and its training."""

    bl_idname = ids.Panel.TRAIN
    bl_label = "4  Train"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the model's name, who is learned, the button and the preview."""
        layout, settings = self.layout, sequencer_scene(context).understudy
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        draw_model(column, settings)
        column.prop(settings.train, "family", text="Network")
        column.prop(settings.train, "maximum_minutes", text="Minutes at Most")
        model = _model(settings.model)
        cast = [item.name for item in settings.performers if casting.tracks_by_footage(settings, item.performer_id)]
        if len(cast) >= 2:
            sentence(layout, f"Learns {', '.join(cast)}.", icon="USER")
        text = "Go On Training" if model is not None and model.step else "Train"
        reason = readiness.train_reason(context) or readiness.model_reason(context)
        button(layout, ids.Operator.TRAIN_START, reason, text, "PLAY")
        if model is not None and model.step is not None and not model.is_imported:
            layout.label(text=f"{model.step} steps trained{f' ({model.family})' if model.family else ''}")
        if bpy.data.filepath and settings.model.strip():
            # Written long before the first checkpoint, and renewed while the training runs.
            folder = model.folder if model is not None else job_requests.project_of_edit().model(settings.model)
            _draw_preview(layout, settings.model, folder)


def _model(name: str) -> FoundModel | None:
    return view(job_requests.project_of_edit()).model(name) if bpy.data.filepath and name.strip() else None


def _draw_preview(layout: bpy.types.UILayout, name: str, folder: Path) -> None:
    icon = previews.icon(folder / PREVIEW_FILE)
    if icon:
        layout.template_icon(icon_value=icon, scale=_PREVIEW_SCALE)
        layout.operator(ids.Operator.PREVIEW_SHOW, icon="IMAGE_DATA").model = name
    shot = previews.icon(folder / SHOT_PREVIEW_FILE)
    if shot:
        layout.label(text="Plate and swap, where the playhead was")
        layout.template_icon(icon_value=shot, scale=_PREVIEW_SCALE)
    curve = previews.icon(folder / CURVE_FILE)
    if curve:
        layout.label(text="Losses over the steps")
        layout.template_icon(icon_value=curve, scale=_PREVIEW_SCALE)


class SEQUENCER_PT_understudy_train_settings(SidebarPanel, bpy.types.Panel):
    """Settings of the training."""

    bl_idname = ids.Panel.TRAIN_SETTINGS
    bl_parent_id = ids.Panel.TRAIN
    bl_label = "Training Settings"
    bl_options = {"DEFAULT_CLOSED"}
    # Below the training set, which is drawn by another module.
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings that aren't on the panel itself and mean something to the chosen network."""
        settings = sequencer_scene(context).understudy.train
        others = [name for names, begin in _OF_FAMILIES for name in names if not settings.family.startswith(begin)]
        defaults = TrainSettings()
        # What was set nevertheless has to be found again.
        idle = [name for name in (*_FOR_TERMINALS, *others) if getattr(settings, name) == getattr(defaults, name)]
        settings_rows(self.layout, settings, TrainSettings, (*_DRAWN_ABOVE, *idle))


CLASSES = (SEQUENCER_PT_understudy_train, SEQUENCER_PT_understudy_train_settings)
