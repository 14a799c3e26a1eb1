"""Where each object of a mailbox lies: keys under ``P = <workspace prefix>/<owner8>/v1/``.

Writers, readers, write mode and size limits are the table of section 6 of protocols.md;
``LIMITS`` holds the sizes above which the operator never GETs an object (R32).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .keys import parse_machine, parse_run

KIB = 1024
MIB = 1024 * KIB

SEGMENTS = 16
PHASES = (0, 1, 2)

RUNNER_LIMIT = 256 * KIB
FAIL_LIMIT = 4 * KIB
DIR_LIMIT = 8 * MIB
BOX_LIMIT = 64 * KIB
LIVE_LIMIT = 20 * KIB
DONE_LIMIT = 16 * KIB
START_LIMIT = KIB
MANIFEST_LIMIT = 5 * MIB
STATE_LIMIT = 4 * MIB


class LiveName(NamedTuple):
    """What a key under ``live/`` is about: a run in a phase, or (``phase`` None) an idle node."""

    mid: str
    n: int | None
    phase: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """The keys of one mailbox. ``prefix`` is ``P``: no leading slash, ends in ``/``."""

    prefix: str

    @classmethod
    def of(cls, workspace_prefix: str, owner8: str) -> Layout:
        """The mailbox of one operator in one workspace; the prefix may be empty."""
        inside = workspace_prefix.strip("/")
        return cls(f"{inside}/{owner8}/v1/" if inside else f"{owner8}/v1/")

    def runner(self, sha256: str) -> str:
        """The runner's source, put there once per version."""
        return f"{self.prefix}boot/runner-{sha256}.py"

    def boot_fail(self, launch: str) -> str:
        """The note of a boot script that failed, shared by the launch."""
        return f"{self.prefix}boot/{launch}.fail"

    def directory(self, launch: str) -> str:
        """What the machines of a launch read once, at boot."""
        return f"{self.prefix}dir/{launch}"

    def box(self, mid: str) -> str:
        """What the operator has to say to one machine."""
        return f"{self.prefix}box/{mid}"

    def live(self, rid: str, phase: int) -> str:
        """The beats of a run in phase 0 set-up, 1 running or 2 delivering."""
        return f"{self.prefix}live/{rid}.{phase}"

    def idle(self, mid: str) -> str:
        """The beats of a node that runs nothing."""
        return f"{self.prefix}live/{mid}.idle"

    def done(self, rid: str) -> str:
        """The result of a run, write-once."""
        return f"{self.prefix}done/{rid}"

    def start(self, attempt: str) -> str:
        """The start lock of an attempt (R7), write-once."""
        return f"{self.prefix}{attempt}start"

    def result(self, attempt: str) -> str:
        """The lasting copy of the result, write-once."""
        return f"{self.prefix}{attempt}result.json"

    def manifest(self, attempt: str) -> str:
        """The list of delivered outputs, write-once."""
        return f"{self.prefix}{attempt}manifest.json"

    def log(self, attempt: str, stream: str, segment: int) -> str:
        """A log segment (R26); ``stream`` is ``out`` or ``err``, ``segment`` 0-15."""
        return f"{self.prefix}{attempt}{stream}.{segment:02d}"

    def state(self, job_uid: str, task: str) -> str:
        """The complete index sets of a task (R27)."""
        return f"{self.prefix}state/{job_uid}/{task}"

    def polled(self, folder: str) -> str:
        """The prefix of a listing; ``folder`` is one of live, done, dir, box, boot."""
        return f"{self.prefix}{folder}/"

    def parse_done(self, key: str) -> str | None:
        """The run id of a key under ``done/``; ``None`` when it is no such key."""
        rid = self._under("done/", key)
        return rid if rid is not None and parse_run(rid) else None

    def parse_live(self, key: str) -> LiveName | None:
        """What a key under ``live/`` is about; ``None`` when it is no such key."""
        name = self._under("live/", key)
        if name is None:
            return None
        stem, _, last = name.rpartition(".")
        if last == "idle":
            return LiveName(stem, None, None) if parse_machine(stem) else None
        run = parse_run(stem)
        if run is None or last not in ("0", "1", "2"):
            return None
        return LiveName(run.mid, run.n, int(last))

    def _under(self, folder: str, key: str) -> str | None:
        whole = self.prefix + folder
        return key[len(whole) :] if key.startswith(whole) else None
