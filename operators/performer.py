# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for performers: add, remove, note their consent."""

from typing import Any

import bpy
from bpy.props import StringProperty

from ..blender_addon import casting, ids
from ..blender_addon.sequencer import sequencer_scene
from ..engine.contract.errors import EngineError, ErrorCode
from ..engine.contract.performers import Consent
from .base import Described


def _active(settings: Any, name: str) -> Any:
    if name:
        return casting.require_performer(settings, name)
    if not 0 <= settings.active_performer < len(settings.performers):
        raise EngineError(ErrorCode.PERFORMER_UNKNOWN, "No performer is chosen.", "Add or choose one first.")
    return settings.performers[settings.active_performer]


class UNDERSTUDY_OT_performer_add(Described, bpy.types.Operator):
    """Add a performer to this edit."""

    bl_idname = ids.Operator.PERFORMER_ADD
    bl_label = "Add Performer"
    bl_description = "Add a person who can stand in or be stood in for"
    bl_options = {"REGISTER", "UNDO"}

    name: StringProperty(name="Name", description="Name of the performer", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the name."""
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the field of the name, ready to be typed into."""
        row = self.layout.row()
        row.activate_init = True
        row.prop(self, "name")

    def run(self, context: bpy.types.Context) -> str:
        """Add the performer."""
        item = casting.add_performer(sequencer_scene(context).understudy, self.name)
        return f"{item.name} is in the cast; note their consent before you swap."


class UNDERSTUDY_OT_performer_remove(Described, bpy.types.Operator):
    """Take a performer out of this edit."""

    bl_idname = ids.Operator.PERFORMER_REMOVE
    bl_label = "Remove Performer"
    bl_description = "Take the performer and their assignments out of this edit; faces and models on disk stay"
    bl_options = {"REGISTER", "UNDO"}

    performer: StringProperty(name="Performer", description="Name; empty takes the active one", options={"SKIP_SAVE"})

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why nobody can be removed."""
        return "" if sequencer_scene(context).understudy.performers else "There is no performer"

    def run(self, context: bpy.types.Context) -> str:
        """Remove the performer."""
        settings = sequencer_scene(context).understudy
        item = _active(settings, self.performer)
        name = item.name
        casting.remove_performer(settings, item)
        return f"{name} is out of the cast."


class UNDERSTUDY_OT_performer_consent(Described, bpy.types.Operator):
    """Note what a performer agreed to."""

    bl_idname = ids.Operator.PERFORMER_CONSENT
    bl_label = "Note Consent"
    bl_description = "Write down who agreed to what, where the paper is and how long it holds"
    bl_options = {"REGISTER", "UNDO"}

    performer: StringProperty(name="Performer", description="Name; empty takes the active one", options={"SKIP_SAVE"})
    note: StringProperty(name="Consent", description="Who agreed to what, in your words", options={"SKIP_SAVE"})
    document: StringProperty(
        name="Document", description="Path or reference of the signed paper", options={"SKIP_SAVE"}, subtype="FILE_PATH"
    )
    valid_until: StringProperty(
        name="Valid Until", description="Last day, YYYY-MM-DD; empty means no end", options={"SKIP_SAVE"}
    )

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str:
        """Return why there is nobody to note a consent of."""
        return "" if sequencer_scene(context).understudy.performers else "Add a performer first"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show what is noted already."""
        settings = sequencer_scene(context).understudy
        index = min(settings.active_performer, len(settings.performers) - 1)
        item = casting.find_performer(settings, self.performer) or settings.performers[index]
        self.performer = item.name
        self.note, self.document, self.valid_until = item.note, item.document, item.valid_until
        return context.window_manager.invoke_props_dialog(self, width=500)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw whose consent it is, the fields, and what is wrong with the date while the note can still be kept."""
        layout = self.layout
        layout.use_property_split = True
        layout.label(text=self.performer, icon="USER")
        for name in ("note", "document", "valid_until"):
            layout.prop(self, name)
        try:
            self._noted()
        except EngineError as error:
            layout.label(text=error.message, icon="ERROR")
            layout.label(text=error.hint, icon="BLANK1")

    def _noted(self) -> Consent:
        return Consent(self.note.strip(), self.document.strip(), self.valid_until.strip())

    def run(self, context: bpy.types.Context) -> str:
        """Check and store the note."""
        item = _active(sequencer_scene(context).understudy, self.performer)
        consent = self._noted()
        item.note, item.document, item.valid_until = consent.note, consent.document, consent.valid_until
        return f"Consent of {item.name}: {casting.consent_state(item)}."


CLASSES = (UNDERSTUDY_OT_performer_add, UNDERSTUDY_OT_performer_remove, UNDERSTUDY_OT_performer_consent)
