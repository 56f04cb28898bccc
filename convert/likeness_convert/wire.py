"""The protobuf wire format, as far as Paddle's programs use it.

A message is a row of fields, each a key (number and wire type) and a value. Every length is checked
against what is left; nothing is allocated for a size that the file merely claims.
https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct
from collections import defaultdict

from likeness_convert.errors import ConvertError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10


class Reader:
    """A cursor over bytes that cannot leave them."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self.data) - self.at

    def take(self, count: int) -> memoryview:
        """The next `count` bytes. Raises ConvertError where there are fewer."""
        if not 0 <= count <= self.left:
            raise ConvertError(f"is truncated: {count} bytes are wanted at byte {self.at}, {self.left} are left")
        self.at += count
        return self.data[self.at - count : self.at]

    def unpack(self, form: str) -> int:
        """One integer of a `struct` format."""
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def varint(self) -> int:
        """Seven bits a byte, the low ones first; at most 64 bits."""
        value = 0
        for index in range(MAX_VARINT_BYTES):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF
        raise ConvertError(f"has an integer that does not end at byte {self.at}")


class Message:
    """One message's fields by number. Accessors raise ConvertError where a field is of another type."""

    def __init__(self, data: memoryview) -> None:
        self.fields: dict[int, list[int | memoryview]] = defaultdict(list)
        reader = Reader(data)
        while reader.left:
            number, value = read_field(reader)
            self.fields[number].append(value)

    def integers(self, number: int) -> list[int]:
        """Signed 64-bit values of a repeated field, packed or not."""
        values: list[int] = []
        for value in self.fields.get(number, []):
            if isinstance(value, int):
                values.append(value)
            else:
                packed = Reader(value)
                while packed.left:
                    values.append(packed.varint())
        return [value - (1 << 64) if value >= 1 << 63 else value for value in values]

    def integer(self, number: int, default: int = 0) -> int:
        """The last value of an integer field, as protobuf wants it."""
        return self.integers(number)[-1] if number in self.fields else default

    def float32(self, number: int) -> float:
        """A 32-bit float, or 0."""
        values = self.fields.get(number, [0])
        if not isinstance(values[-1], int) or values[-1] >= 1 << 32:
            raise ConvertError(f"has no 32-bit value in field {number}")
        value: float = struct.unpack("<f", struct.pack("<I", values[-1]))[0]
        return value

    def strings(self, number: int) -> list[str]:
        """Every string of a repeated field."""
        try:
            return [str(value, "utf-8") for value in self.lengths(number)]
        except UnicodeDecodeError as error:
            raise ConvertError(f"has a name that is not UTF-8 in field {number}") from error

    def string(self, number: int) -> str:
        """The last value of a string field, or the empty string."""
        return self.strings(number)[-1] if number in self.fields else ""

    def messages(self, number: int) -> list[Message]:
        """Every message of a repeated field."""
        return [Message(value) for value in self.lengths(number)]

    def message(self, number: int) -> Message:
        """The last message of a field; an empty one where there is none."""
        return self.messages(number)[-1] if number in self.fields else Message(memoryview(b""))

    def lengths(self, number: int) -> list[memoryview]:
        """The bytes of every value of a length-delimited field."""
        values = []
        for value in self.fields.get(number, []):
            if isinstance(value, int):
                raise ConvertError(f"has a number where field {number} is a string or a message")
            values.append(value)
        return values


def read_field(reader: Reader) -> tuple[int, int | memoryview]:
    """The next field's number and value. Raises ConvertError."""
    key = reader.varint()
    number, kind = key >> 3, key & 7
    if kind == VARINT:
        return number, reader.varint()
    if kind == FIXED64:
        return number, reader.unpack("<Q")
    if kind == LENGTH:
        return number, reader.take(reader.varint())
    if kind == FIXED32:
        return number, reader.unpack("<I")
    raise ConvertError(f"is no protobuf message: wire type {kind} before byte {reader.at}")
