"""The drawings that the pictures are made of: sources.tsv, the packages that hold them, and their cut-outs.

A row of sources.tsv is one file or glyph. Rows of one `artwork` are variants of one drawing (recoloured, with a hat on,
or two glyphs that a font's author made from each other), which must never be parted: they stand on one side, gallery or
query.
"""

from __future__ import annotations

import csv
import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]

CLASSES = ["rat", "ox", "tiger", "rabbit", "dragon", "snake", "horse", "goat", "monkey", "rooster", "dog", "pig"]
CHINESE = ["鼠", "牛", "虎", "兔", "龙", "蛇", "马", "羊", "猴", "鸡", "狗", "猪"]
SIDES = ["gallery", "query"]
COLUMNS = [
    "artwork", "class", "side", "package", "version", "file", "glyph", "cut", "style", "licence", "author", "sha256",
]  # fmt: skip
LONGEST_SIDE = 512
Image.MAX_IMAGE_PIXELS = 16_000_000


class PictureError(Exception):
    """What the user is told, in one line."""


@dataclass(frozen=True)
class Source:
    artwork: str
    class_name: str
    side: str
    package: str
    version: str
    file: str
    glyph: str
    """U+XXXX of a font's glyph, - for a picture file."""
    cut: str
    """How the animal is taken out: "crop X0 Y0 X1 Y1", "flood" from the corners, its "red" parts, or - (by alpha)."""
    style: str
    """colour; line or solid (one ink, coloured anew in each picture); scene (with a background of its own)."""
    licence: str
    author: str
    sha256: str
    """Of the picture file, or of the glyph's RGBA pixels."""

    @property
    def name(self) -> str:
        return f"{self.glyph} of {self.file}" if self.glyph != "-" else self.file


@dataclass(frozen=True)
class Cutout:
    source: Source
    rgba: Pixels
    """[h, w, 4]; outside the animal, alpha is 0."""
    inside: Pixels
    """[h, w], 255 within the outline: what a line drawing leaves empty, and may be filled."""


def read_sources(path: Path) -> list[Source]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except OSError as error:
        raise PictureError(f"{path}: {error.strerror}") from None
    if not rows or rows[0] != COLUMNS:
        raise PictureError(f"{path}: the first line must name the columns {', '.join(COLUMNS)}")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(COLUMNS):
            raise PictureError(f"{path}:{number}: {len(row)} columns, where {len(COLUMNS)} are named")
        if row[1] not in CLASSES or row[2] not in SIDES:
            raise PictureError(f"{path}:{number}: no class '{row[1]}' or no side '{row[2]}'")
    return [Source(*row) for row in rows[1:]]


def write_sources(path: Path, sources: list[Source]) -> None:
    rows = [[getattr(s, "class_name" if c == "class" else c) for c in COLUMNS] for s in sources]
    path.write_text("".join("\t".join(row) + "\n" for row in [COLUMNS, *rows]), encoding="utf-8")


def command(*words: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PictureError(f"{words[0]}: {error.strerror}; the art packages are Debian's") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise PictureError(f"{' '.join(words)}: {last}")
    return done.stdout.strip()


def open_packages(sources: list[Source], folder: Path) -> dict[str, str]:
    """Brings the packages of `sources` into `folder`, unpacked under their names; returns their versions. Nothing is
    installed."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = {}
    for package in sorted({s.package for s in sources}):
        archives = sorted(folder.glob(f"{package}_*.deb"))
        if not archives:
            command("apt-get", "-q", "download", package, folder=folder)
            archives = sorted(folder.glob(f"{package}_*.deb"))
        if len(archives) != 1:
            raise PictureError(f"{folder}: {len(archives)} files {package}_*.deb, where one is needed")
        versions[package] = command("dpkg-deb", "-f", str(archives[0]), "Version")
        if not (folder / package).exists():
            unfinished = folder / f"{package}.part"
            command("dpkg-deb", "-x", str(archives[0]), str(unfinished))
            unfinished.rename(folder / package)
    return versions


def draw_glyph(font: Path, character: str) -> Pixels:
    """RGBA of a colour glyph at its own size, of an outline at 400 pixels, of a pixel font with 24 pixels for each."""
    colour, pixel = font.name == "NotoColorEmoji.ttf", font.name.startswith("unifont")
    size = 109 if colour else 16 if pixel else 400
    face = ImageFont.truetype(str(font), size, layout_engine=ImageFont.Layout.BASIC)
    left, top, right, bottom = face.getbbox(character, mode="RGBA" if colour else "L")
    canvas = Image.new("RGBA", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(canvas).text((-left, -top), character, font=face, fill="black", embedded_color=colour)
    if pixel:
        canvas = canvas.resize((canvas.width * 24, canvas.height * 24), Image.Resampling.NEAREST)
    return np.asarray(canvas)


def read_pixels(source: Source, packages: Path) -> tuple[Pixels, str]:
    """The source's RGBA pixels and its SHA-256."""
    path = packages / source.package / source.file
    try:
        if source.glyph != "-":
            pixels = draw_glyph(path, chr(int(source.glyph[2:], 16)))
            return pixels, hashlib.sha256(pixels.tobytes()).hexdigest()
        return np.asarray(Image.open(path).convert("RGBA")), hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        problem = f"{source.package} has no {source.file}: sources.tsv was made for version {source.version}"
        raise PictureError(problem) from None
    except (OSError, ValueError) as error:
        raise PictureError(f"{path}: {error}") from None


def hashed(sources: list[Source], packages: Path, versions: dict[str, str]) -> list[Source]:
    """The same rows, as the packages at hand would have them recorded."""
    return [replace(s, version=versions[s.package], sha256=read_pixels(s, packages)[1]) for s in sources]


def cut_out(source: Source, rgba: Pixels) -> Pixels:
    how, *numbers = source.cut.split()
    rgba = rgba.copy()
    if how == "crop":
        x0, y0, x1, y1 = map(int, numbers)
        rgba = rgba[y0:y1, x0:x1]
    elif how == "flood":
        rgb, mask = np.ascontiguousarray(rgba[..., :3]), np.zeros((rgba.shape[0] + 2, rgba.shape[1] + 2), np.uint8)
        for corner in [(0, 0), (rgba.shape[1] - 1, 0), (0, rgba.shape[0] - 1), (rgba.shape[1] - 1, rgba.shape[0] - 1)]:
            cv2.floodFill(rgb, mask, corner, 0, (10, 10, 10), (10, 10, 10), cv2.FLOODFILL_MASK_ONLY)
        rgba[..., 3] = np.where(mask[1:-1, 1:-1] != 0, 0, rgba[..., 3])
    elif how == "red":
        red = (rgba[..., 0] > 120) & (rgba[..., 1] < 90) & (rgba[..., 2] < 90)
        dark = (rgba[..., :3].max(axis=2) < 90) & (rgba[..., 3] > 200)
        dark[[0, 1, 2, -3, -2, -1]] = dark[:, [0, 1, 2, -3, -2, -1]] = False  # the flag's frame
        _, parts, sizes, _ = cv2.connectedComponentsWithStats((red | dark).astype(np.uint8))
        largest = 1 + int(np.argmax([np.count_nonzero(red & (parts == i)) for i in range(1, len(sizes))]))
        rgba[..., 3] = np.where(parts == largest, 255, 0)
    rows, columns = np.flatnonzero(rgba[..., 3].max(axis=1)), np.flatnonzero(rgba[..., 3].max(axis=0))
    return rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fill_outline(alpha: Pixels, gaps: tuple[float, ...]) -> Pixels:
    """What the lines enclose. Gaps are taken as closed, wider ones where narrow ones leave nothing enclosed; they are
    parts of the longer side."""
    lines, inside = (alpha > 100).astype(np.uint8), alpha
    for fraction in gaps:
        gap = max(3, int(max(alpha.shape) * fraction)) | 1
        room = 2 * gap
        closed = cv2.copyMakeBorder(lines, room, room, room, room, cv2.BORDER_CONSTANT, value=0)
        closed = cv2.morphologyEx(closed, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap)))
        cv2.floodFill(closed, None, (0, 0), 2)
        inside = np.where(closed == 2, 0, 255).astype(np.uint8)[room:-room, room:-room]
        if np.count_nonzero(inside) > min(2.5 * np.count_nonzero(lines), 0.4 * inside.size):
            break
    return inside


def load_cutout(source: Source, packages: Path, version: str) -> Cutout:
    """The version is that of the package at hand. Another FreeType may draw another grey at a recorded font's edges."""
    pixels, digest = read_pixels(source, packages)
    if digest != source.sha256 and (source.glyph == "-" or version != source.version):
        raise PictureError(f"{source.package}: {source.name} is another work than in {source.version} of sources.tsv")
    rgba = cut_out(source, pixels)
    scale = LONGEST_SIDE / max(rgba.shape[:2])
    if scale < 1:
        size = [max(1, round(n * scale)) for n in rgba.shape[1::-1]]
        colour = rgba[..., :3] * (rgba[..., 3:] / np.float32(255))  # else hidden colours would bleed in at the edges
        shrunk = cv2.resize(np.dstack([colour, rgba[..., 3].astype(np.float32)]), size, interpolation=cv2.INTER_AREA)
        colour = shrunk[..., :3] * (255 / np.maximum(shrunk[..., 3:], 1))
        rgba = np.dstack([np.clip(colour, 0, 255), shrunk[..., 3]]).round().astype(np.uint8)
    gaps = (0.005,) if source.style == "solid" else (0.02, 0.05, 0.1)
    return Cutout(source, np.ascontiguousarray(rgba), fill_outline(rgba[..., 3], gaps))


def artworks(sources: list[Source], class_name: str, side: str) -> Iterator[str]:
    """The artworks of a class on a side, in the table's order."""
    yield from dict.fromkeys(s.artwork for s in sources if s.class_name == class_name and s.side == side)
