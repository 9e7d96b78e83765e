# SPDX-License-Identifier: GPL-3.0-or-later
"""The mouse in the preview as numbers, the overlay's shapes, and that drawing is hung up and taken away."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
import understudy
from understudy.blender_addon import face_overlay
from understudy.blender_addon.face_overlay import closed_lines, crosses, region_places
from understudy.blender_addon.gestures import BoxGesture, FaceGesture, Mode
from understudy.blender_addon.outline_geometry import Placement
from understudy.blender_addon.preview_geometry import PreviewPlacement, box_around, corners
from understudy.operators.track_gestures import BoxGesturing, FaceGesturing

SCENE = (1280, 720)


def placement(pixel_aspect=1.0, plate=(512, 512), **changes):
    values = {"scale": [[1.0, 1.0]], "offset": [[0.0, 0.0]], "rotation": [0.0], **changes}
    flip = values.pop("flip", (False, False))
    level = Placement(plate, SCENE, **{name: np.array(value) for name, value in values.items()}, flip=flip)
    return PreviewPlacement((level,), SCENE, pixel_aspect)


def gesture(pixel_aspect=1.0, start=(10.0, 0.0)):
    shown = np.concatenate([corners((-50, -60, 50, 60)), [(0.0, 10.0)]])
    return FaceGesture(placement(pixel_aspect), shown, np.array(start))


def test_a_face_follows_the_mouse_and_y_points_down_in_what_comes_out():
    held = gesture()
    held.follow((17.0, 4.0))
    assert held.motion.shift == (7.0, -4.0) and (held.motion.scale, held.motion.turn) == (1.0, 0.0)
    assert np.allclose(held.outlines, held.shown + [7, 4])
    wide = gesture(pixel_aspect=2.0)
    wide.follow((18.0, 4.0))
    assert wide.motion.shift == (4.0, -4.0)
    assert np.allclose(wide.outlines, wide.shown + [8, 4])


def test_scaling_and_turning_begin_where_the_mouse_is():
    held = gesture()
    held.follow((30.0, 0.0))
    held.switch(Mode.SCALE)
    assert held.motion.scale == 1.0 and np.allclose(held.outlines, held.shown)
    held.follow((0.0, 45.0))
    assert held.motion.scale == pytest.approx(1.5)
    assert np.allclose(held.outlines, held.shown * 1.5)
    held.follow((3000.0, 0.0))
    assert held.motion.scale == 10.0
    held.switch(Mode.TURN)
    held.follow((0.0, -20.0))
    assert held.motion.turn == pytest.approx(90.0)
    # From the right to below is clockwise: the mark above the middle goes to its right.
    assert np.allclose(held.outlines[4], (10.0, 0.0))


def test_a_turn_takes_the_short_way():
    held = gesture(start=(-10.0, 1.0))
    held.switch(Mode.TURN)
    held.follow((-10.0, -1.0))
    assert held.motion.turn == pytest.approx(-11.42, abs=0.01)


def test_in_the_middle_of_the_face_there_is_no_direction():
    held = gesture(start=(0.0, 0.0))
    held.switch(Mode.SCALE)
    held.follow((5.0, 5.0))
    assert (held.motion.scale, held.motion.turn) == (1.0, 0.0)


def test_a_box_is_drawn_from_any_corner():
    drawn = BoxGesture(placement())
    assert drawn.box is None and drawn.outlines.shape == (0, 2)
    drawn.follow((100.0, -60.0))
    drawn.press()
    drawn.follow((40.0, 20.0))
    # View units are centered with y up; frame pixels have their centers at integers.
    assert drawn.box == (679.5, 339.5, 739.5, 419.5)
    assert box_around(drawn.outlines) == (40, -60, 100, 20)
    drawn.follow((98.0, -58.0))
    assert drawn.box is None


@pytest.mark.parametrize("flip", [(False, False), (True, False), (True, True)])
def test_a_picture_is_mirrored_by_one_flip_or_a_negative_scale(flip):
    assert placement(flip=flip).is_mirrored == (sum(flip) == 1)
    assert placement(flip=flip, scale=[[-1.0, 1.0]]).is_mirrored == (sum(flip) != 1)


def test_views_and_pictures_are_each_others_inverse():
    at = placement(1.5, (300, 400), scale=[[1.2, 0.7]], offset=[[30.0, -8.0]], rotation=[0.4], flip=(True, False))
    points = np.array([(0.0, 0.0), (299.0, 10.0), (120.5, 380.25)])
    assert np.allclose(at.from_frame(at.frame_from_view(at.to_view(points))), points)


class View:
    """A view that shows 2 px for each unit, with the origin at (100, 50)."""

    def region_to_view(self, x, y):
        return ((x - 100) / 2, (y - 50) / 2)


def test_places_in_the_region_are_not_rounded():
    region = SimpleNamespace(view2d=View())
    assert np.allclose(region_places(region, np.array([(0.0, 0.0), (0.3, -1.2)])), [(100, 50), (100.6, 47.6)])


def test_outlines_are_closed_and_landmarks_are_crosses():
    lines = closed_lines(corners((0, 0, 2, 1)))
    assert lines.tolist() == [[0, 0], [2, 0], [2, 0], [2, 1], [2, 1], [0, 1], [0, 1], [0, 0]]
    assert crosses(np.array([(5.0, 5.0)]), 1).tolist() == [[4, 5], [6, 5], [5, 4], [5, 6]]


def event(kind, value="PRESS", place=(3, 4)):
    return SimpleNamespace(type=kind, value=value, mouse_x=place[0], mouse_y=place[1])


def mouse(**more):
    """An operator of which only the mouse's place is real, in a preview of 40 x 30 px."""
    region = SimpleNamespace(x=0, y=0, width=40, height=30, view2d=SimpleNamespace(region_to_view=lambda x, y: (x, y)))
    operator = SimpleNamespace(_region=region, _area=SimpleNamespace(tag_redraw=lambda: None), **more)
    for name in ("_place", "_is_over"):
        setattr(operator, name, getattr(FaceGesturing, name).__get__(operator))
    return operator


def test_a_face_waits_until_it_is_taken_hold_of_and_is_put_down_where_the_button_is_let_go():
    held, operator = gesture(), mouse()
    held.is_held = False
    held.follow((500.0, -300.0))
    assert held.is_waiting and held.is_still and np.allclose(held.outlines, held.shown)
    assert not FaceGesturing.handle(operator, held, event("RET")) and held.is_waiting
    assert not FaceGesturing.handle(operator, held, event("LEFTMOUSE", place=(8, 9)))
    held.follow((10.0, 9.0))
    assert held.motion.shift == (2.0, 0.0)
    assert FaceGesturing.handle(operator, held, event("LEFTMOUSE", "RELEASE"))


def test_a_click_takes_hold_as_well_and_a_key_does():
    held, operator = gesture(), mouse()
    held.is_held = False
    assert not FaceGesturing.handle(operator, held, event("LEFTMOUSE"))
    assert not FaceGesturing.handle(operator, held, event("LEFTMOUSE", "RELEASE"))
    held.follow((13.0, 4.0))
    assert held.motion.shift == (10.0, 0.0)
    assert FaceGesturing.handle(operator, held, event("LEFTMOUSE"))
    other = gesture()
    other.is_held = False
    assert not FaceGesturing.handle(operator, other, event("S")) and not other.is_waiting
    assert FaceGesturing.handle(operator, other, event("LEFTMOUSE"))


def test_a_click_on_something_else_gives_up_what_has_not_begun():
    ended = []
    waiting = BoxGesture(placement())
    operator = mouse(_gesture=waiting, cancel=ended.append, handle=lambda *_: False)
    assert BoxGesturing.modal(operator, "context", event("LEFTMOUSE")) == {"RUNNING_MODAL"}
    assert BoxGesturing.modal(operator, "context", event("LEFTMOUSE", place=(50, 4))) == {"CANCELLED", "PASS_THROUGH"}
    assert ended == ["context"]
    waiting.press()
    assert BoxGesturing.modal(operator, "context", event("LEFTMOUSE", place=(50, 4))) == {"RUNNING_MODAL"}


def test_keys_switch_what_the_mouse_does_and_a_click_confirms():
    held, operator = gesture(), SimpleNamespace()
    assert not FaceGesturing.handle(operator, held, event("S")) and held.mode is Mode.SCALE
    assert not FaceGesturing.handle(operator, held, event("G", "RELEASE")) and held.mode is Mode.SCALE
    assert not FaceGesturing.handle(operator, held, event("R")) and held.mode is Mode.TURN
    assert FaceGesturing.handle(operator, held, event("LEFTMOUSE"))
    assert not FaceGesturing.take(operator, held)
    held.switch(Mode.MOVE)
    held.follow((12.0, 0.0))
    assert FaceGesturing.take(operator, held)
    assert (operator.shift, operator.scale, operator.turn, operator.space) == ((2.0, 0.0), 1.0, 0.0, "FRAME")


def test_a_box_ends_where_the_button_is_let_go():
    drawn, said = BoxGesture(placement()), []
    operator = SimpleNamespace(_place=lambda event: (event.mouse_x, event.mouse_y), report=lambda *a: said.append(a))
    assert not BoxGesturing.handle(operator, drawn, event("LEFTMOUSE", "RELEASE"))
    assert not BoxGesturing.handle(operator, drawn, event("LEFTMOUSE"))
    assert drawn.start == pytest.approx((3, 4))
    assert BoxGesturing.handle(operator, drawn, event("LEFTMOUSE", "RELEASE"))
    assert not BoxGesturing.take(operator, drawn) and "too small" in said[0][1]
    drawn.follow((50.0, 60.0))
    assert BoxGesturing.take(operator, drawn)
    assert operator.box == drawn.box and operator.space == "FRAME"


def test_the_drawing_is_taken_away_with_the_extension(scene, monkeypatch):
    added, removed = [], []
    monkeypatch.setattr(face_overlay, "_handle", [])
    fake = SimpleNamespace(
        draw_handler_add=lambda *arguments: added.append(arguments[1:]) or "handle",
        draw_handler_remove=lambda *arguments: removed.append(arguments),
    )
    monkeypatch.setattr(face_overlay.bpy, "types", SimpleNamespace(SpaceSequenceEditor=fake))
    for _ in range(2):
        face_overlay.register()
        face_overlay.gesture.append(gesture())
        face_overlay.unregister()
    assert added == [((), "PREVIEW", "POST_PIXEL")] * 2 and removed == [("handle", "PREVIEW")] * 2
    assert face_overlay.gesture == []


def test_what_the_drawing_asks_of_the_editor_is_there():
    space = bpy.types.SpaceSequenceEditor.bl_rna.properties
    assert {"display_mode", "show_overlays", "view_type"} <= set(space.keys())
    assert "IMAGE" in space["display_mode"].enum_items
    assert {"PREVIEW", "SEQUENCER_PREVIEW"} <= set(space["view_type"].enum_items.keys())


def test_nothing_is_drawn_while_it_is_switched_off(scene, monkeypatch):
    understudy.register()
    try:
        monkeypatch.setattr(face_overlay, "faces_at_playhead", lambda context: pytest.fail("looked for faces"))
        assert not bpy.context.window_manager.understudy.show_faces
        area = SimpleNamespace(display_mode="IMAGE", show_overlays=True)
        context = SimpleNamespace(window_manager=bpy.context.window_manager, space_data=area)
        monkeypatch.setattr(face_overlay, "bpy", SimpleNamespace(context=context))
        face_overlay._draw()
        bpy.context.window_manager.understudy.show_faces = True
        area.show_overlays = False
        face_overlay._draw()
    finally:
        monkeypatch.undo()
        understudy.unregister()
