# SPDX-License-Identifier: GPL-3.0-or-later
"""The faces of the chosen shots at the playhead: what the preview draws, the panel lists, the mouse takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..engine.contract.errors import EngineError
from . import casting, frame_maps, readiness, shots
from .gestures import FaceGesture
from .masks import placement_of
from .preview_geometry import PreviewPlacement, corners
from .sequencer import sequencer_scene, visible_frames
from .track_arrays import TrackArrays, read_tracks


@dataclass(frozen=True, eq=False)
class FaceInFrame:
    """A face of a shot at the playhead.

    Attributes:
        strip: Name of the shot's strip.
        key: Key of its footage in the project.
        track: The face track.
        index: Position of the frame in the track's arrays.
        placement: How the shot's picture gets into the preview.
    """

    strip: str
    key: str
    track: TrackArrays
    index: int
    placement: PreviewPlacement

    @property
    def is_bridged(self) -> bool:
        """Whether the face was lost here."""
        return bool(self.track.bridged[self.index])

    @property
    def outline(self) -> np.ndarray:
        """Corners of the face's box in view units, float64 (4, 2)."""
        return self.placement.to_view(corners(tuple(self.track.boxes[self.index].tolist())))

    @property
    def landmarks(self) -> np.ndarray:
        """The landmarks in view units, float64 (68, 2)."""
        return self.placement.to_view(self.track.landmarks[self.index])


def preview_placement(strip: Any, picture_size: tuple[int, int], timeline_frame: int) -> PreviewPlacement:
    """Return how a strip's picture gets into the preview at a timeline frame, meta strips around it included."""
    render = strip.id_data.render
    scene_size = (render.resolution_x, render.resolution_y)
    levels = [placement_of(strip, picture_size, (timeline_frame,))]
    meta = strip.parent_meta()
    while meta is not None:
        levels.append(placement_of(meta, scene_size, (timeline_frame,)))
        meta = meta.parent_meta()
    return PreviewPlacement(tuple(levels), scene_size, render.pixel_aspect_x / render.pixel_aspect_y)


def placement_at_playhead(context: bpy.types.Context, strip: Any, picture_size: tuple[int, int]) -> PreviewPlacement:
    """Return `preview_placement` where the playhead stands."""
    return preview_placement(strip, picture_size, sequencer_scene(context).frame_current)


def shots_at_playhead(context: bpy.types.Context, name: str = "") -> list[Any]:
    """Return the chosen shots that the playhead stands in."""
    frame = sequencer_scene(context).frame_current
    return [
        strip
        for strip in shots.chosen_strips(context, name)
        if strip.type in shots.SHOT_KINDS and frame in visible_frames(strip)
    ]


def faces_at_playhead(context: bpy.types.Context) -> list[FaceInFrame]:
    """Return the faces of the chosen shots at the playhead, as far as they are known yet; changes nothing."""
    frame = sequencer_scene(context).frame_current
    found = []
    for strip in shots_at_playhead(context):
        footage = readiness.found_in(context, strip)
        media_frame = frame_maps.media_frame(strip, frame) if footage and footage.folder and all(footage.size) else None
        if footage is None or footage.folder is None or media_frame is None:
            continue
        try:
            tracks = read_tracks(footage.folder)
        except EngineError:
            # Whoever wants to work with the tracks reads why not; drawing must go on.
            continue
        placement = preview_placement(strip, footage.size, frame)
        for track in tracks:
            index = track.index(media_frame)
            if index is not None:
                found.append(FaceInFrame(strip.name, footage.key, track, index, placement))
    return found


def active_face(context: bpy.types.Context, faces: list[FaceInFrame]) -> FaceInFrame | None:
    """Return the face that was chosen in the panel, else the first; None without faces."""
    number = context.window_manager.understudy.active_face
    return next((face for face in faces if face.track.id == number), faces[0] if faces else None)


def face_label(context: bpy.types.Context, face: FaceInFrame) -> str:
    """Return "Face 2", or "Face 2, Anna" when it is known whose it is."""
    settings = sequencer_scene(context).understudy
    item = casting.find_performer(settings, casting.assigned(settings, face.key).get(face.track.id, ""))
    return f"Face {face.track.id}" + (f", {item.name}" if item is not None else "")


def face_gesture(face: FaceInFrame, place: Any, is_held: bool = True) -> FaceGesture:
    """Return the gesture that takes hold of a face at a place, (2,) view units; later, when it isn't held yet."""
    shown = np.concatenate([face.outline, face.landmarks])
    return FaceGesture(face.placement, shown, np.array(place, float), is_held=is_held)
