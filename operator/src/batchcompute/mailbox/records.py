"""What the operator tells machines: ``dir`` at boot, ``run``, and ``box`` later.

Typed inputs in, bytes out, nothing else: the same inputs give the same bytes, so two
leaders that both write ``dir/<L>`` write one content (R3, invariant d). Forms and field
names are section 6 of protocols.md; ``"v": 1`` comes first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import orjson

from .definition import data_json
from .layout import BOX_LIMIT, DIR_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..cloud.credential import Credential
    from .definition import Definition
    from .grants import Grant, RunSignatures

VERSION = 1


class RecordTooLargeError(ValueError):
    """A record is over its limit; the message names record and sizes, no content."""


class DirState(StrEnum):
    """Whether a launch has machines that work (``Bound``) or none (``Void``)."""

    BOUND = "Bound"
    VOID = "Void"


class SlotKind(StrEnum):
    """What a machine of a slot is."""

    RUN = "run"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """``run.deadlines``, seconds: set-up, command, upload, and from TERM to KILL."""

    setup: int
    command: int
    upload: int
    grace: int

    def total(self) -> int:
        """The longest a run may take, for ``grants.key_time``."""
        return self.setup + self.command + self.grace + self.upload


@dataclass(frozen=True, slots=True)
class Run:
    """``run``: one attempt of one index on one machine.

    ``attempt_path`` is ``A``; ``tkey`` names the definition; ``env`` holds ``BATCH_*``.
    """

    n: int
    attempt_path: str
    tkey: str
    env: Mapping[str, str]
    deadlines: Deadlines
    sig: RunSignatures
    gang: bool = False

    def as_json(self) -> dict[str, object]:
        """The value of ``slots[].run`` and ``box.run``."""
        limits = self.deadlines
        return {
            "n": self.n,
            "A": self.attempt_path,
            "tkey": self.tkey,
            "env": {name: self.env[name] for name in sorted(self.env)},
            "deadlines": {
                "setup": limits.setup,
                "command": limits.command,
                "upload": limits.upload,
                "grace": limits.grace,
            },
            "gang": self.gang,
            "sig": self.sig.as_json(),
        }


@dataclass(frozen=True, slots=True)
class DirSlot:
    """One machine of a launch. ``box_get`` and ``idle`` are signatures."""

    instance_id: str
    mid: str
    kind: SlotKind
    box_get: str
    run: Run | None = None
    idle: str | None = None

    def as_json(self) -> dict[str, object]:
        """The value of ``slots[<instance id>]``."""
        whole: dict[str, object] = {"mid": self.mid, "kind": self.kind, "boxGet": self.box_get}
        if self.idle is not None:
            whole["idle"] = self.idle
        if self.run is not None:
            whole["run"] = self.run.as_json()
        return whole


@dataclass(frozen=True, slots=True)
class Directory:
    """``dir/<L>``. ``host`` is a base URL with scheme; ``beat`` is in seconds."""

    launch: str
    state: DirState
    host: str
    put: Grant
    get: Grant
    beat: int
    tasks: Mapping[str, Definition] = field(default_factory=dict, repr=False)
    slots: Sequence[DirSlot] = ()

    def encode(self) -> bytes:
        """The object's bytes.

        Raises:
            RecordTooLargeError: over 8 MiB.
        """
        whole = {
            "v": VERSION,
            "launch": self.launch,
            "state": self.state,
            "host": self.host,
            "put": self.put.as_json(),
            "get": self.get.as_json(),
            "beat": self.beat,
            "tasks": {tkey: self.tasks[tkey].as_json() for tkey in sorted(self.tasks)},
            "slots": {slot.instance_id: slot.as_json() for slot in self._ordered()},
        }
        return _bounded(f"dir of {self.launch}", dump(whole), DIR_LIMIT)

    def _ordered(self) -> list[DirSlot]:
        return sorted(self.slots, key=lambda slot: slot.mid)


@dataclass(frozen=True, slots=True)
class Cancel:
    """``box.cancel``: run ``n`` has to stop; ``reason`` is for its log."""

    n: int
    reason: str


@dataclass(frozen=True, slots=True)
class RunnerUpdate:
    """``box.runner``: the version an idle node should run, and its GET signature (R33)."""

    sha256: str
    sig: str


@dataclass(frozen=True, slots=True)
class Box:
    """``box/<mid>``: all that is to be said to one machine now; ``rev`` only grows.

    Each write replaces the last, so a renewal repeats a cancel that still stands.
    Signatures in ``run`` and ``box_get`` belong to the ``put`` and ``get`` beside them.
    """

    mid: str
    rev: int
    go: Sequence[str] | None = None
    cancel: Cancel | None = None
    drain: bool = False
    runner: RunnerUpdate | None = None
    put: Grant | None = None
    get: Grant | None = None
    box_get: str | None = None
    data: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    run: Run | None = None
    task: Definition | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        """The object's bytes.

        Raises:
            RecordTooLargeError: over 64 KiB, with a ``task`` over 8 MiB.
        """
        whole: dict[str, object] = {"v": VERSION, "mid": self.mid, "rev": self.rev}
        whole |= self._orders() | self._renewals()
        limit = BOX_LIMIT if self.task is None else DIR_LIMIT
        return _bounded(f"box of {self.mid}", dump(whole), limit)

    def _orders(self) -> dict[str, object]:
        whole: dict[str, object] = {}
        if self.go is not None:
            whole["go"] = {"hosts": list(self.go)}
        if self.cancel is not None:
            whole["cancel"] = {"n": self.cancel.n, "reason": self.cancel.reason}
        if self.drain:
            whole["drain"] = True
        if self.runner is not None:
            whole["runner"] = {"sha256": self.runner.sha256, "sig": self.runner.sig}
        return whole

    def _renewals(self) -> dict[str, object]:
        whole: dict[str, object] = {}
        if self.put is not None:
            whole["put"] = self.put.as_json()
        if self.get is not None:
            whole["get"] = self.get.as_json()
        if self.box_get is not None:
            whole["boxGet"] = self.box_get
        if self.data:
            whole["data"] = data_json(self.data)
        if self.run is not None:
            whole["run"] = self.run.as_json()
        if self.task is not None:
            whole["task"] = self.task.as_json()
        return whole


def dump(whole: object) -> bytes:
    """JSON. Bytes of an environment value that are no text are lone surrogates in Python, which
    the standard library writes as escapes; the runner turns them back into the same bytes."""
    try:
        return orjson.dumps(whole)
    except TypeError:
        return json.dumps(whole, separators=(",", ":")).encode()


def _bounded(what: str, body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise RecordTooLargeError(f"{what}: {len(body)} bytes, at most {limit} are allowed")
    return body
