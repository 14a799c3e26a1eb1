"""Records to Secret data and back.

The key ``record`` holds JSON with ``"v":1``; the key ``request`` the exact bytes of a
launch request, which must come back as they went in.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import orjson

from batchcompute.ledger import names
from batchcompute.ledger.records import (
    Abandon,
    Assign,
    Launch,
    LaunchState,
    Lead,
    Member,
    Record,
    Run,
    Stop,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_TYPE = "batchcompute.io/ledger"  # noqa: S105 - a type name
FINALIZER = "batchcompute.io/ledger"
KIND_LABEL = "batchcompute.io/ledger"
VERSION = 1
MAX_BYTES = 768 * 1024  # of a Secret's 1 MiB, which etcd's request limit shares with metadata
MAX_MEMBERS = 500
MAX_REASONS = 100

_KINDS: dict[str, type[Lead] | type[Assign] | type[Stop] | type[Abandon] | type[Launch]] = {
    "lead": Lead,
    "launch": Launch,
    "assign": Assign,
    "stop": Stop,
    "abandon": Abandon,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class BadRecord(Exception):
    """A Secret under a ledger name that cannot be read; the text names it and says why."""


class RecordTooLarge(ValueError):
    """A record over its bounds; raised before anything is written."""


def kind_of(record: Record) -> str:
    """``lead``, ``launch``, ``assign``, ``stop`` or ``abandon``."""
    return _NAMES[type(record)]


def encode(record: Record) -> dict[str, bytes]:
    """The Secret's data. Raises :class:`RecordTooLarge`."""
    body: dict[str, Any] = {"v": VERSION, "kind": kind_of(record)}
    body |= {f.name: getattr(record, f.name) for f in fields(record) if f.name != "request"}
    if isinstance(record, Launch):
        body["ids"] = {str(slot): instance for slot, instance in record.ids.items()}
        if len(record.members) > MAX_MEMBERS:
            raise RecordTooLarge(f"{len(record.members)} members, at most {MAX_MEMBERS}")
    if isinstance(record, Stop):
        body["reasons"] = dict(record.reasons)
        if len(record.reasons) > MAX_REASONS:
            raise RecordTooLarge(f"{len(record.reasons)} stops, at most {MAX_REASONS}")
    data = {"record": orjson.dumps(body)}
    if isinstance(record, Launch) and record.request:
        data["request"] = record.request
    size = sum(map(len, data.values()))
    if size > MAX_BYTES:
        raise RecordTooLarge(f"{size} bytes, at most {MAX_BYTES}")
    return data


def decode(name: str, data: Mapping[str, bytes]) -> Record:
    """The record of the Secret ``name``. Raises :class:`BadRecord`."""
    try:
        body = orjson.loads(data["record"])
        record = _record(body, data.get("request", b""))
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecord(f"{name}: {type(error).__name__}: {error}") from None
    if names.secret_name(record.seq) != name:
        raise BadRecord(f"{name}: holds the record number {record.seq}")
    return record


def _record(body: dict[str, Any], request: bytes) -> Record:
    if body.pop("v") != VERSION:
        raise ValueError("another version of the record format")
    kind = _KINDS[body.pop("kind")]
    if kind is Launch:
        return _launch(body, request)
    if kind is Assign:
        body["runs"] = tuple(Run(**run) for run in body["runs"])
    if kind is Abandon:
        body["ids"] = tuple(body["ids"])
    return kind(**body)


def _launch(body: dict[str, Any], request: bytes) -> Launch:
    body["state"] = LaunchState(body["state"])
    body["members"] = tuple(Member(**member) for member in body["members"])
    body["ids"] = {int(slot): instance for slot, instance in body["ids"].items()}
    launch = Launch(request=request, **body)
    if launch.unsettled and hashlib.sha256(request).hexdigest() != launch.request_sha:
        raise ValueError("the stored request is not the one that was recorded")
    return launch
