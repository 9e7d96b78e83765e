# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in front of a face stays in the picture, the network doesn't see it, and free faces keep every bit."""

import functools
from dataclasses import replace

import cv2
import numpy as np
import pytest
from comp_faces import FakeSwapper, landmarks_at
from drawn_hands import hand_points, with_hand
from understudy.engine.comp.color_match import reach_of
from understudy.engine.comp.crop import Watch, cut_face, own_performer
from understudy.engine.comp.front_light import light_strength, lit_like
from understudy.engine.comp.in_front import scaled_front, uncovered
from understudy.engine.comp.lookout import Lookout
from understudy.engine.comp.over import composite
from understudy.engine.comp.place import empty_picture
from understudy.engine.comp.stream import FrameStream, PlannedFace, ReadFrame
from understudy.engine.comp.swap import paint_face, swap_faces
from understudy.engine.contract.settings import SwapSettings
from understudy.engine.faces.hand_paths import REACH
from understudy.engine.faces.hands import Hand
from understudy.engine.faces.picture_views import View

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
        (crop,) = uncovered(
            [crop_of(image)], lambda crop, who: Network().swap(crop.plate[None], who)[0][0], ("A", "B"), PLAIN
        )
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


def moving(number):
    """The points of a hand that comes in from below, frame by frame."""
    return hand_points((100.0 + 2 * number, 300.0 - 6 * number), 45.0, 0.2)


class Passing:
    """Finds a hand in the frames it was told of; their number is in the first pixel's red."""

    def __init__(self, frames):
        self.frames = frames

    def find_in(self, part, is_thorough=True):
        number = int(part.cut(View(0.0, 0.0, 1.0), 1)[0, 0, 0])
        return [Hand(moving(number), 1.0)] if number in self.frames else []

    def follow(self, part, hand):
        return None


@functools.cache
def passing_picture(number):
    image, _ = with_hand(FREE, moving(number))
    image[0, 0] = number
    return image


def streamed(found, read=range(24), wanted=range(24), planned=range(24), settings=PLAIN):
    watches = {number: Watch.ANYTHING if number == 12 else Watch.HANDS for number in range(24)}
    faces = {number: (PlannedFace(1, "B", LANDMARKS, "A", watches[number]),) for number in range(24)}
    plan = {number: faces[number] for number in planned}
    aside = {number: faces[number] for number in faces if number not in plan}
    stream = FrameStream(Network(), plan, settings, hands=Passing(found), aside=aside)
    frames = [ReadFrame(number, passing_picture(number)) for number in read]
    return {item.media_frame: item for item in stream.paint(frames, set(wanted))}


def test_a_hand_that_is_missed_in_a_frame_stays_in_the_picture_there_too():
    found = set(range(6, 20))
    whole, missed = streamed(found), streamed(found - {11, 15, 16})
    for number in (11, 15, 16):
        assert missed[number].kept == (1,)
        # What is missed is drawn halfway between its neighbors, where this hand is.
        difference = np.abs(missed[number].picture[..., 3].astype(int) - whole[number].picture[..., 3])
        assert difference.mean() < 0.05
    assert streamed({9})[9].kept == (), "a hand of a single frame, which the search doesn't know of, is none"
    assert 20 not in {number for number, item in missed.items() if item.kept}


@pytest.mark.parametrize("color", ["none", "lab"])
def test_frames_that_are_made_again_come_out_as_in_the_whole(color):
    settings = replace(PLAIN, color_transfer=color, color_steadiness=0.5)
    reach = REACH + (0 if color == "none" else reach_of(settings.color_steadiness))
    found = set(range(6, 20)) - {11, 15, 16}
    whole = streamed(found, settings=settings)
    for wanted in (range(11, 12), range(15, 17)):
        near = range(wanted[0] - reach, min(wanted[-1] + reach + 1, 24))
        part = streamed(found, near, wanted, settings=replace(settings, batch_size=1))
        assert [*part] == [*wanted]
        assert all(np.array_equal(part[number].picture, whole[number].picture) for number in wanted)


def test_a_range_comes_out_as_in_the_whole_because_its_surroundings_are_looked_at():
    found = set(range(6, 20)) - {11, 15, 16}
    whole = streamed(found)
    part = streamed(found, wanted=range(11, 16), planned=range(11, 16))
    assert [*part] == [*range(11, 16)] and part[11].kept == part[15].kept == (1,)
    assert all(np.array_equal(part[number].picture, whole[number].picture) for number in part)


def test_a_shadow_on_the_face_is_kept_and_grows_with_what_is_in_front():
    face = np.full((96, 96, 3), 0.5, np.float32)
    plate = np.repeat(np.linspace(0.2, 0.6, 96, dtype=np.float32)[None, :, None], 96, axis=0).repeat(3, axis=2)
    plate[:, 60:] = (0.1, 0.2, 0.9)
    seen = np.zeros((96, 96), np.float32)
    seen[:, :60] = 1.0
    lit = lit_like(face, plate, seen, 1.7, 1.0)
    assert np.abs(lit[:, 8:52] - plate[:, 8:52]).max() < 0.05
    assert np.ptp(lit[40, 65]) < 1e-5, "the color of what is in front is nobody's light"
    assert np.array_equal(lit_like(face, plate, seen, 1.7, 0.0), face)
    front, matte = np.zeros((96, 96), np.float32), np.ones((96, 96), np.float32)
    strengths = []
    for width in (0, 2, 5, 30):
        front[:, :width] = 1.0
        strengths.append(light_strength(front, matte))
    assert strengths[0] == 0.0 and strengths[-1] == 1.0 and np.all(np.diff(strengths) > 0)


def test_an_even_hand_before_an_even_shadow_leaves_the_swap_in_the_shadow():
    shaded = np.clip(FREE * np.linspace(0.3, 1.0, WIDTH)[None, :, None], 0, 255).astype(np.uint8)
    points = hand_points((120.0, 235.0), 45.0, 0.2)
    image, alpha = with_hand(shaded, points)
    settings = replace(PLAIN, color_transfer="lab")
    crop = with_hands(image, crop_of(image), Finder(points))
    lit, _ = comped(image, crop, settings=settings)
    plain, _ = comped(image, replace(crop, front=None, watch=Watch.NOTHING), settings=settings)
    cheek = np.zeros((HEIGHT, WIDTH), bool)
    cheek[120:150, 195:215] = True
    cheek &= alpha < 0.01
    wanted = shaded[cheek].mean(axis=0)
    assert np.abs(lit[cheek].mean(axis=0) - wanted).max() < 0.6 * np.abs(plain[cheek].mean(axis=0) - wanted).max()
