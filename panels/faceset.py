# SPDX-License-Identifier: GPL-3.0-or-later
"""Part of step 4: the training set of who shall appear, and how well it covers the shots."""

from typing import Any

import bpy

from ..blender_addon import casting, ids, previews, readiness, training_sets
from ..blender_addon.job_requests import project_of_edit
from ..blender_addon.project_view import view
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.project import COVERAGE_FILE
from .layout import SidebarPanel, button, sentence

_PICTURE_SCALE = 12.0
_GAPS_SHOWN = 3


class SEQUENCER_PT_understudy_faceset(SidebarPanel, bpy.types.Panel):
    """Which faces are trained on, and what is missing."""

    bl_idname = ids.Panel.FACESET
    bl_parent_id = ids.Panel.TRAIN
    bl_label = "Training Set"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw who stands in for whom, the button, and what was chosen."""
        layout, settings = self.layout, sequencer_scene(context).understudy
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        column.prop_search(settings, "source", settings, "performers", text="Who Appears", icon="USER")
        column.prop_search(settings, "target", settings, "performers", text="In Place Of", icon="USER")
        column.prop(settings.build, "maximum_faces")
        column.prop(settings.build, "maximum_occlusion")
        column.prop(settings.build, "drop_duplicates")
        button(layout, ids.Operator.FACESET_BUILD, readiness.build_reason(context), icon="PRESET")
        layout.prop(settings, "use_training_sets")
        source = casting.find_performer(settings, settings.source)
        if source is not None and bpy.data.filepath:
            _draw_set(layout, settings, source)


def _draw_set(layout: bpy.types.UILayout, settings: Any, item: Any) -> None:
    project = project_of_edit()
    found = view(project).training_set(item.performer_id)
    if found is None:
        sentence(layout, f"No training set for {item.name}: training takes all their faces.")
        return
    parts = training_sets.assigned_parts(settings, project, item.performer_id)
    if view(project).fresh_training_set(item.performer_id, parts) is None:
        sentence(layout, f"The faces of {item.name} have changed since. Build it again; until then training takes all.",
                 icon="ERROR")  # fmt: skip
    for number, text in enumerate(found.sentences[: _GAPS_SHOWN + 1]):
        sentence(layout, text, icon="CHECKMARK" if number == 0 else "ERROR")
    more = len(found.sentences) - _GAPS_SHOWN - 1
    if more > 0:
        layout.label(text=f"and {more} more, see the picture", icon="BLANK1")
    left_out = [f"{found.duplicates} near-duplicates"] if found.duplicates else []
    left_out += [f"{found.hidden} hidden ones"] if found.hidden else []
    if left_out:
        sentence(layout, f"Left out: {', '.join(left_out)}.")
    icon = previews.icon(project.training_set(item.performer_id) / COVERAGE_FILE)
    if icon:
        layout.template_icon(icon_value=icon, scale=_PICTURE_SCALE)
    layout.operator(ids.Operator.FACESET_SHOW, icon="IMAGE_DATA").performer = item.name


CLASSES = (SEQUENCER_PT_understudy_faceset,)
