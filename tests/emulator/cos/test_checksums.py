"""CRC-64 in C, by table, and of parts put together."""

from __future__ import annotations

import crcmod  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from tencentcloud_emulator.cos.crc64 import by_table, combine, crc64

SDK = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)


def test_the_published_check_value() -> None:
    assert crc64(b"123456789") == by_table(b"123456789") == 0x995DC9BBDF1939FA


@given(st.binary(max_size=300))
def test_it_is_the_sum_that_the_sdk_checks(data: bytes) -> None:
    assert crc64(data) == by_table(data) == SDK(data)


@given(st.binary(max_size=300), st.binary(max_size=3000))
def test_parts_combine_to_the_sum_of_the_whole(first: bytes, second: bytes) -> None:
    whole = crc64(first + second)
    assert combine(crc64(first), crc64(second), len(second)) == whole
    assert crc64(second, crc64(first)) == whole
