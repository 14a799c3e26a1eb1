"""The ledger over a real API server: its 409 is the fence, its Secrets leave nothing behind."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import AsyncIterator

import pytest

from batchcompute.kube.client import Client
from batchcompute.kube.config import from_kubeconfig
from batchcompute.kube.ledger_store import LedgerSecretStore
from batchcompute.kube.resources import NAMESPACES, SECRETS
from batchcompute.ledger import names
from batchcompute.ledger.errors import Deposed
from batchcompute.ledger.ledger import Ledger
from batchcompute.ledger.records import Launch, LaunchState
from batchcompute.runtime.clock import SystemClock
from dev.cluster.cluster import Cluster
from tests.support.ledgers import launch, member


@pytest.fixture
async def namespace(cluster: Cluster) -> AsyncIterator[str]:
    name = f"ledger-{uuid.uuid4().hex[:8]}"
    async with Client(from_kubeconfig(cluster.kubeconfig), SystemClock()) as api:
        await api.create(NAMESPACES, {"metadata": {"name": name}})
        yield name
        await api.delete(NAMESPACES, None, name)


@pytest.fixture
async def clients(cluster: Cluster) -> AsyncIterator[list[Client]]:
    """Two processes' worth of connections."""
    config = from_kubeconfig(cluster.kubeconfig)
    async with Client(config, SystemClock()) as one, Client(config, SystemClock()) as other:
        yield [one, other]


def ledger_of(client: Client, namespace: str, holder: str) -> Ledger:
    return Ledger(
        LedgerSecretStore(client, namespace),
        owner="owner",
        holder=holder,
        nonce=lambda: secrets.token_hex(16),
        now=time.time,
    )


async def test_the_server_fences_the_first_of_two_leaders(
    clients: list[Client], namespace: str
) -> None:
    old, new = (ledger_of(c, namespace, h) for c, h in zip(clients, "ab", strict=True))
    await old.take_over()
    await old.append(launch([member(0), member(1)]))
    await new.take_over()
    with pytest.raises(Deposed):
        await old.append(launch([member(2)]))
    bound = await new.bind(2, ["ins-b", "ins-a"])
    assert (await old.bind(2, ["ins-x", "ins-y"])).ids == bound.ids == {0: "ins-a", 1: "ins-b"}


async def test_of_many_appends_at_once_by_two_leaders_one_leader_s_stand(
    clients: list[Client], namespace: str
) -> None:
    old, new = (ledger_of(c, namespace, h) for c, h in zip(clients, "ab", strict=True))
    await old.take_over()
    await new.take_over()
    answers = await asyncio.gather(
        *(one.append(launch([member(n)])) for n in range(5) for one in (old, new)),
        return_exceptions=True,
    )
    refused = [a for a in answers if isinstance(a, Deposed)]
    assert (len(answers), len(refused)) == (10, 5)
    assert sorted(new.index.entries) == [1, 2, *range(3, 8)]


async def test_a_record_comes_back_as_written_and_leaves_nothing(
    clients: list[Client], namespace: str
) -> None:
    ledger = ledger_of(clients[0], namespace, "a")
    await ledger.take_over()
    entry = await ledger.append(launch([member(n) for n in range(100)]))
    other = ledger_of(clients[1], namespace, "b")
    await other.take_over()
    assert other.index.entries[2] == entry
    assert abs(entry.created - time.time()) < 60
    bound = await other.bind(2, [f"ins-{n:08d}" for n in range(100)])
    assert isinstance(bound, Launch)
    assert bound.state is LaunchState.BOUND
    other.close([bound.mid(n) for n in range(100)])
    await other.settle()
    left = {secret.name for secret in await LedgerSecretStore(clients[0], namespace).list()}
    assert left == {names.ROOT_NAME, names.secret_name(3)}


async def test_a_deleted_record_still_fences(clients: list[Client], namespace: str) -> None:
    old = ledger_of(clients[0], namespace, "a")
    await old.take_over()
    await ledger_of(clients[1], namespace, "b").take_over()
    last = ledger_of(clients[1], namespace, "c")
    await last.take_over()
    await last.settle()
    with pytest.raises(Deposed, match="below the floor"):
        await old.append(launch([member(0)]))
    left = {secret.name for secret in await LedgerSecretStore(clients[0], namespace).list()}
    assert left == {names.ROOT_NAME, names.secret_name(3)}


async def test_a_record_that_a_user_deletes_stays(clients: list[Client], namespace: str) -> None:
    """The finalizer holds it (M13); it can still be bound, and goes when it is closed."""
    ledger = ledger_of(clients[0], namespace, "a")
    await ledger.take_over()
    await ledger.append(launch([member(0)]))
    await clients[1].delete(SECRETS, namespace, names.secret_name(2))
    assert (await ledger.bind(2, ["ins-a"])).ids == {0: "ins-a"}
    again = ledger_of(clients[1], namespace, "b")
    await again.take_over()
    assert again.index.by_instance("ins-a") is not None
