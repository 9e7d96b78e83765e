# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in front of a face stays in the picture, the network doesn't see it, and free faces keep every bit."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from comp_faces import FakeSwapper, landmarks_at
from drawn_hands import hand_points, with_hand
from understudy.engine.comp.crop import Watch, cut_face
from understudy.engine.comp.in_front import own_performer, scaled_front, uncovered
from understudy.engine.comp.lookout import Lookout
from understudy.engine.comp.over import composite
from understudy.engine.comp.place import empty_picture
from understudy.engine.comp.stream import FrameStream, PlannedFace, ReadFrame
from understudy.engine.comp.swap import paint_face, swap_faces
from understudy.engine.contract.settings import SwapSettings
from understudy.engine.faces.hands import Hand

SIZE, WIDTH, HEIGHT = 96, 320, 260
LANDMARKS = landmarks_at((160.0, 120.0), 110.0)
PLAIN = SwapSettings(color_transfer="none")
SKIN = np.array([0.75, 0.55, 0.45], np.float32)


def face_picture() -> np.ndarray:
    image = np.full((HEIGHT, WIDTH, 3), (40, 60, 90), np.uint8)
    skin = tuple((255 * SKIN).round().tolist())
    cv2.ellipse(image, (160, 120), (75, 105), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for x in (135, 185):
        cv2.circle(image, (x, 100), 7, (50, 40, 40), -1, cv2.LINE_AA)
    cv2.ellipse(image, (160, 165), (22, 7), 0, 0, 360, (150, 70, 70), -1, cv2.LINE_AA)
    return image


FREE = face_picture()


class Network(FakeSwapper):
    """Knows the free face: as its own performer A it paints it, as B it paints it green."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__(size=SIZE)
        self.noise, self.seen = noise, []

    def swap(self, faces, source):
        super().swap(faces, source)
        self.seen.append((source, faces.copy()))
        own = cut_face(FREE, LANDMARKS, 0, 1, "B", SIZE, self.coverage).plate
        made = own if source == "A" else own * (0.3, 1.0, 0.3)
        noise = self.noise * np.random.default_rng(1).standard_normal(own.shape)
        return np.repeat((made + noise)[None], len(faces), axis=0).clip(0, 1).astype(np.float32), None


class Finder:
    """Finds the hands it was told of."""

    def __init__(self, *points: np.ndarray) -> None:
        self.hands, self.asked = [Hand(item, 1.0) for item in points], 0

    def find_in(self, part, is_thorough=True):
        self.asked += 1
        return self.hands

    def follow(self, part, hand):
        return None


def with_hands(image, crop, finder):
    """Return the crop with what one look at its frame tells."""
    lookout = Lookout(finder, PLAIN)
    lookout.look(image, crop.media_frame, crop.track, LANDMARKS, crop.watch)
    return lookout.with_hands(crop)


def crop_of(image, watch=Watch.ANYTHING, target="A", track=1):
    crop = cut_face(image, LANDMARKS, 0, track, "B", SIZE, 1.7)
    return replace(crop, watch=watch, target=target)


def with_thing(image, box=(140, 110, 190, 200)):
    """Return the picture with a blue box before the face, and where it is."""
    left, top, right, bottom = box
    alpha = np.zeros(image.shape[:2], bool)
    alpha[top:bottom, left:right] = True
    return np.where(alpha[..., None], np.array([30, 40, 220], np.uint8), image), alpha


def comped(image, crop, network=None, settings=PLAIN):
    (face,) = swap_faces(network or Network(), [crop], settings)
    picture = empty_picture(WIDTH, HEIGHT, 8)
    paint_face(picture, face, face.color, settings)
    return composite(image, picture), picture


def inner(alpha, pixels):
    return cv2.erode(alpha.astype(np.uint8), np.ones((2 * pixels + 1,) * 2)) > 0


def test_a_hand_stays_in_the_picture_and_the_face_around_it_is_swapped():
    points = hand_points((120.0, 235.0), 45.0, 0.2)
    image, alpha = with_hand(FREE, points)
    crop = with_hands(image, crop_of(image), Finder(points))
    result, picture = comped(image, crop)
    on_hand = inner(alpha > 0.99, 3)[: int(points[0, 1])]
    assert on_hand.sum() > 1500
    assert np.abs(result.astype(int) - image)[: int(points[0, 1])][on_hand].max() <= 4
    assert (result[95:105, 180:190, 1].astype(int) >= result[95:105, 180:190, 0]).all(), "an eye beside it is green"
    # Soft-edged: the alpha has many values between both ends.
    assert len(np.unique(picture[150:200, 100:220, 3])) > 20


def test_a_thing_stays_in_the_picture_by_what_the_model_expects():
    image, alpha = with_thing(FREE)
    result, _ = comped(image, crop_of(image))
    assert np.abs(result.astype(int) - image)[inner(alpha, 4)].max() <= 4
    beside = ~(cv2.dilate(alpha.astype(np.uint8), np.ones((15, 15))) > 0)
    swapped, _ = comped(FREE, crop_of(FREE, Watch.NOTHING))
    # The matte is drawn on a finer raster there, which moves its soft edge by a few steps.
    assert np.abs(result.astype(int) - swapped)[beside].max() <= 4


def test_the_network_does_not_see_what_is_in_front():
    image, _ = with_thing(FREE)
    network = Network()
    comped(image, crop_of(image), network)
    free = cut_face(FREE, LANDMARKS, 0, 1, "B", SIZE, 1.7).plate
    sources = [source for source, _ in network.seen]
    assert sources == ["A", "A", "B"]
    (last,) = network.seen[-1][1]
    assert np.abs(last - free).max() < 0.12 and np.abs(network.seen[0][1][0] - free).max() > 0.4


def test_without_its_own_performer_the_surroundings_fill_the_gap():
    points = hand_points((120.0, 235.0), 45.0, 0.2)
    image, _ = with_hand(FREE, points)
    network = Network()
    crop = with_hands(image, crop_of(image, target="somebody"), Finder(points))
    result, _ = comped(image, crop, network)
    assert [source for source, _ in network.seen] == ["B"]
    assert np.isfinite(result).all() and crop.front is not None


@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_a_free_face_keeps_every_bit_though_the_search_took_it_for_hidden(noise):
    expected, _ = comped(FREE, crop_of(FREE, Watch.NOTHING), Network(noise))
    points = hand_points((30.0, 250.0), 20.0)
    for finder in (Finder(), Finder(points)):
        crop = with_hands(FREE, crop_of(FREE), finder)
        assert crop.front is None, "a hand beside the face is not in front of it"
        result, _ = comped(FREE, crop, Network(noise))
        assert np.array_equal(result, expected)


def test_thin_lines_and_a_network_that_fails_make_no_holes():
    thin = FREE.copy()
    cv2.ellipse(thin, (160, 120), (60, 90), 0, 0, 360, (20, 20, 20), 2)
    wrong = 255 - FREE
    for image in (thin, wrong):
        (crop,) = uncovered([crop_of(image)], lambda faces, who: Network().swap(faces, who)[0], ("A", "B"), PLAIN)
        assert crop.front is None and np.array_equal(crop.plate, crop_of(image).plate)


def test_only_faces_that_are_watched_are_looked_at():
    image, _ = with_thing(FREE)
    network = Network()
    for watch in (Watch.NOTHING, Watch.HANDS):
        comped(image, crop_of(image, watch), network)
    assert [source for source, _ in network.seen] == ["B", "B"]


def test_whose_face_it_is():
    crop = crop_of(FREE)
    assert own_performer(crop, ("A", "B")) == "A"
    assert own_performer(replace(crop, target=""), ("A", "B")) == "A"
    assert own_performer(replace(crop, target=""), ("A", "B", "C")) == ""
    assert own_performer(replace(crop, target="X"), ("A", "B")) == ""
    assert own_performer(replace(crop, target="B"), ("A", "B")) == ""
    assert own_performer(replace(crop, target=""), ("B",)) == ""


@pytest.mark.parametrize("scale", [0.8, 1.3])
def test_what_is_in_front_stays_where_it_is_whatever_the_size_of_the_face(scale):
    image, alpha = with_thing(FREE, (150, 110, 180, 140))
    settings = replace(PLAIN, face_scale=scale)
    result, _ = comped(image, crop_of(image), settings=settings)
    assert np.abs(result.astype(int) - image)[inner(alpha, 5)].max() <= 4
    assert np.array_equal(scaled_front(np.ones((256, 256), np.float32), 128, 1.0), np.ones((128, 128), np.float32))


def test_poisson_colors_and_deep_pictures_take_no_harm():
    image, alpha = with_thing(FREE)
    settings = SwapSettings(blend="poisson", bit_depth=16, color_transfer="lab")
    plan = {0: (PlannedFace(1, "B", LANDMARKS, "A", Watch.ANYTHING),)}
    finder = Finder()
    stream = FrameStream(Network(), plan, settings, hands=finder)
    (painted,) = stream.paint([ReadFrame(0, image.astype(np.uint16) * 257)], {0})
    assert painted.kept == (1,) and finder.asked == 1 and painted.picture.dtype == np.uint16
    assert painted.picture[..., 3][inner(alpha, 4)].max() < 1500
    assert painted.picture[100, 135, 3] > 60000


def test_a_steady_thing_gives_a_steady_matte():
    mattes = []
    for number in range(6):
        noisy = np.clip(FREE + np.random.default_rng(number).normal(0, 2.5, FREE.shape), 0, 255).astype(np.uint8)
        image, _ = with_thing(noisy)
        mattes.append(comped(image, crop_of(image))[1][..., 3].astype(float))
    assert np.abs(np.diff(mattes, axis=0)).mean(axis=(1, 2)).max() < 0.4
