"""Backgrounds for the pictures, drawn by chance: skies over hills, rooms, foliage, patterns, plain light.

All are [height, width, 3] uint8, RGB. Arithmetic is in integers and in float32 sums and products, which every processor
rounds alike, so that the same seed gives the same pixels everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]
Colour = tuple[float, float, float]
T = TypeVar("T")

SKIES: list[Colour] = [
    (120, 175, 235), (170, 205, 240), (235, 190, 150), (205, 210, 215), (60, 80, 130), (245, 220, 185),
]  # fmt: skip
GROUNDS: list[Colour] = [
    (85, 135, 60), (120, 150, 70), (150, 120, 80), (190, 165, 115), (110, 95, 75), (225, 230, 235), (70, 100, 55),
]  # fmt: skip
WALLS: list[Colour] = [
    (225, 215, 195), (190, 205, 210), (205, 180, 160), (150, 165, 150), (235, 235, 230), (120, 110, 130),
]  # fmt: skip


class Dice:
    """A stream of chance that depends on its seeds alone."""

    def __init__(self, *seeds: int) -> None:
        self.rng = np.random.Generator(np.random.PCG64(list(seeds)))

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self.rng.random())

    def integer(self, low: int, high: int) -> int:
        """low to high, both included"""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        return float(self.rng.random()) < probability

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.rng.integers(len(choices)))]

    def near(self, colour: Colour, spread: float) -> Colour:
        light = self.between(-spread, spread)
        r, g, b = (min(255.0, max(0.0, c + light + self.between(-spread, spread) / 2)) for c in colour)
        return r, g, b

    def any_colour(self) -> Colour:
        return self.between(0, 255), self.between(0, 255), self.between(0, 255)


def blend(first: Colour, second: Colour, weight: Plane) -> Pixels:
    """first where weight is 0, second where it is 1"""
    a, b = np.array(first, np.float32), np.array(second, np.float32)
    return (a + (b - a) * weight[..., None] + np.float32(0.5)).astype(np.uint8)


def ramp(height: int, width: int, dice: Dice) -> Plane:
    """0 to 1 across the picture, in any direction"""
    x, y = dice.between(-1, 1), dice.between(-1, 1)
    right, down = np.linspace(-x, x, width, dtype=np.float32), np.linspace(-y, y, height, dtype=np.float32)
    across = right[None, :] + down[:, None]
    return (across / np.float32(2 * (abs(x) + abs(y)) + 1e-3) + np.float32(0.5)).clip(0, 1)


def noise(height: int, width: int, dice: Dice, cells: int, stretch: float = 1.0) -> Plane:
    """0 to 1, octaves of value noise, the coarsest of `cells` cells in width; stretch > 1 lays it down in streaks"""
    total, weight = np.zeros((height, width), np.int32), 0
    for octave in range(4):
        columns = max(2, min(width, cells << octave))
        rows = max(2, min(height, round((cells << octave) * stretch * height / width)))
        grid = dice.rng.integers(0, 256, (rows, columns), dtype=np.uint8)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.int32) << (3 - octave)
        weight += 255 << (3 - octave)
    return total.astype(np.float32) / np.float32(weight)


def plain(height: int, width: int, dice: Dice) -> Pixels:
    colour = dice.any_colour() if dice.chance(0.5) else dice.near(dice.pick(WALLS), 20)
    weight = ramp(height, width, dice)
    if dice.chance(0.5):
        weight = weight * np.float32(0.7) + noise(height, width, dice, dice.integer(2, 6)) * np.float32(0.3)
    return blend(colour, dice.near(colour, 70), weight)


def clouded(height: int, width: int, dice: Dice) -> Pixels:
    weight = noise(height, width, dice, dice.integer(2, 12), dice.pick([0.3, 1.0, 1.0, 4.0]))
    contrast = np.float32(dice.between(1, 3))
    weight = ((weight - np.float32(0.5)) * contrast + np.float32(0.5)).clip(0, 1)
    return blend(dice.any_colour(), dice.any_colour(), weight)


def pattern(height: int, width: int, dice: Dice) -> Pixels:
    """Stripes, checks or dots, at any angle."""
    step = dice.integer(12, 70)
    u = ramp(height, width, dice) * np.float32(width / step)
    v = ramp(height, width, dice) * np.float32(height / step)
    kind = dice.pick(["stripes", "checks", "dots"])
    on = np.floor(u) % 2
    if kind == "checks":
        on = (np.floor(u) + np.floor(v)) % 2
    elif kind == "dots":
        distance = (u % 1 - np.float32(0.5)) ** 2 + (v % 1 - np.float32(0.5)) ** 2
        on = distance < np.float32(dice.between(0.02, 0.15))
    colour = dice.any_colour()
    picture = blend(colour, dice.near(colour, 120), on.astype(np.float32))
    return cv2.GaussianBlur(picture, (3, 3), 0)


def hill(height: int, width: int, dice: Dice, top: float) -> NDArray[np.bool_]:
    """Below a line that rolls around `top`."""
    grid = dice.rng.integers(0, 256, (1, dice.integer(4, 9)), dtype=np.uint8)
    line = cv2.resize(grid, (width, 1), interpolation=cv2.INTER_CUBIC)[0].astype(np.float32) / np.float32(255)
    line = np.float32(top) + (line - np.float32(0.5)) * np.float32(0.25 * height)
    return np.arange(height, dtype=np.float32)[:, None] > line[None, :]


def landscape(height: int, width: int, dice: Dice) -> Pixels:
    sky = dice.near(dice.pick(SKIES), 25)
    down = np.broadcast_to(np.linspace(0, 1, height, dtype=np.float32)[:, None], (height, width))
    weight = down * np.float32(0.6) + noise(height, width, dice, 3, 3.0) * np.float32(0.4)
    picture = blend(sky, dice.near(sky, 60), weight)
    if dice.chance(0.4):
        centre = dice.integer(0, width), dice.integer(0, height // 2)
        cv2.circle(picture, centre, dice.integer(8, width // 8), dice.near((250, 230, 170), 20), -1, cv2.LINE_AA)
    horizon = dice.between(0.25, 0.75) * height
    ground = dice.pick(GROUNDS)
    for step in range(dice.integer(1, 3)):
        texture = noise(height, width, dice, dice.integer(6, 30), dice.pick([0.5, 1.0, 3.0]))
        land = blend(dice.near(ground, 35), dice.near(ground, 35), texture)
        where = hill(height, width, dice, horizon + step * height / 8)
        picture[where] = land[where]
    return picture


def room(height: int, width: int, dice: Dice) -> Pixels:
    wall = dice.pick([plain, plain, pattern])(height, width, dice)
    floor = dice.near(dice.pick(GROUNDS), 40)
    boards = noise(height, width, dice, 3, dice.pick([0.3, 8.0, 12.0]))
    edge = dice.integer(height // 2, height - height // 8)
    wall[edge:] = blend(floor, dice.near(floor, 60), boards)[edge:]
    cv2.rectangle(wall, (0, edge - dice.integer(0, height // 25)), (width, edge), dice.near((200, 195, 185), 50), -1)
    return wall


def foliage(height: int, width: int, dice: Dice) -> Pixels:
    """Leaves, or lights out of focus: overlapping ellipses, blurred."""
    colour = dice.near(dice.pick([*GROUNDS, dice.any_colour()]), 30)
    picture = blend(colour, dice.near(colour, 50), noise(height, width, dice, 6))
    for _ in range(dice.integer(40, 140)):
        centre = dice.integer(0, width), dice.integer(0, height)
        axes = dice.integer(4, width // 9), dice.integer(3, width // 16)
        cv2.ellipse(picture, centre, axes, dice.between(0, 180), 0, 360, dice.near(colour, 70), -1, cv2.LINE_8)
    size = dice.pick([1, 3, 7, 15])
    return cv2.GaussianBlur(picture, (size, size), 0)


def water(height: int, width: int, dice: Dice) -> Pixels:
    """Water, sand or snow: streaks that a light falls on."""
    colour = dice.near(dice.pick([(70, 120, 170), (60, 140, 150), (215, 195, 150), (230, 235, 240)]), 25)
    streaks = noise(height, width, dice, dice.integer(2, 8), dice.between(3, 8))
    return blend(colour, dice.near(colour, 70), streaks * np.float32(0.7) + ramp(height, width, dice) * np.float32(0.3))


KINDS: list[Callable[[int, int, Dice], Pixels]] = [
    landscape, landscape, landscape, room, foliage, foliage, water, clouded, plain, pattern,
]  # fmt: skip


def draw_background(height: int, width: int, dice: Dice) -> Pixels:
    picture = dice.pick(KINDS)(height, width, dice)
    if dice.chance(0.4):
        size = 2 * dice.integer(1, 6) + 1
        picture = cv2.GaussianBlur(picture, (size, size), 0)
    return picture
