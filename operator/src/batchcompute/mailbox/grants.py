"""Every signature one machine needs, made by two narrow signers (R10).

**put** signs what a machine writes, **get** what it reads; each is a credential whose policy
allows nothing else. Only hex HMACs travel: the runner builds the URLs, and a temporary
credential's token is sent once per grant.

All functions are pure: two leaders write the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .layout import PHASES, SEGMENTS
from .signing import KeyTime, Presigner, Signer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..cloud.credential import Credential
    from .layout import Layout

EARLY = 300
"""Seconds a KeyTime starts before the record it belongs to, for clocks that lag (R30)."""
MARGIN = 24 * 3600
"""Seconds a permanent key's signature outlives all deadlines of its run."""
LONGEST = 30 * 24 * 3600
NODE_LIFE = 7 * 24 * 3600
BOOT_MARGIN = 1800
"""Seconds the URLs of user data outlive the boot deadline (R31)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a machine needs beside a signature to build its URL: key id, span, token."""

    ak: str
    key_time: KeyTime
    token: str | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, object]:
        """The form in ``dir`` and ``box``: ``{ak, keyTime, token?}``."""
        whole: dict[str, object] = {"ak": self.ak, "keyTime": str(self.key_time)}
        if self.token:
            whole["token"] = self.token
        return whole


@dataclass(frozen=True, slots=True)
class RunSignatures:
    """``run.sig``: the forty signatures of one run. Hex strings, worth nothing alone."""

    live: tuple[str, ...]
    done: str
    start: str
    start_get: str
    result: str
    manifest: str
    out: tuple[str, ...]
    err: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The form in ``run``."""
        return {
            "live": list(self.live),
            "done": self.done,
            "start": self.start,
            "startGet": self.start_get,
            "result": self.result,
            "manifest": self.manifest,
            "out": list(self.out),
            "err": list(self.err),
        }


@dataclass(frozen=True, slots=True)
class BootUrls:
    """The three URLs of user data; they live ``bootDeadline`` + 30 min (R31)."""

    runner: str
    directory: str
    fail: str


def key_time(
    created: float,
    deadlines: float,
    credential: Credential,
    *,
    longest: float | None = None,
    node: bool = False,
) -> KeyTime:
    """The span of a grant made at ``created`` (Unix seconds, the record's creation).

    ``deadlines`` is the sum of the run's deadlines in seconds. A permanent key signs for
    them plus 24 h, at most 30 days (a node: 7 days); a temporary one for its own life.
    ``longest`` is the setting for signature life, in seconds, and shortens both.
    """
    if credential.expires is not None:
        end = credential.expires
    elif node:
        end = created + NODE_LIFE
    else:
        end = created + min(deadlines + MARGIN, LONGEST)
    if longest is not None:
        end = min(end, created + longest)
    return KeyTime(int(created) - EARLY, int(end))


def boot_key_time(created: float, boot_deadline: float, credential: Credential) -> KeyTime:
    """The span of the URLs in user data (R31)."""
    end = created + boot_deadline + BOOT_MARGIN
    if credential.expires is not None:
        end = min(end, credential.expires)
    return KeyTime(int(created) - EARLY, int(end))


def refresh_at(span: KeyTime) -> float:
    """When new grants are due: half of the life that counts from the record (section 6)."""
    created = span.start + EARLY
    return created + (span.end - created) / 2


@dataclass(frozen=True, slots=True)
class Granter:
    """Makes the signatures of the machines of one launch, or of one refresh.

    ``base`` is what machines see: ``scheme://<bucket>.cos.<region>.myqcloud.com``.
    """

    layout: Layout
    put: Presigner
    get: Presigner

    @classmethod
    def of(
        cls,
        layout: Layout,
        base: str,
        put: Credential,
        get: Credential,
        put_time: KeyTime,
        get_time: KeyTime,
    ) -> Granter:
        """A granter for two signers and the spans that ``key_time`` gave for each."""
        return cls(
            layout,
            Signer.of(put, put_time).presigner(base),
            Signer.of(get, get_time).presigner(base),
        )

    @property
    def put_grant(self) -> Grant:
        """``put`` of ``dir`` and ``box``."""
        return _grant(self.put)

    @property
    def get_grant(self) -> Grant:
        """``get`` of ``dir`` and ``box``."""
        return _grant(self.get)

    def box_get(self, mid: str) -> str:
        """``boxGet``: the signature by which a machine reads its box."""
        return self.get.signature("GET", self.layout.box(mid))

    def idle(self, mid: str) -> str:
        """``idle``: the signature of a node's idle beat."""
        return self.put.signature("PUT", self.layout.idle(mid))

    def run(self, rid: str, attempt: str) -> RunSignatures:
        """``run.sig`` of a run: 39 PUTs and the GET of its start lock."""
        layout, write = self.layout, self.put.signature
        return RunSignatures(
            live=tuple(write("PUT", layout.live(rid, phase)) for phase in PHASES),
            done=write("PUT", layout.done(rid), write_once=True),
            start=write("PUT", layout.start(attempt), write_once=True),
            start_get=self.get.signature("GET", layout.start(attempt)),
            result=write("PUT", layout.result(attempt), write_once=True),
            manifest=write("PUT", layout.manifest(attempt), write_once=True),
            out=self._log(attempt, "out"),
            err=self._log(attempt, "err"),
        )

    def boot(self, launch: str, runner_sha256: str) -> BootUrls:
        """The URLs of user data; make the granter with ``boot_key_time``."""
        return BootUrls(
            runner=self.get.url("GET", self.layout.runner(runner_sha256)),
            directory=self.get.url("GET", self.layout.directory(launch)),
            fail=self.put.url("PUT", self.layout.boot_fail(launch)),
        )

    def _log(self, attempt: str, stream: str) -> tuple[str, ...]:
        return tuple(
            self.put.signature("PUT", self.layout.log(attempt, stream, segment))
            for segment in range(SEGMENTS)
        )


def signer_policies(
    app_id: int | str, bucket: str, region: str, prefix: str
) -> Mapping[str, dict[str, object]]:
    """The CAM policies of the two signers, ``put`` and ``get``, for one mailbox (R10).

    ``bucket`` is the full name with the app id, ``prefix`` is ``P``.
    """
    base = f"qcs::cos:{region}:uid/{app_id}:{bucket}/{prefix}"

    def allow(action: str, *keys: str) -> dict[str, object]:
        statement = {
            "effect": "allow",
            "action": [action],
            "resource": [base + key for key in keys],
        }
        return {"version": "2.0", "statement": [statement]}

    return {
        "put": allow("name/cos:PutObject", "live/*", "done/*", "jobs/*", "boot/*.fail"),
        "get": allow("name/cos:GetObject", "dir/*", "box/*", "boot/runner-*", "jobs/*/start"),
    }


def _grant(presigner: Presigner) -> Grant:
    signer = presigner.signer
    return Grant(signer.credential.secret_id, signer.key_time, signer.credential.token)
