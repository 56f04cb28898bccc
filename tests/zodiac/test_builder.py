"""The builder of the zodiac data set, on a package of two drawings a class and side that these tests make."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

cv2 = pytest.importorskip("cv2", reason="OpenCV is not there: .ci/run runs these tests with it")
pytest.importorskip("PIL", reason="Pillow is not there")
if shutil.which("dpkg-deb") is None:
    pytest.skip("dpkg-deb is not there", allow_module_level=True)

import numpy as np  # noqa: E402

ZODIAC = Path(__file__).resolve().parents[2] / "examples" / "zodiac"
sys.path.insert(0, str(ZODIAC))
import artworks  # noqa: E402
import make_pictures  # noqa: E402

COUNTS = {"gallery": 50, "query": 12}


def drawing(number: int) -> np.ndarray:
    rgba = np.zeros((60, 80, 4), np.uint8)
    cv2.ellipse(rgba, (40, 30), (35 - number % 7, 25), number, 0, 360, (number * 5, 200 - number * 3, 90, 255), -1)
    return rgba


def pack(folder: Path, version: str) -> None:
    """made_VERSION.deb of what is under folder/root"""
    control = folder / "root/DEBIAN/control"
    control.parent.mkdir(parents=True, exist_ok=True)
    control.write_text(f"Package: made\nVersion: {version}\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: d\n")
    for old in (folder / "art").glob("*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    name = folder / f"art/made_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--build", folder / "root", name], check=True, capture_output=True)


@pytest.fixture
def art(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "art").mkdir()
    (tmp_path / "root").mkdir()
    rows = []
    for number in range(48):
        side, name = artworks.SIDES[number % 2], artworks.CLASSES[number // 4]
        cv2.imwrite(str(tmp_path / f"root/{number}.png"), drawing(number))
        style = ["colour", "line", "solid", "scene"][number % 4]
        fields = [f"w{number}", name, side, "made", "?", f"{number}.png", "-", "-", style, "none", "a", "?"]
        rows.append(artworks.Source(*fields))
    pack(tmp_path, "1")
    monkeypatch.setattr(make_pictures, "SOURCES", tmp_path / "sources.tsv")
    monkeypatch.setattr(make_pictures, "SUMS", tmp_path / "sums")
    monkeypatch.setattr(make_pictures, "FULL", COUNTS)
    monkeypatch.setattr(make_pictures, "SHIPPED", dict(COUNTS))
    artworks.write_sources(tmp_path / "sources.tsv", rows)
    assert make_pictures.main(["record", "--art", str(tmp_path / "art")]) == 0
    return tmp_path


def act(art: Path, action: str, *more: str, out: str = "out") -> int:
    return make_pictures.main([action, "--art", str(art / "art"), "--out", str(art / out), *more])


def fails(art: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that is said."""
    capsys.readouterr()
    assert act(art, *words) == 1
    said = capsys.readouterr().err
    assert said.startswith("make_pictures.py: ")
    assert said.count("\n") == 1
    assert not (art / "out").exists() or words[0] != "build"
    assert not list(art.glob(".out*")), "an unfinished folder is left"
    return said


def test_the_same_pictures_whatever_the_number_of_workers(art: Path) -> None:
    assert act(art, "build", "--workers", "1") == 0
    assert act(art, "build", "--workers", "3", out="again") == 0
    assert make_pictures.sums(art / "out") == make_pictures.sums(art / "again")
    assert len(list((art / "out").rglob("*.jpg"))) == 62
    labels = [line.split("\t")[1] for line in (art / "out/trainval.txt").read_text().splitlines()]
    assert [labels.count(str(i)) for i in range(12)] == [5, 5] + [4] * 10


def test_all_pictures_differ_and_have_the_size_promised(art: Path) -> None:
    assert act(art, "build") == 0
    assert act(art, "ship", out="small") == 0
    for folder, low, high in [("out", 260, 500), ("small", 256, 256)]:
        shapes = [cv2.imread(str(path)).shape for path in (art / folder).rglob("*.jpg")]
        assert all(low <= max(shape[:2]) <= high for shape in shapes)
        assert len(set(make_pictures.sums(art / folder).values())) == 62 + 4


def test_check_names_what_is_missing_changed_or_more(art: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert act(art, "build") == 0
    sums = make_pictures.sums(art / "out")
    (art / "sums").write_text("".join(f"{digest}  {path}\n" for path, digest in sums.items()))
    assert act(art, "check") == 0
    (art / "out/gallery/ox/0001.jpg").unlink()
    (art / "out/query/pig/0000.jpg").write_bytes(b"other")
    (art / "out/more.txt").write_text("more")
    capsys.readouterr()
    assert act(art, "check") == 1
    assert [line.rsplit(": ", 1)[1] for line in capsys.readouterr().out.splitlines()] == [
        "1 missing, such as gallery/ox/0001.jpg",
        "1 not in the list, such as more.txt",
        "1 another, such as query/pig/0000.jpg",
    ]


@pytest.mark.parametrize(("change", "status"), [(0, 0), (1, 0), (2, 1)])
def test_compare_allows_a_difference_of_1(art: Path, change: int, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert act(art, "ship") == 0
    plain_read = cv2.imread

    def read(path: str, how: int) -> np.ndarray:
        changed = change if str(art) in path and path.endswith("rat/0000.jpg") else 0
        return np.where(plain_read(path, how) > 127, plain_read(path, how) - changed, plain_read(path, how) + changed)

    monkeypatch.setattr(cv2, "imread", read)
    assert act(art, "compare") == status


def test_another_drawing_is_refused(art: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(art / "root/7.png"), drawing(8))
    pack(art, "2")
    assert "made: 7.png is another work than in 1 of sources.tsv" in fails(art, capsys, "build")


def test_another_version_with_the_same_drawings_will_do(art: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack(art, "2")
    assert act(art, "build") == 0
    assert "made is 2, sources.tsv was made for 1" in capsys.readouterr().out


def test_a_drawing_that_is_not_there(art: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (art / "root/7.png").unlink()
    pack(art, "2")
    assert "made has no 7.png: sources.tsv was made for version 1" in fails(art, capsys, "build")


def test_a_drawing_that_is_none(art: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (art / "root/7.png").write_text("no picture")
    pack(art, "2")
    assert "7.png" in fails(art, capsys, "build")


@pytest.mark.parametrize(
    ("faulty", "said"), [("", "No such file"), ("echo E: gone >&2; exit 1", "download made: E: gone")]
)
def test_a_package_that_cannot_be_had(
    art: Path, faulty: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (art / "art/made_1_all.deb").unlink()
    (art / "bin").mkdir()
    if faulty:
        (art / "bin/apt-get").write_text(f"#!/bin/sh\n{faulty}\n")
        (art / "bin/apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(art / "bin"))
    assert said in fails(art, capsys, "build")


def test_what_is_there_is_left_alone(art: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (art / "out").mkdir()
    (art / "out/mine.txt").write_text("mine")
    capsys.readouterr()
    assert act(art, "build") == 1
    assert "out is not empty" in capsys.readouterr().err
    assert [p.name for p in (art / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("line", "said"),
    [("a\tcat\tquery" + "\t-" * 9, ":50: no class 'cat'"), ("a\tox", ":50: 2 columns, where 12 are named")],
)
def test_a_faulty_table_is_refused(art: Path, line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with (art / "sources.tsv").open("a") as file:
        file.write(line + "\n")
    assert said in fails(art, capsys, "build")
