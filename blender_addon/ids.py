# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that Blender knows us by: the package, the operators, the panels, the side bar's tab."""

from __future__ import annotations

from enum import StrEnum

# The root package: "bl_ext.<repository>.understudy" when enabled in Blender, "understudy" in a checkout.
PACKAGE = (__package__ or "").rpartition(".")[0]

TAB = "Understudy"


class Operator(StrEnum):
    """Every operator's `bl_idname`."""

    ENVIRONMENT_INSTALL = "understudy.environment_install"
    ENVIRONMENT_CHECK = "understudy.environment_check"
    ENVIRONMENT_REMOVE = "understudy.environment_remove"
    PERFORMER_ADD = "understudy.performer_add"
    PERFORMER_REMOVE = "understudy.performer_remove"
    PERFORMER_CONSENT = "understudy.performer_consent"
    EXTRACT = "understudy.extract"
    FACES_ASSIGN = "understudy.faces_assign"
    FACE_WORST_FRAME = "understudy.face_worst_frame"
    FRAMES_SHOW = "understudy.frames_show"
    PEOPLE_FIND = "understudy.people_find"
    PEOPLE_ACCEPT = "understudy.people_accept"
    PEOPLE_REJECT = "understudy.people_reject"
    PICTURE_ADD = "understudy.picture_add"
    PICTURE_REMOVE = "understudy.picture_remove"
    FACESET_BUILD = "understudy.faceset_build"
    FACESET_SHOW = "understudy.faceset_show"
    TRACK_ACTIVATE = "understudy.track_activate"
    TRACK_MOVE = "understudy.track_move"
    TRACK_KEEP = "understudy.track_keep"
    TRACK_REALIGN = "understudy.track_realign"
    TRACK_ADD = "understudy.track_add"
    TRACK_SPLIT = "understudy.track_split"
    TRACK_MERGE = "understudy.track_merge"
    TRACK_DELETE = "understudy.track_delete"
    TRACK_UNDO = "understudy.track_undo"
    TRACKING_WRITE = "understudy.tracking_write"
    TRACKING_READ = "understudy.tracking_read"
    MODEL_IMPORT = "understudy.model_import"
    MODEL_LICENCE = "understudy.model_licence"
    TRAIN_START = "understudy.train_start"
    TRAIN_SAVE = "understudy.train_save"
    SWAP = "understudy.swap"
    SWAP_INSERT = "understudy.swap_insert"
    SWAP_TOGGLE = "understudy.swap_toggle"
    SWAP_REMOVE = "understudy.swap_remove"
    SWAP_SETTINGS_TAKE = "understudy.swap_settings_take"
    JOB_STOP = "understudy.job_stop"
    JOB_OPEN_LOG = "understudy.job_open_log"
    JOBS_CLEAR = "understudy.jobs_clear"
    PREVIEW_SHOW = "understudy.preview_show"
    FOLDER_OPEN = "understudy.folder_open"
    PREFERENCES_OPEN = "understudy.preferences_open"


class Panel(StrEnum):
    """Every panel's `bl_idname`, in the order of the work."""

    JOBS = "SEQUENCER_PT_understudy_jobs"
    ENGINE = "SEQUENCER_PT_understudy_engine"
    ENGINE_REPORT = "SEQUENCER_PT_understudy_engine_report"
    PERFORMERS = "SEQUENCER_PT_understudy_performers"
    SHOTS = "SEQUENCER_PT_understudy_shots"
    SHOTS_SETTINGS = "SEQUENCER_PT_understudy_shots_settings"
    PEOPLE = "SEQUENCER_PT_understudy_people"
    PEOPLE_PICTURES = "SEQUENCER_PT_understudy_people_pictures"
    TRACKS = "SEQUENCER_PT_understudy_tracks"
    TRAIN = "SEQUENCER_PT_understudy_train"
    TRAIN_SETTINGS = "SEQUENCER_PT_understudy_train_settings"
    FACESET = "SEQUENCER_PT_understudy_faceset"
    MODEL_IMPORT = "SEQUENCER_PT_understudy_model_import"
    SWAP = "SEQUENCER_PT_understudy_swap"
    SWAP_SETTINGS = "SEQUENCER_PT_understudy_swap_settings"
