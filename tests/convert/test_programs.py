"""The walk through a program's graph: names from wiring alone, and a refusal of what is wired otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from conftest import FIXTURES
from likeness_convert import graph, pickles, program2, program3
from likeness_convert.errors import ConvertError
from likeness_convert.graph import Op, Program, find_network
from likeness_convert.wire import Message, Reader

READERS: dict[str, Callable[[bytes], Program]] = {"w025.pdmodel": program2.read, "w025_p3.json": program3.read}


@pytest.fixture(params=READERS)
def program(request: pytest.FixtureRequest) -> Program:
    return READERS[request.param]((FIXTURES / request.param).read_bytes())


def info_names() -> dict[str, str]:
    info = pickles.load_arrays((FIXTURES / "w025.pdiparams.info").read_bytes())
    return {static: entry["structured_name"] for static, entry in info.items()}


def test_the_graph_gives_the_names_that_paddle_wrote_down() -> None:
    program = program2.read((FIXTURES / "w025.pdmodel").read_bytes())
    assert find_network(program).names == info_names()


def test_names_do_not_matter(program: Program) -> None:
    """The same graph with every parameter called otherwise, in another order."""
    other = {name: f"p{number}" for number, name in enumerate(sorted(program.variables, reverse=True))}
    ops = tuple(
        replace(op, inputs={slot: other.get(value, value) for slot, value in op.inputs.items()}) for op in program.ops
    )
    shuffled = Program(ops, {other[name]: shape for name, shape in program.variables.items()}, None)
    wanted = {other[static]: structured for static, structured in find_network(program).names.items()}
    assert find_network(shuffled).names == wanted


def changed(program: Program, kind: str, index: int, changes: dict[str, Any]) -> Program:
    """The program with one operation of `kind` changed; `attributes` are merged into its own."""
    positions = [position for position, op in enumerate(program.ops) if op.kind == kind]
    ops = list(program.ops)
    op = ops[positions[index]]
    if "attributes" in changes:
        changes = {**changes, "attributes": {**op.attributes, **changes["attributes"]}}
    ops[positions[index]] = replace(op, **changes)
    return replace(program, ops=tuple(ops))


@pytest.mark.parametrize(
    ("kind", "index", "changes", "fault"),
    [
        (graph.CONV, 4, {"attributes": {"strides": [1, 1]}}, r"strides \[1, 1\], and \[2, 2\]"),
        (graph.CONV, 0, {"attributes": {"paddings": [0, 0]}}, r"features.0.0 has EXPLICIT paddings \[0, 0\], and 1"),
        (graph.CONV, 0, {"attributes": {"padding_algorithm": "VALID"}}, "features.0.0 has VALID paddings"),
        (graph.CONV, 0, {"attributes": {"padding_algorithm": "SAME"}}, "different paddings"),
        (graph.CONV, 1, {"attributes": {"groups": 1}}, "features.1.conv.0.0 has groups 1, and 8"),
        (graph.CONV, 5, {"attributes": {"dilations": [2, 2]}}, "dilations"),
        (graph.NORM, 4, {"attributes": {"epsilon": 0.001}}, r"different batch-norm epsilons: \[1e-05, 0.001\]"),
        (graph.NORM, 4, {"attributes": {"epsilon": float("nan")}}, "has the epsilon nan"),
        (graph.NORM, 4, {"inputs": {}}, "does not go on to"),
        (graph.RELU6, 0, {"kind": "relu"}, "relu6 is expected after"),
        (graph.ADD, 0, {"kind": "multiply"}, "does not add"),
        (graph.MATMUL, 0, {"attributes": {"trans_y": True}}, "transposed"),
    ],
)
def test_another_graph_is_refused(kind: str, index: int, changes: dict[str, Any], fault: str, program: Program) -> None:
    with pytest.raises(ConvertError, match=fault):
        find_network(changed(program, kind, index, changes))


def test_same_padding_everywhere_is_keras_padding(program: Program) -> None:
    ops = tuple(
        replace(op, attributes={**op.attributes, "padding_algorithm": "SAME"}) if op.kind == graph.CONV else op
        for op in program.ops
    )
    assert find_network(replace(program, ops=ops)).padding == "keras-same"


def test_a_fixed_input_size_is_read() -> None:
    """-1 takes ten bytes as a varint; 160 and 192 can be written as long, so that no length changes."""
    data = (FIXTURES / "w025.pdmodel").read_bytes()
    tag, any_size = b"\x10", b"\xff" * 9 + b"\x01"
    height, width = (bytes([size & 0x7F | 0x80, size >> 7 | 0x80]) + b"\x80" * 7 + b"\0" for size in (160, 192))
    free = tag + b"\x03" + (tag + any_size) * 2
    fixed = data.replace(free, tag + b"\x03" + tag + height + tag + width)
    assert (program2.read(data).input_size, program2.read(fixed).input_size) == (None, (160, 192))


def test_another_epsilon_everywhere_is_read(program: Program) -> None:
    ops = tuple(
        replace(op, attributes={**op.attributes, "epsilon": 0.0010000000474974513}) if op.kind == graph.NORM else op
        for op in program.ops
    )
    assert find_network(replace(program, ops=ops)).epsilon == 0.001


def test_a_program_without_classifier(program: Program) -> None:
    ops = tuple(op for op in program.ops if op.kind != graph.MATMUL)
    names = find_network(replace(program, ops=ops)).names
    assert len(names) == 260
    assert not any(name.startswith("classifier") for name in names.values())


def test_a_parameter_used_twice_is_refused(program: Program) -> None:
    first = next(op for op in program.ops if op.kind == graph.NORM)
    with pytest.raises(ConvertError, match="at once"):
        find_network(changed(program, graph.NORM, 0, {"inputs": {**first.inputs, "Bias": first.inputs["Scale"]}}))


def test_a_program_of_another_network_is_refused() -> None:
    op = Op(graph.CONV, {"Input": "x", "Filter": "w"}, "y", {})
    with pytest.raises(ConvertError, match="1 convolutions, and MobileNetV2 52"):
        find_network(Program((op,), {"w": (1, 1, 1, 1)}, None))


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\x0a", "truncated"),
        (b"\x0a\x05ab", "5 bytes are wanted at byte 2, 2 are left"),
        (b"\x80" * 11, "an integer that does not end"),
        (b"\x0f\x01", "wire type 7"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "truncated"),
    ],
)
def test_broken_protobuf_is_refused(data: bytes, fault: str) -> None:
    with pytest.raises(ConvertError, match=fault):
        Message(memoryview(data))


def test_protobuf_integers_are_signed_and_may_be_packed() -> None:
    minus_one = b"\xff" * 9 + b"\x01"
    assert Message(memoryview(b"\x10" + minus_one)).integers(2) == [-1]
    assert Message(memoryview(b"\x12\x03\x01\xac\x02")).integers(2) == [1, 300]
    assert Reader(memoryview(b"\xac\x02")).varint() == 300
