# SPDX-License-Identifier: GPL-3.0-or-later
"""Coverage as a picture: a heat map of what the shots need over what the chosen faces show, one table an aspect."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..contract.training_set import AspectCoverage
from .coverage import ENOUGH_FACES

WIDTH, HEIGHT = 1024, 1024
_MARGIN = 20
_BACKGROUND = (40, 40, 40)
_TEXT, _FAINT = (225, 225, 225), (150, 150, 150)
_EMPTY = (58, 58, 58)
# Okabe and Ito's bluish green and vermilion (2008), told apart by color-blind people too.
_COVERED, _GAP = (0, 158, 115), (213, 94, 0)
_TITLES = {
    "pose": "Pose: where the head looks in the picture",
    "light": "Light",
    "expression": "Expression",
    "detail": "Detail: size and sharpness in the footage",
}


@dataclass(frozen=True)
class _Area:
    left: int
    top: int
    right: int
    bottom: int
    label_px: int
    text_px: int


_AREAS = {
    "pose": _Area(_MARGIN, 104, WIDTH - _MARGIN, 548, 150, 17),
    "light": _Area(_MARGIN, 584, 500, 778, 76, 14),
    "expression": _Area(524, 584, WIDTH - _MARGIN, 778, 76, 14),
    "detail": _Area(_MARGIN, 814, WIDTH - _MARGIN, HEIGHT - 40, 76, 14),
}


def draw_coverage(title: str, coverage: Sequence[AspectCoverage]) -> NDArray[np.uint8]:
    """Draw need and supply of all aspects.

    Args:
        title: Sentence at the top.
        coverage: What to draw.

    Returns:
        uint8 (1024, 1024, 3) RGB. Green bins are covered, orange ones lack faces, stronger color is more need; gray
        ones aren't needed. Each says the share of the need and the number of chosen faces.
    """
    picture = Image.new("RGB", (WIDTH, HEIGHT), _BACKGROUND)
    draw = ImageDraw.Draw(picture)
    lines = textwrap.wrap(title, 104)[:3]
    draw.multiline_text((_MARGIN, 14), "\n".join(lines), _TEXT, _font(19), spacing=5)
    for item in coverage:
        _draw_table(draw, item, _AREAS[item.name])
    _draw_legend(draw)
    return np.asarray(picture)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _draw_table(draw: ImageDraw.ImageDraw, item: AspectCoverage, area: _Area) -> None:
    draw.text((area.left, area.top - 4), _TITLES[item.name], _TEXT, _font(area.text_px + 2), anchor="ls")
    small = _font(area.text_px - 2)
    top = area.top + 3 * area.text_px
    wide = (area.right - area.left - area.label_px) / len(item.columns)
    high = (area.bottom - top) / len(item.rows)
    strongest = max(max(max(row) for row in item.need), 1e-9)
    for column, name in enumerate(item.columns):
        middle = area.left + area.label_px + (column + 0.5) * wide
        text = "\n".join(textwrap.wrap(name, max(8, int(wide / (0.5 * area.text_px)))))
        draw.multiline_text((middle, top - 4), text, _FAINT, small, anchor="md", align="center", spacing=2)
    # Upwards is where a head looks up, and where it is bright, open and sharp.
    for place, row in enumerate(reversed(range(len(item.rows)))):
        y = top + place * high
        text = "\n".join(textwrap.wrap(item.rows[row], max(8, int(area.label_px / (0.52 * area.text_px)))))
        draw.multiline_text(
            (area.left + area.label_px - 8, y + high / 2), text, _FAINT, small, anchor="rm", align="right"
        )
        for column in range(len(item.columns)):
            x = area.left + area.label_px + column * wide
            box = (x + 2, y + 2, x + wide - 2, y + high - 2)
            _draw_bin(draw, box, item.need[row][column], strongest, item.chosen[row][column], area.text_px)


def _draw_bin(
    draw: ImageDraw.ImageDraw,
    box: tuple[float, float, float, float],
    need: float,
    strongest: float,
    chosen: float,
    text_px: int,
) -> None:
    color = _EMPTY
    if need:
        full = _COVERED if chosen >= ENOUGH_FACES else _GAP
        share = 0.35 + 0.65 * (need / strongest) ** 0.5
        color = tuple(round(_EMPTY[i] + share * (full[i] - _EMPTY[i])) for i in range(3))
    is_gap = need > 0 and chosen < ENOUGH_FACES
    draw.rectangle(box, fill=color, outline=_TEXT if is_gap else None, width=2)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    faces = "1 face" if chosen == 1 else f"{chosen:.0f} faces"
    if need:
        percent = f"{100 * need:.0f} %" if need >= 0.005 else "< 1 %"
        draw.text((x, y - 1), percent, _TEXT, _font(text_px), anchor="md")
        draw.text((x, y + 2), faces, _TEXT, _font(text_px - 2), anchor="ma")
    elif chosen:
        draw.text((x, y), faces, _FAINT, _font(text_px - 2), anchor="mm")


def _draw_legend(draw: ImageDraw.ImageDraw) -> None:
    y = HEIGHT - 18
    x = _MARGIN
    for color, text in (
        (_COVERED, f"needed, at least {ENOUGH_FACES} chosen faces"),
        (_GAP, "needed, too few faces"),
        (_EMPTY, "not needed"),
    ):
        draw.rectangle((x, y - 8, x + 16, y + 8), fill=color, outline=_FAINT)
        draw.text((x + 24, y), text, _TEXT, _font(14), anchor="lm")
        x += 60 + int(draw.textlength(text, _font(14)))
    draw.text((WIDTH - _MARGIN, y), "%: share of the shots' faces", _FAINT, _font(14), anchor="rm")
