"""The machine's name server, byte by byte."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tencentcloud_emulator.machines.guest.names import answer

ADDRESS = "169.254.0.23"


def query(name: str, kind: int = 1, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".") if p)
    header = struct.pack(">HHHHHH", 0xABCD, flags, 1, 0, 0, 1)
    additional = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)  # EDNS, as glibc and dig send it
    return header + labels + b"\0" + struct.pack(">HH", kind, 1) + additional


@pytest.mark.parametrize("name", ["metadata.tencentyun.com", "a.cos.ap-guangzhou.myqcloud.com", ""])
def test_every_name_has_the_address(name: str) -> None:
    reply = answer(query(name), ADDRESS)
    assert reply is not None
    ident, flags, questions, answers, authorities, extra = struct.unpack_from(">HHHHHH", reply)
    assert (ident, questions, answers, authorities, extra) == (0xABCD, 1, 1, 0, 0)
    assert flags == 0x8580  # an authoritative reply, recursion desired and available, no error
    assert reply[-4:] == socket.inet_aton(ADDRESS)


@pytest.mark.parametrize("kind", [28, 15, 16, 12, 65])
def test_other_records_are_empty_and_no_error(kind: int) -> None:
    reply = answer(query("metadata.tencentyun.com", kind), ADDRESS)
    assert reply is not None
    assert struct.unpack_from(">HHHHHH", reply)[1:4] == (0x8580, 1, 0)


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(query("a.b")[:16], id="cut in the header"),
        pytest.param(query("a.b")[:19], id="cut in the question"),
        pytest.param(query("a.b", flags=0x8180), id="a reply"),
    ],
)
def test_noise_is_not_answered(noise: bytes) -> None:
    assert answer(noise, ADDRESS) is None


@given(st.binary(max_size=80))
def test_no_bytes_are_too_odd(noise: bytes) -> None:
    reply = answer(noise, ADDRESS)
    assert reply is None or reply[:2] == noise[:2]
