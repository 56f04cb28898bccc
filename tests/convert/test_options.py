"""The command line: classifiers and class counts, labels, contradictions, usage, and outputs."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from conftest import FIXTURES, Command, one_line

SOURCE = FIXTURES / "w025.pdparams"
INFO = FIXTURES / "dataset_info.json"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def class_count(path: Path) -> int:
    with safe_open(path, "numpy") as file:
        count: int = json.loads(file.metadata()["architecture"])["num_classes"]
    return count


def test_another_class_count_warns_as_paddle_does_and_drops_the_classifier(convert: Command, output: Path) -> None:
    outcome = convert(SOURCE, "-o", output, "--num-classes", 1280)
    assert outcome.status == 0
    assert outcome.stderr == (
        "likeness-convert: Skip loading for classifier.1.weight. classifier.1.weight receives a shape [1280, 12], "
        "but the expected shape is [1280, 1280].\n"
        "likeness-convert: Skip loading for classifier.1.bias. classifier.1.bias receives a shape [12], "
        "but the expected shape is [1280].\n"
    )
    assert class_count(output) == 0
    assert not any(name.startswith("classifier") for name in load_file(output))


def test_the_files_own_class_count_changes_nothing(convert: Command, output: Path) -> None:
    assert convert(SOURCE, "-o", output, "--num-classes", 12).stderr == ""
    assert class_count(output) == 12


def test_a_class_count_for_a_file_without_classifier_warns(convert: Command, output: Path) -> None:
    outcome = convert(SOURCE, "-o", output, "--drop-classifier", "--num-classes", 12)
    assert outcome.status == 0
    assert "classifier.1.weight is not found in the provided dict." in outcome.stderr


@pytest.mark.parametrize("source", ["w025.pdparams", "w025.pdmodel", "w025_p3.json", "w025_torch.pth", "w025_keras.h5"])
def test_the_classifier_can_be_dropped(source: str, convert: Command, output: Path) -> None:
    outcome = convert(FIXTURES / source, "-o", output, "--drop-classifier")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert class_count(output) == 0
    assert len(load_file(output)) == 260


@pytest.mark.parametrize(
    ("info", "fault"),
    [
        ("nothing", "is not JSON in UTF-8"),
        ('{"labels": 1}', "has no label_dict"),
        ('{"label_dict": ["a"]}', "label_dict does not map class numbers to names"),
        ('{"label_dict": {"0": "a"}}', "label_dict names 1 classes, and the model has 12"),
        (json.dumps({"label_dict": dict.fromkeys(map(str, range(1, 13)), "a")}), "label_dict has no name for class 0"),
        (json.dumps({"label_dict": dict.fromkeys(map(str, range(12)), "\ud800")}), "a name that is not Unicode"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    info: str, fault: str, convert: Command, output: Path, tmp_path: Path
) -> None:
    (tmp_path / "info.json").write_text(info)
    outcome = convert(SOURCE, "-o", output, "--labels", tmp_path / "info.json")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert f"info.json: {fault}" in outcome.stderr or fault in outcome.stderr
    assert not output.exists()


def test_labels_with_a_byte_order_mark_and_without_english(convert: Command, output: Path, tmp_path: Path) -> None:
    names = {"label_dict": json.loads(INFO.read_text("utf-8"))["label_dict"]}
    (tmp_path / "info.json").write_text(json.dumps(names), "utf-8-sig")
    assert convert(SOURCE, "-o", output, "--labels", tmp_path / "info.json").status == 0
    with safe_open(output, "numpy") as file:
        assert "labels_en" not in file.metadata()
        assert json.loads(file.metadata()["labels"])[:2] == ["鼠", "牛"]


@pytest.mark.parametrize("source", ["w025.pdmodel", "w025_p3.json"])
@pytest.mark.parametrize(
    ("option", "said", "fault"),
    [
        ("--bn-epsilon", "0.001", "--bn-epsilon 0.001 contradicts the source, which says 1e-05"),
        ("--padding", "keras-same", "--padding keras-same contradicts the source, which says paddle"),
    ],
)
def test_an_option_that_contradicts_a_program_is_refused(
    source: str, option: str, said: str, fault: str, convert: Command, output: Path
) -> None:
    outcome = convert(FIXTURES / source, "-o", output, option, said)
    assert (outcome.status, one_line(outcome.stderr)) == (2, True)
    assert fault in outcome.stderr
    assert not output.exists()


def test_an_option_that_agrees_with_a_program_is_no_contradiction(convert: Command, output: Path) -> None:
    agreeing = ["--bn-epsilon", "1e-5", "--padding", "paddle"]
    assert convert(FIXTURES / "w025.pdmodel", "-o", output, *agreeing).status == 0


@pytest.mark.parametrize(
    ("program_size", "option", "stored"),
    [
        ((224, 192), [], [224, 192]),
        ((224, 192), ["--size", 64], [64, 64]),
        ((16, 16), [], None),
    ],
)
def test_a_programs_input_size_is_the_default(
    program_size: tuple[int, int], option: list[object], stored: list[int] | None, convert: Command, output: Path
) -> None:
    shutil.copy(FIXTURES / "w025_p3.pdiparams", output.parent / "p.pdiparams")
    program = (FIXTURES / "w025_p3.json").read_text()
    height, width = program_size
    (output.parent / "p.json").write_text(program.replace("[-1,3,-1,-1]", f"[-1,3,{height},{width}]"))
    outcome = convert(output.parent / "p", "-o", output, *option)
    if stored is None:
        assert (outcome.status, "16 × 16, the engine does not: give --size" in outcome.stderr) == (2, True)
        return
    with safe_open(output, "numpy") as file:
        assert json.loads(file.metadata()["preprocess"])["size"] == stored


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [SOURCE],
        [SOURCE, "-o", "x", "--size", "31"],
        [SOURCE, "-o", "x", "--size", "1025"],
        [SOURCE, "-o", "x", "--size", "big"],
        [SOURCE, "-o", "x", "--num-classes", "0"],
        [SOURCE, "-o", "x", "--bn-epsilon", "0"],
        [SOURCE, "-o", "x", "--bn-epsilon", "nan"],
        [SOURCE, "-o", "x", "--mean", "1,2"],
        [SOURCE, "-o", "x", "--mean", "1,2,inf"],
        [SOURCE, "-o", "x", "--std", "1,0,1"],
        [SOURCE, "-o", "x", "--padding", "same"],
        [SOURCE, "-o", "x", "--dtype", "int8"],
        [SOURCE, "-o", "x", "--resize-shorter", "200"],
        [SOURCE, "-o", "x", "--labels", INFO, "--drop-classifier"],
        [SOURCE, "-o", "x", "--verify", "--dtype", "float16"],
        [SOURCE, "-o", "x", "--likeness", "likeness"],
        ["quantize", SOURCE, "-o", "x"],
        ["features", "x"],
    ],
    ids=lambda arguments: " ".join(str(argument) for argument in arguments[1:]) or "nothing",
)
def test_wrong_usage_is_one_line_and_status_2(
    arguments: list[object], convert: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = convert(*arguments)
    assert (outcome.status, one_line(outcome.stderr)) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_exit_status(convert: Command) -> None:
    outcome = convert("--help")
    assert outcome.status == 0
    assert "exit status: 0 done, 1" in outcome.stdout
    assert "4 --verify failed" in outcome.stdout


@pytest.mark.parametrize("name", ["features", "quantize"])
def test_a_source_called_like_a_subcommand_is_written_with_a_dot(
    name: str, convert: Command, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(SOURCE, name)
    assert convert(f"./{name}", "-o", output).status == 0


def test_a_source_is_not_overwritten(convert: Command, tmp_path: Path) -> None:
    source = tmp_path / "s.pdparams"
    shutil.copy(SOURCE, source)
    outcome = convert(source, "-o", source)
    assert (outcome.status, "is the source" in outcome.stderr) == (2, True)
    assert source.read_bytes() == SOURCE.read_bytes()


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    convert: Command, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output.write_bytes(b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    outcome = convert(SOURCE, "-o", output)
    assert outcome.status == 3
    assert outcome.stderr == f"likeness-convert: {output}: No space left on device\n"
    assert output.read_bytes() == b"old"
    assert list(output.parent.iterdir()) == [output]


def test_a_real_size_limit_leaves_nothing(output: Path) -> None:
    command = [sys.executable, "-m", "likeness_convert", str(SOURCE), "-o", str(output)]
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # noqa: E731
    outcome = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert (outcome.returncode, one_line(outcome.stderr)) == (3, True)
    assert "File too large" in outcome.stderr
    assert list(output.parent.iterdir()) == []


def test_a_refused_source_leaves_the_old_file(convert: Command, output: Path, tmp_path: Path) -> None:
    output.write_bytes(b"old")
    (tmp_path / "s.pdparams").write_bytes(SOURCE.read_bytes()[:5000])
    assert convert(tmp_path / "s.pdparams", "-o", output).status == 1
    assert output.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("name", "fault"), [("gone/x", "No such file"), ("", "is a folder"), ("/dev/null", "or a device")]
)
def test_an_output_that_cannot_be_written(name: str, fault: str, convert: Command, tmp_path: Path) -> None:
    outcome = convert(SOURCE, "-o", tmp_path / name)  # an absolute name stands for itself
    assert (outcome.status, one_line(outcome.stderr)) == (3, True)
    assert fault in outcome.stderr


def test_the_output_has_the_mode_of_a_plain_file(convert: Command, output: Path) -> None:
    mask = os.umask(0o027)
    try:
        convert(SOURCE, "-o", output)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(output.stat().st_mode) == 0o640
