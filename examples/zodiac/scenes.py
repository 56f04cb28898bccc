"""One picture: a cut-out on a background, with a pose, light, shadow, things in front of it, and a camera's faults."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from artworks import Cutout
from backgrounds import Colour, Dice, Pixels, Plane, draw_background, noise, ramp

COATS: dict[str, list[Colour]] = {
    "rat": [(140, 130, 125), (110, 85, 65), (225, 220, 215), (185, 150, 115)],
    "ox": [(120, 75, 45), (60, 50, 45), (225, 215, 200), (150, 110, 75)],
    "tiger": [(225, 140, 50), (235, 165, 80), (240, 235, 225)],
    "rabbit": [(235, 230, 225), (165, 150, 140), (180, 135, 95), (120, 115, 115)],
    "dragon": [(60, 140, 70), (190, 50, 40), (215, 175, 60), (60, 110, 160)],
    "snake": [(120, 150, 60), (150, 120, 70), (70, 80, 60), (200, 180, 90)],
    "horse": [(120, 70, 40), (70, 50, 40), (230, 225, 215), (175, 120, 75)],
    "goat": [(235, 230, 220), (150, 115, 85), (95, 85, 80), (205, 185, 155)],
    "monkey": [(130, 90, 60), (90, 70, 55), (175, 140, 100)],
    "rooster": [(190, 90, 40), (235, 225, 210), (70, 60, 55), (240, 205, 90)],
    "dog": [(170, 125, 80), (220, 195, 155), (90, 70, 60), (240, 235, 230)],
    "pig": [(240, 185, 180), (230, 160, 155), (110, 95, 90), (245, 210, 200)],
}


PIXEL_FONTS = "usr/share/fonts/opentype/unifont/"


@dataclass(frozen=True)
class Scene:
    rgb: Pixels
    jpeg_quality: int


def paint(cutout: Cutout, dice: Dice) -> Pixels:
    """The cut-out's RGBA; a drawing of one ink gets an ink and, within its outline, a coat."""
    source = cutout.source
    if source.style in ("colour", "scene"):
        return shift_colours(cutout.rgba, dice) if dice.chance(0.6) else cutout.rgba
    ink = dice.near((35, 30, 30), 30)
    coat: Colour | None = dice.near(dice.pick(COATS[source.class_name]), 25)
    if source.style == "solid" and dice.chance(0.5):
        assert coat is not None
        ink, coat = coat, dice.near((245, 240, 235), 15)
    elif dice.chance(0.15):
        coat = None if dice.chance(0.5) else dice.any_colour()
    rgba, inside = cutout.rgba, cutout.inside
    if source.file.startswith(PIXEL_FONTS) and dice.chance(0.5):
        rgba, inside = np.dstack([rgba[..., :3], rounded(rgba[..., 3])]), rounded(inside)
    dark = 255 - rgba[..., :3].max(axis=2).astype(np.int32)
    weight = (rgba[..., 3] * dark).astype(np.float32) / np.float32(255 * 255)
    if coat is None:
        colour = np.broadcast_to(np.array(ink, np.uint8), (*rgba.shape[:2], 3))
        return np.dstack([colour, (weight * 255).astype(np.uint8)])
    mixed = np.array(coat, np.float32) + (np.array(ink, np.float32) - np.array(coat, np.float32)) * weight[..., None]
    return np.dstack([mixed.astype(np.uint8), np.maximum(inside, rgba[..., 3])])


def rounded(plane: Pixels) -> Pixels:
    """A pixel font's steps, smoothed."""
    blurred = cv2.GaussianBlur(plane, (41, 41), 0).astype(np.int32)
    return ((blurred - 128) * 8 + 128).clip(0, 255).astype(np.uint8)


def shift_colours(rgba: Pixels, dice: Dice) -> Pixels:
    """Hue, saturation and light, in integers: OpenCV's HSV depends on the processor."""
    rgb = rgba[..., :3].astype(np.int32)
    turned = rgb + (rgb[..., [2, 0, 1]] - rgb[..., [1, 2, 0]]) * dice.integer(-40, 40) // 256  # about the grey axis
    grey = (rgb * np.array([77, 150, 29])).sum(axis=2, keepdims=True) >> 8
    colour = grey + (turned - grey) * dice.integer(60, 130) // 100
    colour = colour * dice.integer(75, 110) // 100
    return np.dstack([colour.clip(0, 255).astype(np.uint8), rgba[..., 3]])


def shade(rgba: Pixels, dice: Dice) -> Pixels:
    """Light from a side, and a coat's unevenness: flat drawings come nearer to photographs."""
    height, width = rgba.shape[:2]
    light = ramp(height, width, dice) * np.float32(dice.between(0, 0.5)) + np.float32(dice.between(0.65, 0.85))
    if dice.chance(0.5):
        fur = noise(height, width, dice, dice.integer(8, 40)) - np.float32(0.5)
        light += fur * np.float32(dice.between(0.1, 0.5))
    colour = (rgba[..., :3] * light[..., None]).clip(0, 255).astype(np.uint8)
    return np.dstack([colour, rgba[..., 3]])


def pose(rgba: Pixels, height: int, width: int, dice: Dice) -> Pixels:
    """Flipped, scaled, turned, seen from a side, and put somewhere on a canvas of the picture's size. Colours come back
    multiplied by alpha."""
    if dice.chance(0.5):
        rgba = rgba[:, ::-1]
    h, w = rgba.shape[:2]
    fraction = dice.between(0.5, 1.0) if dice.chance(0.85) else dice.between(1.0, 1.35)
    scale = fraction * min(width / w, height / h)
    w2, h2 = max(8, round(w * scale)), max(8, round(h * scale * dice.between(0.85, 1.15)))
    alpha = rgba[..., 3:].astype(np.int32)
    rgba = np.dstack([((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8), rgba[..., 3]])
    rgba = cv2.resize(rgba, (w2, h2), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    angle = math.radians(dice.between(-25, 25) if dice.chance(0.85) else dice.between(-90, 90))
    room_x, room_y = max(0.0, width - w2) / 2 + 0.12 * w2, max(0.0, height - h2) / 2 + 0.12 * h2
    x, y = width / 2 + dice.between(-room_x, room_x), height / 2 + dice.between(-room_y, room_y)
    tilt = dice.between(0, 0.18) if dice.chance(0.5) else 0.0
    corners = []
    for cx, cy in [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]:
        px, py = (cx + dice.between(-tilt, tilt)) * w2, (cy + dice.between(-tilt, tilt)) * h2
        cos, sin = math.cos(angle), math.sin(angle)
        corners.append((x + px * cos - py * sin, y + px * sin + py * cos))
    before = np.array([(0, 0), (w2, 0), (w2, h2), (0, h2)], np.float32)
    matrix = cv2.getPerspectiveTransform(before, np.array(corners, np.float32))
    return cv2.warpPerspective(rgba, matrix, (width, height), flags=cv2.INTER_LINEAR)


def cast_shadow(picture: Pixels, alpha: Pixels, dice: Dice) -> Pixels:
    height, width = alpha.shape
    size = 2 * dice.integer(2, 10) + 1
    aside, below = dice.integer(-width // 12, width // 12), dice.integer(0, height // 12)
    move = np.array([[1, 0, aside], [0, 1, below]], np.float32)
    shadow = cv2.warpAffine(cv2.GaussianBlur(alpha, (size, size), 0), move, (width, height), flags=cv2.INTER_NEAREST)
    kept = 255 * 256 - shadow.astype(np.int32) * dice.integer(50, 140)
    return (picture * kept[..., None] // (255 * 256)).astype(np.uint8)


def grass(picture: Pixels, dice: Dice) -> None:
    height, width = picture.shape[:2]
    colour = dice.near((80, 130, 55), 40)
    for _ in range(dice.integer(20, 90)):
        x, tall = dice.integer(0, width), dice.integer(height // 20, height // 4)
        lean = dice.integer(-tall // 2, tall // 2)
        blade = np.array([(x - 3, height), (x + 3, height), (x + lean, height - tall)], np.int32)
        cv2.fillPoly(picture, [blade], dice.near(colour, 35), cv2.LINE_AA)


def fence(picture: Pixels, dice: Dice) -> None:
    height, width = picture.shape[:2]
    colour, thick = dice.near((130, 110, 90), 70), dice.integer(2, max(3, width // 40))
    for i in range(dice.integer(2, 5)):
        x = dice.integer(0, width) if i else width // 2 + dice.integer(-width // 4, width // 4)
        cv2.line(picture, (x, 0), (x + dice.integer(-15, 15), height), dice.near(colour, 20), thick, cv2.LINE_AA)


def leaves(picture: Pixels, dice: Dice) -> None:
    height, width = picture.shape[:2]
    colour, x, y = dice.near((90, 120, 60), 50), dice.integer(0, width), dice.integer(0, height)
    for _ in range(dice.integer(5, 20)):
        centre = x + dice.integer(-width // 6, width // 6), y + dice.integer(-height // 6, height // 6)
        axes = dice.integer(4, width // 14), dice.integer(3, width // 24)
        cv2.ellipse(picture, centre, axes, dice.between(0, 180), 0, 360, dice.near(colour, 40), -1, cv2.LINE_AA)


def board(picture: Pixels, dice: Dice) -> None:
    """A board or a wall that hides a side."""
    height, width = picture.shape[:2]
    wide, tall = dice.integer(width // 12, width // 4), dice.integer(height // 4, height)
    left, top = dice.pick([0, width - wide]), dice.integer(0, height - tall)
    piece = picture[top : top + tall, left : left + wide]
    piece[:] = (piece // 8 + np.array(dice.any_colour(), np.float32) * np.float32(0.85)).astype(np.uint8)


def camera(picture: Pixels, dice: Dice) -> Pixels:
    """Exposure, white balance, blur and grain."""
    level: Plane = np.arange(256, dtype=np.float32) / np.float32(255)
    bend = np.float32(dice.between(-0.35, 0.35))
    tables = []
    for _ in range(3):
        gain, lift = np.float32(dice.between(0.88, 1.08)), np.float32(dice.between(-0.03, 0.05))
        curve = (level + bend * level * (1 - level)) * gain + lift
        tables.append((curve.clip(0, 1) * 255).astype(np.uint8))
    picture = cv2.LUT(picture, np.stack(tables, axis=-1)[None])
    if dice.chance(0.05):
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if dice.chance(0.3):
        size = 2 * dice.integer(1, 3) + 1
        picture = cv2.GaussianBlur(picture, (size, size), 0)
    elif dice.chance(0.1):
        size = dice.integer(3, 9)
        picture = cv2.blur(picture, (size, 1) if dice.chance(0.5) else (1, size))
    if dice.chance(0.4):
        strength = dice.integer(2, 14)
        grain = dice.rng.integers(-strength, strength + 1, picture.shape, dtype=np.int16)
        picture = (picture.astype(np.int16) + grain).clip(0, 255).astype(np.uint8)
    return picture


def compose(cutout: Cutout, dice: Dice) -> Scene:
    long_side = dice.integer(260, 500)
    height, width = long_side, max(200, round(long_side * dice.pick([1.0, 1.0, 0.8, 0.75, 0.67])))
    if dice.chance(0.75):
        height, width = width, height
    picture = draw_background(height, width, dice)
    animal = paint(cutout, dice)
    if dice.chance(0.7):
        animal = shade(animal, dice)
    animal = pose(animal, height, width, dice)
    if dice.chance(0.5):
        picture = cast_shadow(picture, np.ascontiguousarray(animal[..., 3]), dice)
    left = 255 - animal[..., 3:].astype(np.int32)
    picture = (animal[..., :3] + (picture * left + 127) // 255).clip(0, 255).astype(np.uint8)
    if dice.chance(0.35):
        dice.pick([grass, grass, fence, leaves, board])(picture, dice)
    return Scene(camera(picture, dice), dice.integer(45, 95))
