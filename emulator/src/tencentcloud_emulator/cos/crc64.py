"""CRC-64/XZ, the `x-cos-hash-crc64ecma` of an object.

liblzma, which the interpreter is built with, has it in C; where its symbol cannot be reached, a
table does the work (about 100 microseconds per KB).
"""

from __future__ import annotations

import _lzma
import ctypes
from collections.abc import Callable

POLYNOMIAL = 0xC96C5795D7870F42  # reflected
ONE = 1 << 63  # the polynomial 1, reflected


def _in_c() -> Callable[[bytes, int], int] | None:
    try:
        function = ctypes.CDLL(_lzma.__file__).lzma_crc64
    except (AttributeError, OSError):
        return None
    function.restype = ctypes.c_uint64
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    return lambda data, crc: int(function(data, len(data), crc))


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ POLYNOMIAL if value & 1 else value >> 1
        table.append(value)
    return table


TABLE = _table()


def by_table(data: bytes, crc: int = 0) -> int:
    """The same in Python."""
    crc ^= 0xFFFFFFFFFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFFFFFFFFFF


_update = _in_c() or by_table


def crc64(data: bytes, crc: int = 0) -> int:
    """The checksum of what gave `crc`, followed by `data`."""
    return _update(data, crc)


def combine(first: int, second: int, second_length: int) -> int:
    """The checksum of two byte strings in a row, from theirs and the second's length."""
    shift, factor = ONE, _times_x8()
    while second_length:
        if second_length & 1:
            shift = _multiply(shift, factor)
        factor = _multiply(factor, factor)
        second_length >>= 1
    return _multiply(first, shift) ^ second


def _times_x8() -> int:
    return ONE >> 8


def _multiply(a: int, b: int) -> int:
    """a * b modulo the polynomial, all reflected."""
    product = 0
    while a:
        if a & ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFFFFFFFFFF
        b = (b >> 1) ^ POLYNOMIAL if b & 1 else b >> 1
    return product
