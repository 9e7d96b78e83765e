# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 5: who stands in for whom, and the swaps of the chosen shots."""

from typing import Any

import bpy

from ..blender_addon import casting, ids, readiness, shots
from ..blender_addon.found_model import FoundModel
from ..blender_addon.job_requests import project_of_edit
from ..blender_addon.project_view import view
from ..blender_addon.sequencer import sequencer_scene
from ..blender_addon.swap_age import remarks
from ..blender_addon.swap_content import SOURCE
from ..blender_addon.swap_strips import target_of
from ..engine.contract.settings import SwapSettings
from .layout import SidebarPanel, button, sentence, settings_rows
from .model_import import draw_model

_SWAPS_SHOWN = 4
_TRUST = {
    "missing": "{name} has no consent note. The swap's report will say so.",
    "expired": "The consent of {name} has expired. The swap's report will say so.",
}


class SEQUENCER_PT_understudy_swap(SidebarPanel, bpy.types.Panel):
    """The swap and what lies over the chosen shots."""

    bl_idname = ids.Panel.SWAP
    bl_label = "5  Swap"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the roles, the button, the trust line and the swaps that are there."""
        layout, settings = self.layout, sequencer_scene(context).understudy
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        column.prop_search(settings, "source", settings, "performers", text="Who Appears", icon="USER")
        column.prop_search(settings, "target", settings, "performers", text="In Place Of", icon="USER")
        draw_model(column, settings)
        count = sum(strip.type in shots.SHOT_KINDS for strip in shots.chosen_strips(context))
        text = "Swap Faces" if count < 2 else f"Swap Faces in {count} Shots"
        button(layout, ids.Operator.SWAP, readiness.swap_reason(context), text, "UV_SYNC_SELECT")
        _draw_licence(layout, settings.model)
        for role in (settings.source, settings.target):
            _draw_trust(layout, casting.find_performer(settings, role))
        _draw_swaps(layout, context)


def _draw_licence(layout: bpy.types.UILayout, name: str) -> None:
    """Say who made a network that wasn't trained here, or that nobody answered for it."""
    model = _find_model(name.strip())
    if model is None or model.licence is None:
        return
    row = layout.row()
    row.label(text=name, icon="CHECKMARK" if model.licence.is_complete else "ERROR")
    row.operator(ids.Operator.MODEL_LICENCE, text="Note", icon="GREASEPENCIL").model = name
    if model.licence.is_complete:
        sentence(layout, f"{model.licence.sentence[:1].upper()}{model.licence.sentence[1:]}.")
    else:
        sentence(layout, "Who made it and what its licence allows isn't on record. The swap's report will say so.")


def _draw_trust(layout: bpy.types.UILayout, item: Any) -> None:
    if item is None:
        return
    state = casting.consent_state(item)
    if state != "given":
        sentence(layout, _TRUST[state].format(name=item.name), icon=casting.CONSENT_ICONS[state])


def _draw_swaps(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    swaps = [(strip, swap) for strip, found in shots.shots_with_swap(context) for swap in found]
    for strip, swap in swaps[:_SWAPS_SHOWN]:
        row = layout.row(align=True)
        row.label(text=_who(strip, swap))
        row.operator(ids.Operator.SWAP_TOGGLE, text="", icon="HIDE_ON" if swap.mute else "HIDE_OFF").strip = swap.name
        for remark in remarks(strip, swap, _find_model):
            sentence(layout, remark, icon="INFO")
    if len(swaps) > _SWAPS_SHOWN:
        layout.label(text=f"and {len(swaps) - _SWAPS_SHOWN} more")
    if swaps:
        chosen, row = len(shots.chosen_swaps(context)), layout.row(align=True)
        text = "Plate / Swap" if chosen == len(swaps) else f"Plate / Swap ({chosen} of {len(swaps)})"
        row.operator(ids.Operator.SWAP_TOGGLE, text=text, icon="HIDE_OFF")
        row.operator(ids.Operator.SWAP_INSERT, text="", icon="FILE_REFRESH")
        row.operator(ids.Operator.SWAP_REMOVE, text="", icon="TRASH")
    layout.operator(ids.Operator.FOLDER_OPEN, icon="FILE_FOLDER")


def _find_model(name: str) -> FoundModel | None:
    return view(project_of_edit()).model(name) if bpy.data.filepath and name else None


def _who(strip: Any, swap: Any) -> str:
    """Return whom a swap puts in whose place: "Duo: Ben in place of Anna"."""
    target, source = (casting.names_of(strip.id_data, names) for names in (target_of(swap), swap.get(SOURCE, "")))
    return f"{strip.name}: {source or '…'} in place of {target}" if target else swap.name


class SEQUENCER_PT_understudy_swap_settings(SidebarPanel, bpy.types.Panel):
    """Settings of the comp."""

    bl_idname = ids.Panel.SWAP_SETTINGS
    bl_parent_id = ids.Panel.SWAP
    bl_label = "Comp Settings"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings, and where to take a swap's own from."""
        if shots.shots_with_swap(context):
            self.layout.operator(ids.Operator.SWAP_SETTINGS_TAKE, icon="EYEDROPPER")
        settings_rows(self.layout, sequencer_scene(context).understudy.swap, SwapSettings)


CLASSES = (SEQUENCER_PT_understudy_swap, SEQUENCER_PT_understudy_swap_settings)
