"""Ledgers over one :class:`SecretMemory`, with counted nonces and a clock that tests set."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batchcompute.ledger.ledger import Ledger
from batchcompute.ledger.records import Launch, LaunchState, Member
from tests.support.secret_store import SecretMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REQUEST = b'{"InstanceCount":2,"UserData":"eA=="}'


@dataclass
class Bench:
    """``clock`` is Unix seconds and moves only when a test moves it."""

    clock: float = 1_800_000_000.0
    nonces: int = 0
    memory: SecretMemory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = SecretMemory(lambda: self.clock)

    def ledger(self, holder: str = "a", owner: str = "owner") -> Ledger:
        return Ledger(
            self.memory,
            owner=owner,
            holder=holder,
            nonce=self.nonce,
            now=lambda: self.clock,
            sleep=lambda _: asyncio.sleep(0),
        )

    async def leader(self, holder: str = "a") -> Ledger:
        ledger = self.ledger(holder)
        await ledger.take_over()
        return ledger

    def nonce(self) -> str:
        self.nonces += 1
        return hashlib.sha256(str(self.nonces).encode()).hexdigest()[:32]


def member(slot: int, index: int | None = None, attempt: int = 0, job: str = "uid-a") -> Member:
    at = slot if index is None else index
    return Member(slot, job, "team-a", "wordcount", "count", at, attempt)


def launch(
    members: Sequence[Member], created_at: float = 1_800_000_000.0
) -> Callable[[int, str], Launch]:
    """A builder for :meth:`Ledger.append`."""

    def build(seq: int, nonce: str) -> Launch:
        return Launch(
            seq=seq,
            nonce=nonce,
            owner="owner",
            state=LaunchState.INTENT,
            namespace="team-a",
            credential="",
            region="ap-guangzhou",
            zone="ap-guangzhou-3",
            charge_type="POSTPAID_BY_HOUR",
            definition="d1",
            workspace="cos://batchcompute-1250000000/",
            created_at=created_at,
            not_after=created_at + 600,
            request=REQUEST,
            request_sha=hashlib.sha256(REQUEST).hexdigest(),
            members=tuple(members),
        )

    return build
