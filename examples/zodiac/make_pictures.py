#!/usr/bin/env python3
"""Builds the pictures of the twelve animals of the zodiac, in the study's layout, from the drawings of sources.tsv.

    make_pictures.py build      the full set, 7,840 gallery pictures and 660 queries, into build/zodiac
    make_pictures.py check      compares build/zodiac with pictures.sha256
    make_pictures.py ship       the shipped pictures, smaller ones of the same scenes, into examples/zodiac/pictures
    make_pictures.py compare    draws the shipped pictures anew: are all their pixels within 1 of those that are there?
    make_pictures.py record     writes the versions and sums of the packages at hand into sources.tsv

    pip install numpy==2.4.6 pillow==13.0.0 opencv-python-headless==4.10.0.84

Debian's packages are taken from --art; what is missing there is fetched with `apt-get download`. Nothing is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from artworks import (
    CHINESE,
    CLASSES,
    SIDES,
    Cutout,
    PictureError,
    Source,
    artworks,
    hashed,
    load_cutout,
    open_packages,
    read_sources,
    write_sources,
)
from backgrounds import Dice
from scenes import compose

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SEED = 12
LISTS = {"gallery": "trainval.txt", "query": "test.txt"}
FULL = {"gallery": 7840, "query": 660}
SHIPPED = {"gallery": 300, "query": 60}
SHIPPED_SIDE = 256
SHIPPED_QUALITY = 88
SOURCES = HERE / "sources.tsv"
SUMS = HERE / "pictures.sha256"


@dataclass(frozen=True)
class Job:
    """One picture. Its scene depends on the seed, side, class and number, and on nothing else."""

    side: str
    label: int
    number: int
    source: Source

    @property
    def path(self) -> str:
        return f"{self.side}/{CLASSES[self.label]}/{self.number:04}.jpg"

    @property
    def dice(self) -> Dice:
        return Dice(SEED, SIDES.index(self.side), self.label, self.number)


def jobs(sources: list[Source], counts: dict[str, int]) -> Iterator[Job]:
    """Classes get the same number of pictures, the first ones one more where it does not divide; artworks of a class
    take turns, and so do the variants of an artwork."""
    for side, count in counts.items():
        for label, class_name in enumerate(CLASSES):
            works = list(artworks(sources, class_name, side))
            if not works:
                raise PictureError(f"{SOURCES}: no {class_name} on the side {side}")
            for number in range(count // len(CLASSES) + (label < count % len(CLASSES))):
                turn, work = divmod(number, len(works))
                variants = [s for s in sources if s.artwork == works[work]]
                yield Job(side, label, number, variants[turn % len(variants)])


class Painter:
    """Draws pictures into a folder, in a worker process."""

    def __init__(self, cutouts: dict[Source, Cutout], folder: Path, small: bool) -> None:
        self.cutouts, self.folder, self.small = cutouts, folder, small

    def __call__(self, job: Job) -> None:
        scene = compose(self.cutouts[job.source], job.dice)
        rgb, quality = scene.rgb, scene.jpeg_quality
        if self.small:
            scale = min(1.0, SHIPPED_SIDE / max(rgb.shape[:2]))
            rgb = cv2.resize(rgb, [round(n * scale) for n in rgb.shape[1::-1]], interpolation=cv2.INTER_AREA)
            quality = SHIPPED_QUALITY
        done, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise PictureError(f"{job.path}: OpenCV could not encode it")
        (self.folder / job.path).write_bytes(data.tobytes())


painter: Painter


def start_worker(given: Painter) -> None:
    global painter
    painter = given


def draw_one(job: Job) -> None:
    painter(job)


def write_lists(folder: Path, all_jobs: list[Job]) -> None:
    for side, name in LISTS.items():
        lines = [f"{job.path}\t{job.label}\n" for job in all_jobs if job.side == side]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    (folder / "works.tsv").write_text("".join(f"{j.path}\t{j.source.artwork}\n" for j in all_jobs), encoding="utf-8")
    names = {"label_dict": dict(enumerate(CHINESE)), "label_dict_en": dict(enumerate(CLASSES))}
    (folder / "dataset_info.json").write_text(json.dumps(names, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def draw(art: Path, folder: Path, counts: dict[str, int], workers: int) -> None:
    """Draws all pictures and lists into `folder`, which must be empty."""
    cv2.setNumThreads(1)  # before OpenCV starts threads, which the forked workers would not have
    sources = read_sources(SOURCES)
    versions = open_packages(sources, art)
    for package, version in versions.items():
        recorded = next(s.version for s in sources if s.package == package)
        if version != recorded:
            print(f"{package} is {version}, sources.tsv was made for {recorded}: its drawings are compared one by one")
    cutouts = {source: load_cutout(source, art, versions[source.package]) for source in sources}
    all_jobs = list(jobs(sources, counts))
    for name in sorted({str(Path(job.path).parent) for job in all_jobs}):
        (folder / name).mkdir(parents=True)
    with multiprocessing.Pool(workers, start_worker, [Painter(cutouts, folder, counts is SHIPPED)]) as pool:
        for done, _ in enumerate(pool.imap_unordered(draw_one, all_jobs, chunksize=16), 1):
            if done % 500 == 0:
                print(f"{done} of {len(all_jobs)} pictures", flush=True)
    write_lists(folder, all_jobs)


def build(arguments: argparse.Namespace, out: Path, counts: dict[str, int]) -> None:
    """All or nothing: the folder gets its name when it is complete."""
    if out.exists() and any(out.iterdir()):
        raise PictureError(f"{out} is not empty: remove it first, or name another folder with --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        draw(arguments.art, unfinished, counts, arguments.workers)
        unfinished.chmod(0o755)
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    print(f"{out}: {counts['gallery']} gallery pictures, {counts['query']} queries")


def sums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def check(folder: Path) -> None:
    lines = SUMS.read_text(encoding="utf-8").splitlines()
    recorded = {path: digest for digest, path in (line.split() for line in lines)}
    found = sums(folder)
    missing, other = sorted(recorded.keys() - found.keys()), sorted(found.keys() - recorded.keys())
    changed = [path for path in sorted(recorded.keys() & found.keys()) if recorded[path] != found[path]]
    for what, paths in [("missing", missing), ("not in the list", other), ("another", changed)]:
        if paths:
            print(f"{folder}: {len(paths)} {what}, such as {paths[0]}")
    if missing or other or changed:
        raise PictureError(f"{folder} is not the set of {SUMS.name}; with other versions of anything, use `compare`")
    print(f"{folder}: all {len(recorded)} files are those of {SUMS.name}")


def compare(arguments: argparse.Namespace, shipped: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        anew = Path(name)
        draw(arguments.art, anew, SHIPPED, arguments.workers)
        paths = [str(p.relative_to(anew)) for p in sorted(anew.rglob("*")) if p.is_file()]
        worst = 0
        for path in paths:
            if not (shipped / path).exists():
                raise PictureError(f"{shipped}: no {path}")
            if not path.endswith(".jpg"):
                same = (shipped / path).read_bytes() == (anew / path).read_bytes()
                worst = max(worst, 0 if same else 255)
                continue
            a, b = (cv2.imread(str(folder / path), cv2.IMREAD_COLOR) for folder in (shipped, anew))
            if a is None or b is None or a.shape != b.shape:
                raise PictureError(f"{shipped / path}: no JPEG of the size that was drawn anew")
            apart = int(np.abs(a.astype(np.int16) - b.astype(np.int16)).max())
            if apart > max(worst, 1):
                print(f"{path}: {apart} apart")
            worst = max(worst, apart)
    if worst > 1:
        raise PictureError(f"{shipped}: pictures are {worst} apart from those drawn anew, where 1 is allowed")
    print(f"{shipped}: {len(paths)} files, at most {worst} apart")


def run(arguments: argparse.Namespace) -> None:
    action = arguments.action
    out = arguments.out or (HERE / "pictures" if action in ("ship", "compare") else ROOT / "build/zodiac")
    if action in ("build", "ship"):
        build(arguments, out, FULL if action == "build" else SHIPPED)
    elif action == "check":
        check(out)
    elif action == "compare":
        compare(arguments, out)
    else:
        rows = read_sources(SOURCES)
        write_sources(SOURCES, hashed(rows, arguments.art, open_packages(rows, arguments.art)))


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["build", "check", "ship", "compare", "record"])
    parser.add_argument("--out", type=Path, help="the folder of pictures")
    parser.add_argument("--art", type=Path, default=ROOT / "build/zodiac-art", help="where the packages are, or go")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (all processors)")
    try:
        run(parser.parse_args(words))
    except (PictureError, OSError) as error:
        print(f"make_pictures.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
