"""The identifiers that follow from a record: Secret name, launch, member and run id, token."""

from __future__ import annotations

import base64
import hashlib
import re

SECRET_PREFIX = "bc-ledger-"  # noqa: S105 - the name of an object
ROOT_NAME = "bc-ledger-root"

_LAUNCH = re.compile(r"([0-9]{10})-([0-9a-z]{6})")
_MEMBER = re.compile(r"([0-9]{10}-[0-9a-z]{6})-([0-9]{3})")


def secret_name(seq: int) -> str:
    """``bc-ledger-0000000123``: ten digits, so that names sort as numbers do."""
    return f"{SECRET_PREFIX}{seq:010d}"


def launch_id(seq: int, nonce: str) -> str:
    """``L`` of the mailbox, the tags and the instance names: ``<seq:010d>-<nonce6>``."""
    return f"{seq:010d}-{nonce[:6]}"


def member_id(launch: str, slot: int) -> str:
    """``mid``: ``<L>-<slot:03d>``, the name of one machine slot for its whole life."""
    return f"{launch}-{slot:03d}"


def run_id(mid: str, n: int = 0) -> str:
    """``rid``: ``<mid>.<n>``; n is 0 on an elastic machine, 1, 2, .. on a node."""
    return f"{mid}.{n}"


def parse_launch_id(text: str) -> tuple[int, str] | None:
    """``(seq, nonce6)`` of a launch id, ``None`` when the text has another form."""
    match = _LAUNCH.fullmatch(text)
    return (int(match[1]), match[2]) if match else None


def parse_member_id(text: str) -> tuple[str, int] | None:
    """``(launch id, slot)`` of a member id, ``None`` when the text has another form."""
    match = _MEMBER.fullmatch(text)
    return (match[1], int(match[2])) if match else None


def client_token(owner: str, seq: int, nonce: str) -> str:
    """The ClientToken of a launch (R1): one per record, whoever sends it and how often."""
    digest = hashlib.sha256(f"{owner}\n{seq}\n{nonce}".encode()).digest()
    return "bc" + base64.b32encode(digest).decode().lower()[:40]
