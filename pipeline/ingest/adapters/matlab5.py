"""MATLAB files of version 5 to 7, read here: every length is held against what is left of the file.

SciPy's reader ends the whole process on some damaged files, and a job that vanishes cannot say
which file it was. The format is that of "MAT-File Format" (MathWorks): elements with a tag of type
and length, padded to 8 bytes; matrices of flags, dimensions, name and data.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

from pipeline.errors import InputError

#: unpacked size of all variables beyond which a file is no behaviour log
LARGEST_UNPACKED_BYTES = 1_000_000_000
_HEADER = 128
_MATRIX, _COMPRESSED, _UTF8 = 14, 15, 16
#: numpy's types of MATLAB's
_TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",
    17: "u2",
    18: "u4",
}
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMBERS = range(6, 16)
_DEEPEST = 30


class _DamageError(ValueError):
    """What is wrong with the bytes."""


class _Bytes:
    """A piece of a file that is read from its start to its end, and never beyond."""

    def __init__(self, data: bytes, order: str) -> None:
        self.data, self.order, self.at = data, order, 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise _DamageError("an element reaches beyond its end")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little" if self.order == "<" else "big")

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def element(self) -> tuple[int, bytes]:
        """Return type and data of the next element, without its padding."""
        word = self.number()
        if word >> 16:  # small elements have their length in the tag and data in its second half
            data = self.take(4)
            if word >> 16 > 4:
                raise _DamageError("a small element of more than 4 bytes")
            return word & 0xFFFF, data[: word >> 16]
        data = self.take(self.number())
        if word != _COMPRESSED:
            self.take(min(-len(data) % 8, self.left))
        return word, data


def read_variable(path: Path, name: str) -> tuple[Any, list[str]]:
    """Read one variable of a file.

    Parameters
    ----------
    path : Path
        MATLAB file of version 5 to 7.
    name : str
        The variable.

    Returns
    -------
    value : object
        Struct as dict, array of structs and cell array as list, text as str, numbers as float
        arrays (1-D where one dimension is 1); None for objects, functions and sparse matrices, and
        where the file has no such variable.
    names : list of str
        All variables.

    Raises
    ------
    InputError
        Damaged or truncated files; more than a gigabyte unpacked.
    """
    data = path.read_bytes()
    order = ">" if data[126:128] == b"MI" else "<"
    value = None
    names: list[str] = []
    total = 0
    file = _Bytes(data[_HEADER:], order)
    try:
        while file.left >= 8:
            kind, packed = file.element()
            if kind == _COMPRESSED:
                unpacked = _unpacked(packed, LARGEST_UNPACKED_BYTES - total)
                total += len(unpacked)
                kind, packed = _Bytes(unpacked, order).element()
            if kind != _MATRIX:
                raise _DamageError(f"an element of type {kind} where a variable should be")
            found = _name(_Bytes(packed, order))
            names.append(found)
            if found == name:
                value = _matrix(_Bytes(packed, order), 0)
    except (_DamageError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read as a MATLAB file: {error}. Likely cause: the file is "
            "truncated (the copy or the save did not finish), or damaged"
        ) from error
    return value, names


def _unpacked(packed: bytes, limit: int) -> bytes:
    """Unpack piece by piece, and stop where no log can be that long."""
    stream = zlib.decompressobj()
    data = stream.decompress(packed, max(limit, 1))
    if stream.unconsumed_tail:
        raise _DamageError(
            f"more than {LARGEST_UNPACKED_BYTES / 1e6:.0f} MB unpacked, which no behaviour log has"
        )
    if not stream.eof:
        raise _DamageError("compressed data without their end")
    return data


def _start(matrix: _Bytes) -> tuple[int, tuple[int, ...], str]:
    """Return class, dimensions and name of a matrix."""
    kind, flags = matrix.element()
    sizes_kind, sizes = matrix.element()
    if kind != 6 or len(flags) != 8 or sizes_kind != 5 or len(sizes) % 4 or len(sizes) < 8:
        raise _DamageError("a matrix without flags or dimensions")
    word = _Bytes(flags, matrix.order).number()
    shape = _Bytes(sizes, matrix.order)
    dimensions = tuple(shape.number() for _ in range(len(sizes) // 4))
    _, name = matrix.element()
    return word & 0xFF, dimensions, name.decode("latin-1")


def _name(matrix: _Bytes) -> str:
    return _start(matrix)[2]


def _matrix(matrix: _Bytes, depth: int) -> Any:
    import numpy as np

    if not matrix.left:
        return np.empty(0)
    if depth > _DEEPEST:
        raise _DamageError("structs within structs without end")
    kind, shape, _ = _start(matrix)
    count = math.prod(shape)
    if kind in _NUMBERS:
        return _array(_values(matrix, count), shape)
    if kind == _CHAR:
        codes = _text(matrix, count)
        if len(shape) == 2 and shape[0] > 1 and len(codes) == count:  # one text per row
            return ["".join(codes[row :: shape[0]]).rstrip() for row in range(shape[0])]
        return codes
    if kind == _CELL:
        _refuse_more(matrix, count)
        return [_inner(matrix, depth) for _ in range(count)]
    if kind == _STRUCT:
        return _structs(matrix, shape, count, depth)
    return None


def _refuse_more(matrix: _Bytes, count: int) -> None:
    # Every matrix has a tag of 8 bytes: more of them than that cannot be there.
    if count * 8 > matrix.left:
        raise _DamageError(f"{count} matrices in {matrix.left} bytes")


def _inner(matrix: _Bytes, depth: int) -> Any:
    kind, data = matrix.element()
    if kind != _MATRIX:
        raise _DamageError(f"an element of type {kind} where a matrix should be")
    return _matrix(_Bytes(data, matrix.order), depth + 1)


def _structs(matrix: _Bytes, shape: tuple[int, ...], count: int, depth: int) -> Any:
    _, length = matrix.element()
    width = _Bytes(length, matrix.order).number()
    _, joined = matrix.element()
    if not 0 < width <= 64:
        raise _DamageError(f"names of fields of {width} bytes")
    names = [
        joined[at : at + width].split(b"\0")[0].decode("latin-1")
        for at in range(0, len(joined), width)
    ]
    _refuse_more(matrix, count * len(names))
    found = [{name: _inner(matrix, depth) for name in names} for _ in range(count)]
    return found[0] if count == 1 else found


def _values(matrix: _Bytes, count: int) -> Any:
    import numpy as np

    kind, data = matrix.element()
    if kind not in _TYPES:
        raise _DamageError(f"numbers of type {kind}")
    kept = np.dtype(matrix.order + _TYPES[kind])
    if len(data) != count * kept.itemsize:
        raise _DamageError(f"{len(data)} bytes for {count} numbers")
    return np.frombuffer(data, kept)


def _array(values: Any, shape: tuple[int, ...]) -> Any:
    array = values.astype(float).reshape(shape, order="F")
    return array.ravel() if len(shape) == 2 and 1 in shape else array


def _text(matrix: _Bytes, count: int) -> str:
    if not count:
        return ""
    kind, data = matrix.element()
    if kind == _UTF8:
        return data.decode("utf-8")
    if kind not in _TYPES:
        raise _DamageError(f"text of type {kind}")
    if len(data) % int(_TYPES[kind][1:]):
        raise _DamageError(f"{len(data)} bytes of text of type {kind}")
    import numpy as np

    codes = np.frombuffer(data, np.dtype(matrix.order + _TYPES[kind])).tolist()
    if any(not 0 <= code < 0x110000 for code in codes):
        raise _DamageError("text with codes that are no characters")
    return "".join(chr(int(code)) for code in codes)
