"""The ledger's store when answers are lost: unknown is unknown, a second try finds the first."""

from __future__ import annotations

import aiohttp
import pytest

from batchcompute.kube.client import Client
from batchcompute.kube.config import ClusterConfig
from batchcompute.kube.errors import Forbidden
from batchcompute.kube.ledger_store import LedgerSecretStore
from batchcompute.kube.resources import SECRETS
from batchcompute.ledger import store
from tests.component.kube.conftest import QuickClock
from tests.support.apiserver import FakeApiServer, status

NAME = "bc-ledger-0000000007"
HERE = SECRETS.path("sys")


@pytest.fixture
def ledger(client: Client, server: FakeApiServer) -> LedgerSecretStore:
    server.born = "2026-11-24T13:00:00Z"
    return LedgerSecretStore(client, "sys")


async def test_a_lost_answer_to_each_write_is_unknown_and_its_effect_is_found(
    ledger: LedgerSecretStore, server: FakeApiServer
) -> None:
    server.lose = 1
    with pytest.raises(store.Unknown):
        await ledger.create(NAME, {"record": b"a"}, {})
    made = await ledger.get(NAME)
    assert made.data == {"record": b"a"}
    server.lose = 1
    with pytest.raises(store.Unknown):
        await ledger.replace(made)
    assert (await ledger.get(NAME)).resource_version != made.resource_version
    server.lose = 1
    with pytest.raises(store.Unknown):
        await ledger.delete(NAME, made.uid)
    await ledger.delete(NAME, made.uid)
    assert await ledger.list() == []


async def test_a_server_error_in_a_write_is_unknown(
    ledger: LedgerSecretStore, server: FakeApiServer
) -> None:
    server.faults["POST"].append(lambda _: status(504, "Timeout"))
    with pytest.raises(store.Unknown):
        await ledger.create(NAME, {}, {})


async def test_a_refusal_is_no_unknown(ledger: LedgerSecretStore, server: FakeApiServer) -> None:
    server.faults["POST"].append(lambda _: status(403, "Forbidden"))
    with pytest.raises(Forbidden):
        await ledger.create(NAME, {}, {})


async def test_no_server_means_that_certainly_nothing_happened() -> None:
    async with Client(ClusterConfig("http://127.0.0.1:9"), QuickClock()) as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await LedgerSecretStore(client, "sys").create(NAME, {}, {})


async def test_a_list_whose_next_page_is_too_old_starts_again(
    ledger: LedgerSecretStore, server: FakeApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchcompute.kube.ledger_store.PAGE", 2)
    for number in range(5):
        await ledger.create(f"bc-ledger-000000000{number}", {}, {})
    server.faults["GET"] += [lambda _: None, lambda _: status(410, "Expired")]
    assert [secret.name[-1] for secret in await ledger.list()] == list("01234")


async def test_no_record_shows_its_data(ledger: LedgerSecretStore) -> None:
    made = await ledger.create(NAME, {"request": b"hidden-user-data"}, {})
    assert "hidden" not in repr(made)
