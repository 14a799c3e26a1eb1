"""The workspace that machines report to: its client, its keys, and who signs for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from batchcompute.controllers.signers import DATA_SECONDS, SIGNER_SECONDS, NarrowSigners
from batchcompute.ledger.records import Member
from batchcompute.mailbox import keys
from batchcompute.mailbox.client import CosClient
from batchcompute.mailbox.grants import BootUrls, Granter, boot_key_time, key_time, refresh_at
from batchcompute.mailbox.layout import Layout
from batchcompute.mailbox.signing import KeyTime
from batchcompute.settings import Settings


def attempt_path(member: Member) -> str:
    """``A`` of a ledger member."""
    return keys.attempt_path(
        member.namespace, member.job, member.job_uid, member.task, member.index, member.attempt
    )


@dataclass
class Mailbox:
    """One workspace. ``base`` is what machines see: scheme and true host name of the bucket."""

    layout: Layout
    cos: CosClient
    base: str
    bucket: str
    signers: NarrowSigners
    settings: Settings

    def granter(self, created: float, deadlines: float) -> Granter:
        """Signatures of a run for a grant made at ``created``; ``deadlines`` in seconds."""
        longest = self.settings.mailbox.signature_life_seconds
        put, get = self.signers.put, self.signers.get
        return Granter.of(
            self.layout,
            self.base,
            put,
            get,
            key_time(created, deadlines, put, longest=longest),
            key_time(created, deadlines, get, longest=longest),
        )

    def refresh_at(self, created: float, deadlines: float, *, paths: bool = False) -> float:
        """When a grant made at ``created`` is at half of its life; ``paths``: that goes along
        with keys that may have half of theirs behind them."""
        half = min(refresh_at(span) for span in self._spans(created, deadlines))
        return min(half, created + DATA_SECONDS / 4) if paths else half

    def signed_until(self, created: float, deadlines: float) -> float:
        """When a grant made at ``created`` runs out."""
        return min(span.end for span in self._spans(created, deadlines))

    def shortest(self) -> float | None:
        """The shortest life of what some leader signed, seconds; ``None``: its record tells."""
        temporary = any(one.expires is not None for one in (self.signers.put, self.signers.get))
        return SIGNER_SECONDS / 2 if temporary else None

    def _spans(self, created: float, deadlines: float) -> Iterator[KeyTime]:
        longest = self.settings.mailbox.signature_life_seconds
        for signer in (self.signers.put, self.signers.get):
            yield key_time(created, deadlines, signer, longest=longest)

    def boot_urls(self, created: float, launch: str, runner_sha256: str) -> BootUrls:
        """The three URLs of user data (R31)."""
        deadline = self.settings.launch.boot_deadline_seconds
        put, get = self.signers.put, self.signers.get
        granter = Granter.of(
            self.layout,
            self.base,
            put,
            get,
            boot_key_time(created, deadline, put),
            boot_key_time(created, deadline, get),
        )
        return granter.boot(launch, runner_sha256)

    def log_url(self, member: Member, stream: str) -> str:
        """``cos://`` of the first segment of an attempt's stdout (``out``) or stderr (``err``)."""
        return f"cos://{self.bucket}/{self.layout.log(attempt_path(member), stream, 0)}"

    def control_keys(self, mid: str) -> list[str]:
        """What goes with a member: its result note, its beats, its box."""
        rid = f"{mid}.0"
        beats = [self.layout.live(rid, phase) for phase in (0, 1, 2)]
        return [self.layout.done(rid), *beats, self.layout.box(mid)]
