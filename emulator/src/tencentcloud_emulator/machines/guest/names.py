"""The machine's name server: whatever name is asked for, the answer is the emulator."""

from __future__ import annotations

import socket
import struct

A_RECORD = 1
ANY_RECORD = 255
TTL_SECONDS = 60


def answer(query: bytes, address: str) -> bytes | None:
    """The reply to one DNS query: `address` for A, an empty answer for the rest, None for noise."""
    if len(query) < 17 or query[2] & 0x80:
        return None
    end = 12
    while end < len(query) and query[end]:
        end += query[end] + 1
    question = query[12 : end + 5]
    if end + 5 > len(query):
        return None
    (kind,) = struct.unpack_from(">H", query, end + 1)
    found = kind in (A_RECORD, ANY_RECORD)
    header = query[:2] + bytes([0x84 | query[2] & 1, 0x80]) + struct.pack(">HHHH", 1, found, 0, 0)
    record = b"\xc0\x0c" + struct.pack(">HHIH", A_RECORD, 1, TTL_SECONDS, 4)
    return header + question + (record + socket.inet_aton(address) if found else b"")
