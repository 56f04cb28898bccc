#!/usr/bin/env python3
"""Draws the twelve pictures of examples/pictures, and pictures.txt, which lists them as path, TAB, label.

    pip install pillow==13.0.0
    python examples/draw_pictures.py
"""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).resolve().parent / "pictures"
WIDTH, HEIGHT = 320, 240

SKY, GRASS, RED, YELLOW, WHITE, DARK, BLUE = "#8ec6f0", "#4d9440", "#c8372d", "#f5cf3a", "#f6f4ee", "#3a2d28", "#2757a6"


def circle(d: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: str) -> None:
    d.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def ball(d: ImageDraw.ImageDraw) -> None:
    circle(d, 160, 130, 80, RED)
    circle(d, 130, 100, 18, WHITE)


def box(d: ImageDraw.ImageDraw) -> None:
    d.rectangle((90, 60, 230, 200), fill=BLUE, outline=DARK, width=6)


def triangle(d: ImageDraw.ImageDraw) -> None:
    d.polygon([(160, 30), (270, 210), (50, 210)], fill=YELLOW, outline=DARK)


def star(d: ImageDraw.ImageDraw) -> None:
    def point(i: int) -> tuple[float, float]:
        angle, radius = math.pi * (i / 5 - 0.5), 100 if i % 2 == 0 else 40
        return 160 + radius * math.cos(angle), 120 + radius * math.sin(angle)

    d.polygon([point(i) for i in range(10)], fill=YELLOW)


def stripes(d: ImageDraw.ImageDraw) -> None:
    for x in range(0, WIDTH, 40):
        d.rectangle((x, 0, x + 19, HEIGHT), fill=RED)


def checks(d: ImageDraw.ImageDraw) -> None:
    for y in range(0, HEIGHT, 30):
        for x in range(y % 60, WIDTH, 60):
            d.rectangle((x, y, x + 29, y + 29), fill=DARK)


def dots(d: ImageDraw.ImageDraw) -> None:
    for y in range(30, HEIGHT, 60):
        for x in range(40, WIDTH, 60):
            circle(d, x, y, 18, BLUE)


def rings(d: ImageDraw.ImageDraw) -> None:
    for i, radius in enumerate(range(110, 0, -22)):
        circle(d, 160, 120, radius, (RED, WHITE)[i % 2])


def waves(d: ImageDraw.ImageDraw) -> None:
    for y in range(20, HEIGHT, 40):
        d.line([(x, y + 12 * math.sin(x / 20)) for x in range(WIDTH)], fill=BLUE, width=10)


def sun(d: ImageDraw.ImageDraw) -> None:
    for i in range(12):
        angle = math.pi * i / 6
        d.line((160, 120, 160 + 110 * math.cos(angle), 120 + 110 * math.sin(angle)), fill=YELLOW, width=8)
    circle(d, 160, 120, 60, YELLOW)


def house(d: ImageDraw.ImageDraw) -> None:
    d.rectangle((0, 190, WIDTH, HEIGHT), fill=GRASS)
    d.rectangle((100, 110, 220, 200), fill=WHITE)
    d.polygon([(85, 110), (160, 45), (235, 110)], fill=RED)
    d.rectangle((145, 150, 175, 200), fill=DARK)


def tree(d: ImageDraw.ImageDraw) -> None:
    d.rectangle((0, 200, WIDTH, HEIGHT), fill=GRASS)
    d.rectangle((148, 130, 172, 215), fill=DARK)
    for x, y in ((160, 70), (120, 105), (200, 105)):
        circle(d, x, y, 45, GRASS)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    drawings = (ball, box, triangle, star, stripes, checks, dots, rings, waves, sun, house, tree)
    lines = []
    for label, draw in enumerate(drawings):
        picture = Image.new("RGB", (WIDTH, HEIGHT), SKY if draw in (sun, house, tree, ball) else WHITE)
        draw(ImageDraw.Draw(picture))
        name = f"{draw.__name__}.{'jpg' if label % 2 else 'png'}"
        picture.save(FOLDER / name, quality=88) if label % 2 else picture.save(FOLDER / name, optimize=True)
        lines.append(f"{name}\t{label}\n")
    (FOLDER / "pictures.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
