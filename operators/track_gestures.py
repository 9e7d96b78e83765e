# SPDX-License-Identifier: GPL-3.0-or-later
"""The mouse in the preview, for operators that move and add faces: invoked they follow it, then run as from a script.

Like Blender's own transform these are modal for as long as the mouse is dragged; the work itself is a job.
"""

from typing import Any

import bpy

from ..blender_addon import face_overlay, faces_in_frame, readiness
from ..blender_addon.gestures import BoxGesture, FaceGesture, Mode
from ..engine.contract.errors import EngineError, ErrorCode

_NAVIGATION = {"MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "TRACKPADPAN", "TRACKPADZOOM", "MOUSEROTATE"}


class Gesturing:
    """Mixin: `gesture` begins it, `take` turns its result into the operator's properties."""

    help_text = ""

    def gesture(self: Any, context: bpy.types.Context, view: Any, is_over: bool) -> FaceGesture | BoxGesture:
        """Begin at a place in view units, which may lie outside of the preview: over the button that was pressed."""
        raise NotImplementedError

    def take(self: Any, gesture: Any) -> bool:
        """Set the operator's properties; return False when there is nothing to do."""
        raise NotImplementedError

    def handle(self: Any, gesture: Any, event: bpy.types.Event) -> bool:
        """React to a button or key; return whether the gesture is complete."""
        raise NotImplementedError

    def invoke(self: Any, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin to follow the mouse; without a preview on screen run as from a script."""
        result = self.guarded(lambda c: self._begin(c, event), context)
        if result != {"FINISHED"}:
            return result
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def _begin(self: Any, context: bpy.types.Context, event: bpy.types.Event) -> str:
        self._area, self._region = preview_on_screen(context)
        self._gesture = self.gesture(context, self._place(event), self._is_over(event))
        face_overlay.gesture[:] = [self._gesture]
        face_overlay.advice = self.help_text
        context.workspace.status_text_set(self.help_text)
        context.window.cursor_modal_set("CROSSHAIR")
        self._area.tag_redraw()
        return ""

    def modal(self: Any, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Follow the mouse until it is confirmed or given up."""
        if event.type in _NAVIGATION:
            return {"PASS_THROUGH"}
        if event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS":
            self.cancel(context)
            return {"CANCELLED"}
        if self._gesture.is_waiting and event.type == "LEFTMOUSE" and not self._is_over(event):
            # Another button was pressed; who wants that one doesn't want this.
            self.cancel(context)
            return {"CANCELLED", "PASS_THROUGH"}
        if event.type == "MOUSEMOVE":
            self._gesture.follow(self._place(event))
        self._area.tag_redraw()
        if not self.handle(self._gesture, event):
            return {"RUNNING_MODAL"}
        self.cancel(context)
        return self.execute(context) if self.take(self._gesture) else {"CANCELLED"}

    def cancel(self: Any, context: bpy.types.Context) -> None:
        """Leave the preview and the cursor as they were; also called by Blender when a file is loaded."""
        face_overlay.gesture.clear()
        context.workspace.status_text_set(None)
        context.window.cursor_modal_restore()
        self._area.tag_redraw()

    def _place(self: Any, event: bpy.types.Event) -> Any:
        x, y = event.mouse_x - self._region.x, event.mouse_y - self._region.y
        return self._region.view2d.region_to_view(x, y)

    def _is_over(self: Any, event: bpy.types.Event) -> bool:
        x, y = event.mouse_x - self._region.x, event.mouse_y - self._region.y
        return 0 <= x < self._region.width and 0 <= y < self._region.height


class FaceGesturing(Gesturing):
    """Mixin: the active face is moved, scaled or turned."""

    help_text = "Drag the face, or press G to move, S to scale, R to turn it, then click; Esc cancels"

    def gesture(self: Any, context: bpy.types.Context, view: Any, is_over: bool) -> FaceGesture:
        """Take the active face, or the track the button names."""
        faces = faces_in_frame.faces_at_playhead(context)
        chosen = [face for face in faces if self.track in (0, face.track.id)]
        face = faces_in_frame.active_face(context, chosen)
        if face is None:
            raise EngineError(
                ErrorCode.TRACKS_MISSING,
                "There is no face to move in this frame.",
                "Go to a frame with the face, or add it there.",
            )
        self.strip, self.track = face.strip, face.track.id
        return faces_in_frame.face_gesture(face, view, is_held=is_over)

    def handle(self: Any, gesture: FaceGesture, event: bpy.types.Event) -> bool:
        """Take hold of the face, switch what the mouse does, or confirm."""
        if event.value != "PRESS":
            is_let_go = gesture.is_dragged and event.type == "LEFTMOUSE" and event.value == "RELEASE"
            gesture.is_dragged = gesture.is_dragged and not is_let_go
            # A click takes hold as well; another one puts the face down.
            return is_let_go and not gesture.is_still
        if event.type in list(Mode):
            gesture.switch(Mode(event.type))
        if gesture.is_waiting:
            if event.type == "LEFTMOUSE":
                gesture.follow(self._place(event))
                gesture.drag()
            return False
        return event.type in {"LEFTMOUSE", "RET", "NUMPAD_ENTER"}

    def take(self: Any, gesture: FaceGesture) -> bool:
        """Set shift, scale and turn."""
        motion = gesture.motion
        self.shift, self.scale, self.turn, self.space = motion.shift, motion.scale, motion.turn, "FRAME"
        return not gesture.is_still


class BoxGesturing(Gesturing):
    """Mixin: a box is drawn around a new face."""

    help_text = "Drag a box around the face, from the brows to the chin; Esc cancels"

    def gesture(self: Any, context: bpy.types.Context, view: Any, is_over: bool) -> BoxGesture:
        """Wait for the first corner."""
        for strip in faces_in_frame.shots_at_playhead(context, self.strip):
            found = readiness.found_in(context, strip)
            if found is not None:
                self.strip = strip.name
                return BoxGesture(faces_in_frame.placement_at_playhead(context, strip, found.size))
        raise EngineError(
            ErrorCode.STRIP_MISSING, "The playhead is not in a shot whose faces were extracted.", "Move it there."
        )

    def handle(self: Any, gesture: BoxGesture, event: bpy.types.Event) -> bool:
        """Begin the box with the button, and end it where the button is let go."""
        if event.type != "LEFTMOUSE":
            return False
        if event.value == "PRESS":
            gesture.follow(self._place(event))
            gesture.press()
        return event.value == "RELEASE" and gesture.start is not None

    def take(self: Any, gesture: BoxGesture) -> bool:
        """Set the box; a click is no box."""
        if gesture.box is None:
            self.report({"INFO"}, "The box was too small; drag it over the whole face")
            return False
        self.box, self.space = gesture.box, "FRAME"
        return True


def preview_on_screen(context: bpy.types.Context) -> tuple[Any, Any]:
    """Return the largest preview of the window: its area and its region.

    Raises:
        EngineError: `job_invalid`, when no preview is shown.
    """
    found = [
        (area, region)
        for area in context.window.screen.areas
        if area.type == "SEQUENCE_EDITOR" and area.spaces.active.view_type in {"PREVIEW", "SEQUENCER_PREVIEW"}
        for region in area.regions
        if region.type == "PREVIEW" and region.width > 1
    ]
    if not found:
        raise EngineError(
            ErrorCode.JOB_INVALID,
            "No preview is on screen.",
            "Show the sequencer's preview, where the mouse can take hold of faces.",
        )
    return max(found, key=lambda pair: pair[1].width * pair[1].height)
