"""Writes ONNX files: the few messages of its protobuf that a model needs: nothing has to be installed.

Sources: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any

FLOAT, UINT8, INT64, FLOAT16 = 1, 2, 7, 10  # TensorProto.DataType
_TYPES = {"float32": FLOAT, "uint8": UINT8, "int64": INT64, "float16": FLOAT16}
_AS_FLOAT, _AS_INT, _AS_TEXT, _AS_FLOATS, _AS_INTS = 1, 2, 3, 6, 7  # AttributeProto.AttributeType
IR_VERSION, OPSET = 8, 17


def tensor(name: str, array: Any) -> bytes:
    """A numpy array as an initializer."""
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, _TYPES[array.dtype.name]) + _text(8, name) + _bytes(9, array.tobytes())


def value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    """An input or output: its name, its kind of number and its shape, a word where a side may vary."""
    sides = (_text(2, side) if isinstance(side, str) else _number(1, side) for side in shape)
    dims = b"".join(_bytes(1, side) for side in sides)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, dims)))


def node(op: str, inputs: Iterable[str], output: str | Iterable[str], **attributes: Any) -> bytes:
    """One step of a graph."""
    outputs = [output] if isinstance(output, str) else output
    node = b"".join(_text(1, name) for name in inputs) + b"".join(_text(2, name) for name in outputs)
    node += _text(4, op)
    return node + b"".join(_bytes(5, _attribute(name, what)) for name, what in attributes.items())


def model(
    nodes: Iterable[bytes],
    initializers: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    facts: dict[str, str] | None = None,
) -> bytes:
    """A whole file; `facts` are told of the model by name (`metadata_props`)."""
    parts = ((1, nodes), (5, initializers), (11, inputs), (12, outputs))
    graph = b"".join(_bytes(number, item) for number, some in parts for item in some) + _text(2, "graph")
    metadata = b"".join(_bytes(14, _text(1, name) + _text(2, value)) for name, value in (facts or {}).items())
    return _number(1, IR_VERSION) + _bytes(8, _number(2, OPSET)) + _bytes(7, graph) + metadata


def _attribute(name: str, what: Any) -> bytes:
    if isinstance(what, str):
        return _text(1, name) + _bytes(4, what.encode()) + _number(20, _AS_TEXT)
    if isinstance(what, int):
        return _text(1, name) + _number(3, what) + _number(20, _AS_INT)
    if isinstance(what, float):
        return _text(1, name) + _key(2, 5) + struct.pack("<f", what) + _number(20, _AS_FLOAT)
    if all(isinstance(item, int) for item in what):
        return _text(1, name) + b"".join(_number(8, item) for item in what) + _number(20, _AS_INTS)
    return _text(1, name) + b"".join(_key(7, 5) + struct.pack("<f", x) for x in what) + _number(20, _AS_FLOATS)


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _varint(number: int) -> bytes:
    r"""A number of any size, seven bits a byte.

    >>> _varint(300), _varint(-1).hex()
    (b'\xac\x02', 'ffffffffffffffffff01')
    """
    number &= (1 << 64) - 1
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def _number(field: int, number: int) -> bytes:
    return _key(field, 0) + _varint(number)


def _bytes(field: int, data: bytes) -> bytes:
    return _key(field, 2) + _varint(len(data)) + data


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())
