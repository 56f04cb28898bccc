"""The zodiac data set that is committed: its lists, its table of drawings, and the list of the full set."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

ZODIAC = Path(__file__).resolve().parents[2] / "examples" / "zodiac"
PICTURES = ZODIAC / "pictures"
CLASSES = ["rat", "ox", "tiger", "rabbit", "dragon", "snake", "horse", "goat", "monkey", "rooster", "dog", "pig"]
LISTS = {"gallery": "trainval.txt", "query": "test.txt"}
# What each package's copyright file, or its fonts' name tables, say.
LICENCES = {
    "openclipart-png": "Creative Commons Public Domain Dedication",
    "fonts-noto-color-emoji": "SIL OFL 1.1",
    "fonts-symbola": "free for any use (its own words)",
    "fonts-unifont": "SIL OFL 1.1, or GNU GPL 2 or later with the font embedding exception",
}
Row = dict[str, str]


def pairs(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def sources() -> list[Row]:
    with (ZODIAC / "sources.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))


@pytest.fixture(scope="module")
def sums() -> dict[str, str]:
    lines = (ZODIAC / "pictures.sha256").read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, path in (line.split("  ") for line in lines)}


def works(sources: list[Row], side: str, class_name: str) -> list[str]:
    return list(dict.fromkeys(r["artwork"] for r in sources if r["side"] == side and r["class"] == class_name))


def expected(sources: list[Row], counts: dict[str, int]) -> list[tuple[str, int, str]]:
    """path, label, artwork: artworks take turns, the first classes have what a division leaves over"""
    rows = []
    for side, count in counts.items():
        for label, name in enumerate(CLASSES):
            turns = works(sources, side, name)
            for i in range(count // 12 + (1 if label < count % 12 else 0)):
                rows.append((f"{side}/{name}/{i:04}.jpg", label, turns[i % len(turns)]))
    return rows


def test_each_drawing_has_package_licence_and_sum(sources: list[Row]) -> None:
    assert len(sources) == 193
    for row in sources:
        assert LICENCES[row["package"]] == row["licence"], row
        assert re.fullmatch("[0-9a-f]{64}", row["sha256"]), row
        assert row["file"].startswith("usr/share/"), row
        assert (row["glyph"] == "-") == (row["package"] == "openclipart-png"), row
        assert row["author"] != "", row
    assert len({r["sha256"] for r in sources}) == len(sources), "a drawing is there twice"
    assert len({(r["package"], r["version"]) for r in sources}) == len(LICENCES)


def test_an_artwork_has_one_class_and_one_side(sources: list[Row]) -> None:
    places = Counter(artwork for artwork, _, _ in {(r["artwork"], r["class"], r["side"]) for r in sources})
    assert set(places.values()) == {1}


@pytest.mark.parametrize("name", CLASSES)
def test_every_fourth_work_is_a_query(sources: list[Row], name: str) -> None:
    ordered = list(dict.fromkeys((r["artwork"], r["side"]) for r in sources if r["class"] == name))
    assert [side for _, side in ordered] == ["query" if i % 4 == 1 else "gallery" for i in range(len(ordered))]
    assert min(len(works(sources, side, name)) for side in LISTS) >= 2


def test_the_page_counts_the_works(sources: list[Row]) -> None:
    table = re.findall(r"^\| . (\w+) \| (.*) \|$", (ZODIAC / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name, _ in table] == CLASSES
    for name, numbers in table:
        by_side = [len(works(sources, side, name)) for side in LISTS]
        packages = [{r["artwork"] for r in sources if (r["class"], r["package"]) == (name, p)} for p in LICENCES]
        assert [int(n) for n in numbers.split("|")] == [sum(by_side), *by_side, *map(len, packages)], name


def test_the_committed_lists_are_those_of_the_table(sources: list[Row]) -> None:
    rows = expected(sources, {"gallery": 300, "query": 60})
    for side, name in LISTS.items():
        assert pairs(PICTURES / name) == [[p, str(label)] for p, label, _ in rows if p.startswith(side)]
    assert pairs(PICTURES / "works.tsv") == [[path, artwork] for path, _, artwork in rows]
    found = {str(p.relative_to(PICTURES)) for p in PICTURES.rglob("*.jpg")}
    assert found == {path for path, _, _ in rows}
    info = json.loads((PICTURES / "dataset_info.json").read_text(encoding="utf-8"))
    assert [info["label_dict_en"][str(i)] for i in range(12)] == CLASSES
    assert "".join(info["label_dict"][str(i)] for i in range(12)) == "鼠牛虎兔龙蛇马羊猴鸡狗猪"


def test_the_committed_pictures_are_small_jpegs() -> None:
    files = sorted(PICTURES.rglob("*.jpg"))
    for path in files:
        data = path.read_bytes()
        assert data[:3] == b"\xff\xd8\xff", path
        assert data[-2:] == b"\xff\xd9", path
    assert sum(path.stat().st_size for path in files) < 8 << 20
    assert len({path.read_bytes() for path in files}) == 360


def test_the_full_lists_have_the_recorded_sums(sources: list[Row], sums: dict[str, str]) -> None:
    rows = expected(sources, {"gallery": 7840, "query": 660})
    texts = {
        name: "".join(f"{path}\t{label}\n" for path, label, _ in rows if path.startswith(side))
        for side, name in LISTS.items()
    }
    texts["works.tsv"] = "".join(f"{path}\t{artwork}\n" for path, _, artwork in rows)
    texts["dataset_info.json"] = (PICTURES / "dataset_info.json").read_text(encoding="utf-8")
    for name, text in texts.items():
        assert hashlib.sha256(text.encode()).hexdigest() == sums[name], name
    assert sums.keys() == texts.keys() | {path for path, _, _ in rows}
    assert len(set(sums.values())) == len(sums), "a picture of the full set is there twice"
