"""Which operators the graph of an ONNX file has: ONNX Runtime does not say.

An ONNX file is a message of protocol buffers, whose fields have the numbers in onnx.proto. Only
those on the way to the operators are read. The encoding is that of
https://protobuf.dev/programming-guides/encoding.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

_OPERATOR_PATHS = ((7, 1, 4), (25, 7, 4))
"""Numbers of nested fields: the graph or functions of a ModelProto, their nodes, and op_type."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def has_operator(path: str, operator: str) -> bool:
    """Return whether the graph of a file that ONNX Runtime has loaded has an operator."""
    with (
        Path(path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return any(
            data[start:end] == operator.encode()
            for numbers in _OPERATOR_PATHS
            for start, end in _find_fields(data, 0, len(data), numbers)
        )


def _find_fields(
    data: mmap.mmap, start: int, end: int, numbers: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """Yield where the fields are that nested numbers lead to."""
    for number, first, last in _read_fields(data, start, end):
        if number != numbers[0]:
            continue
        if len(numbers) == 1:
            yield first, last
        else:
            yield from _find_fields(data, first, last, numbers[1:])


def _read_fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number, start and end of each field of bytes in a message.

    What is not a message, such as a file in the format of ONNX Runtime, has none from there on.
    """
    while start < end:
        key, start = _read_varint(data, start, end)
        kind = key & 7
        if kind == _BYTES:
            length, start = _read_varint(data, start, end)
            if start + length > end:
                return
            yield key >> 3, start, start + length
            start += length
        elif kind == _VARINT:
            _, start = _read_varint(data, start, end)
        elif kind in {_FIXED64, _FIXED32}:
            start += 8 if kind == _FIXED64 else 4
        else:
            return


def _read_varint(data: mmap.mmap, start: int, end: int) -> tuple[int, int]:
    """Return an integer of 7 bits a byte, the lowest first, and where it ends."""
    value = 0
    for shift, at in enumerate(range(start, min(start + 10, end))):
        value |= (data[at] & 127) << 7 * shift
        if data[at] < 128:
            return value, at + 1
    return 0, end
