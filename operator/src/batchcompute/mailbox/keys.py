"""Ids of the mailbox: launch ``L``, machine ``mid``, run ``rid``, attempt path ``A``.

Written by section 6 of protocols.md::

    L   = <seq:010d>-<nonce6>                       0000000123-a1b2c3
    mid = L-<slot:03d>                              0000000123-a1b2c3-007
    rid = mid.<n>                                   0000000123-a1b2c3-007.0
    A   = jobs/<namespace>/<job>.<uid8>/<task>/<index>/<attempt>/

Ids sort by sequence, so a listing of ``done/`` shows the oldest launch first. Every
parser answers ``None`` for a text of another form: names come from a bucket that
machines write to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

NONCE_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
MAX_SLOTS = 500

_LAUNCH = r"([0-9]{10})-([a-z0-9]{6})"
_LAUNCH_RE = re.compile(_LAUNCH)
_MACHINE_RE = re.compile(_LAUNCH + r"-([0-9]{3})")
_RUN_RE = re.compile(_LAUNCH + r"-([0-9]{3})\.(0|[1-9][0-9]{0,8})")
_ATTEMPT_RE = re.compile(
    r"jobs/([a-z0-9-]+)/([a-z0-9.-]+)\.([0-9a-f-]{8})/([a-z0-9-]+)/(0|[1-9][0-9]*)/(0|[1-9][0-9]*)/"
)


class LaunchName(NamedTuple):
    """A launch: ledger sequence and the nonce of its record."""

    seq: int
    nonce: str


class MachineName(NamedTuple):
    """A machine: its launch and its slot in the record."""

    launch: str
    seq: int
    slot: int


class RunName(NamedTuple):
    """A run: its machine and its number on it (0 elastic, 1.. on a node)."""

    mid: str
    launch: str
    seq: int
    slot: int
    n: int


@dataclass(frozen=True, slots=True)
class AttemptName:
    """The attempt that an attempt path names."""

    namespace: str
    job: str
    uid8: str
    task: str
    index: int
    attempt: int


def launch_id(seq: int, nonce: str) -> str:
    """``L`` of a ledger record. ``nonce`` is six characters of ``a-z0-9``."""
    text = f"{seq:010d}-{nonce}"
    if not _LAUNCH_RE.fullmatch(text):
        raise ValueError(f"no launch id: sequence {seq}, nonce {nonce!r}")
    return text


def machine_id(launch: str, slot: int) -> str:
    """``mid`` of a slot of a launch."""
    if not 0 <= slot < MAX_SLOTS:
        raise ValueError(f"slot {slot} is not in 0-{MAX_SLOTS - 1}")
    return f"{launch}-{slot:03d}"


def run_id(mid: str, n: int) -> str:
    """``rid`` of the n-th run of a machine."""
    if n < 0:
        raise ValueError(f"run number {n} is negative")
    return f"{mid}.{n}"


def attempt_path(namespace: str, job: str, uid: str, task: str, index: int, attempt: int) -> str:
    """``A`` of an attempt, relative to the mailbox prefix, ending in ``/`` (R15)."""
    return f"jobs/{namespace}/{job}.{uid[:8]}/{task}/{index}/{attempt}/"


def parse_launch(text: str) -> LaunchName | None:
    """The parts of ``L``."""
    match = _LAUNCH_RE.fullmatch(text)
    return LaunchName(int(match[1]), match[2]) if match else None


def parse_machine(text: str) -> MachineName | None:
    """The parts of ``mid``."""
    match = _MACHINE_RE.fullmatch(text)
    return MachineName(text[:17], int(match[1]), int(match[3])) if match else None


def parse_run(text: str) -> RunName | None:
    """The parts of ``rid``."""
    match = _RUN_RE.fullmatch(text)
    if not match:
        return None
    return RunName(text[:21], text[:17], int(match[1]), int(match[3]), int(match[4]))


def parse_attempt(text: str) -> AttemptName | None:
    """The parts of ``A``."""
    match = _ATTEMPT_RE.fullmatch(text)
    if not match:
        return None
    return AttemptName(match[1], match[2], match[3], match[4], int(match[5]), int(match[6]))
