"""The same code against a real API server: what only it can say."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from batchcompute.kube import errors
from batchcompute.kube.client import Client
from batchcompute.kube.config import from_kubeconfig
from batchcompute.kube.events import EventRecorder, Regarding
from batchcompute.kube.informer import Informer
from batchcompute.kube.ledger_store import LedgerSecretStore
from batchcompute.kube.resources import CONFIG_MAPS, EVENTS, LEASES, NAMESPACES, SECRETS
from batchcompute.kube.secrets import SecretReader
from batchcompute.ledger import store
from batchcompute.ledger.codec import FINALIZER
from batchcompute.runtime.clock import SystemClock
from batchcompute.runtime.leader import Elector
from dev.cluster.cluster import Cluster
from tests.support.eventually import eventually


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Client]:
    async with Client(from_kubeconfig(cluster.kubeconfig), SystemClock()) as client:
        yield client


@pytest.fixture
async def namespace(api: Client) -> AsyncIterator[str]:
    name = f"kube-{uuid.uuid4().hex[:8]}"
    await api.create(NAMESPACES, {"metadata": {"name": name}})
    yield name
    await api.delete(NAMESPACES, None, name)


def config_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, "data": data}


async def test_every_refusal_has_its_type(api: Client, namespace: str) -> None:
    made = await api.create(CONFIG_MAPS, config_map(namespace, "x", a="1"))
    with pytest.raises(errors.AlreadyExists):
        await api.create(CONFIG_MAPS, config_map(namespace, "x"))
    with pytest.raises(errors.NotFound):
        await api.get(CONFIG_MAPS, namespace, "y")
    with pytest.raises(errors.Invalid, match=r"metadata\.name"):
        await api.create(CONFIG_MAPS, config_map(namespace, "X!"))
    with pytest.raises(errors.Invalid, match=r"unknown field .*bogus"):
        bad = {**config_map(namespace, "z"), "bogus": 1}
        await api.create(CONFIG_MAPS, bad, strict=True)
    changed = await api.merge_patch(CONFIG_MAPS, namespace, "x", {"data": {"a": "2"}})
    with pytest.raises(errors.Conflict):
        await api.replace(CONFIG_MAPS, made)
    impostor = {**changed, "metadata": {**changed["metadata"], "uid": "another"}}
    with pytest.raises(errors.Conflict):
        await api.replace(CONFIG_MAPS, impostor)
    stale = made["metadata"]["resourceVersion"]
    with pytest.raises(errors.Conflict):
        await api.merge_patch(CONFIG_MAPS, namespace, "x", {"data": {}}, resource_version=stale)
    with pytest.raises(errors.Conflict):
        await api.merge_patch(CONFIG_MAPS, namespace, "x", {"data": {}}, uid="another")
    with pytest.raises(errors.Conflict):
        await api.delete(CONFIG_MAPS, namespace, "x", resource_version=stale)
    with pytest.raises(errors.Invalid):
        await api.json_patch(
            CONFIG_MAPS, namespace, "x", [{"op": "test", "path": "/data/a", "value": "1"}]
        )
    await api.delete(CONFIG_MAPS, namespace, "x", uid=changed["metadata"]["uid"])


async def test_the_informer_lists_in_pages_follows_and_notices_deletions(
    api: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchcompute.kube.informer.PAGE", 3)
    for number in range(7):
        await api.create(CONFIG_MAPS, config_map(namespace, f"c{number}", n=str(number)))
    informer: Informer[str] = Informer(
        api,
        CONFIG_MAPS,
        lambda body: str(body["data"]["n"]),
        clock=SystemClock(),
        changed=lambda *_: None,
        namespace=namespace,
        field_selector="metadata.name!=kube-root-ca.crt",
    )
    task = asyncio.create_task(informer.run())
    await asyncio.wait_for(informer.synced.wait(), 10)
    assert len(informer) == 7
    await api.delete(CONFIG_MAPS, namespace, "c0")
    body = await api.merge_patch(CONFIG_MAPS, namespace, "c1", {"data": {"n": "changed"}})
    informer.put(body)
    await api.create(CONFIG_MAPS, config_map(namespace, "d", n="new"))
    expected = {"changed", "new", *"23456"}
    await eventually(lambda: {v for _, v in informer.items()} == expected, "all changes")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_ledger_secret_from_creation_to_its_end(api: Client, namespace: str) -> None:
    ledger = LedgerSecretStore(api, namespace)
    made = await ledger.create("bc-ledger-0000000001", {"record": b"\x00\xff"}, {"kind": "lead"})
    assert (made.data, made.labels, made.finalizers) == (
        {"record": b"\x00\xff"},
        {"kind": "lead"},
        (FINALIZER,),
    )
    assert made == await ledger.get("bc-ledger-0000000001")
    with pytest.raises(store.AlreadyExists):
        await ledger.create("bc-ledger-0000000001", {}, {})
    bound = await ledger.replace(replace(made, data={"record": b"bound"}))
    with pytest.raises(store.Conflict):
        await ledger.replace(replace(made, data={"record": b"other"}))
    await api.create(SECRETS, {"metadata": {"namespace": namespace, "name": "a-users-own"}})
    assert await ledger.list() == [bound]
    with pytest.raises(store.Conflict):
        await ledger.delete(bound.name, "another-uid")
    await api.delete(SECRETS, namespace, bound.name)
    (left,) = await ledger.list()
    assert left.deleting  # removed by hand: the finalizer keeps it
    await ledger.delete(bound.name, bound.uid)
    await ledger.delete(bound.name, bound.uid)
    assert await ledger.list() == []
    with pytest.raises(store.NotFound):
        await ledger.get(bound.name)
    with pytest.raises(store.NotFound):
        await ledger.replace(bound)


async def test_of_two_electors_one_leads_and_hands_over(api: Client, namespace: str) -> None:
    clock = SystemClock()
    options = {"clock": clock, "renew_seconds": 0.1}
    one = Elector(api, namespace, "op", "one", **options)  # type: ignore[arg-type]
    two = Elector(api, namespace, "op", "two", **options)  # type: ignore[arg-type]
    await one.acquire()
    waiting = asyncio.create_task(two.acquire())
    lost: list[str] = []
    keeping = asyncio.create_task(one.keep(lost.append))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await one.release()
    await asyncio.wait_for(waiting, 5)
    assert not lost
    lease = await api.get(LEASES, namespace, "op")
    assert lease["spec"]["holderIdentity"] == "two"


async def test_an_event_and_its_series_are_taken(api: Client, namespace: str) -> None:
    owner = await api.create(CONFIG_MAPS, config_map(namespace, "x"))
    recorder = EventRecorder(api, instance="op-0", clock=SystemClock())
    again = EventRecorder(api, instance="op-0", clock=SystemClock())
    about = Regarding(CONFIG_MAPS, namespace, "x", owner["metadata"]["uid"])
    tasks = [asyncio.create_task(one.run()) for one in (recorder, again)]
    for one in (recorder, again):
        one.record(about, "Waiting", "no stock", kind="Warning")
        async with asyncio.timeout(10):
            while one._series[next(iter(one._series))].told_count == 0:
                await asyncio.sleep(0.01)
    events = (await api.page(EVENTS, namespace)).items
    mine = [event for event in events if event["regarding"].get("name") == "x"]
    assert [(event["reason"], event["series"]["count"]) for event in mine] == [("Waiting", 2)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_missing_secret_wakes_its_waiter_within_two_seconds_of_its_creation(
    api: Client, namespace: str
) -> None:
    woken: list[object] = []
    reader = SecretReader(api, woken.append, clock=SystemClock())
    task = asyncio.create_task(reader.run())
    assert await reader.read(namespace, "tencent", waiter="job") is None
    body = {"metadata": {"namespace": namespace, "name": "tencent"}, "stringData": {"k": "v"}}
    await api.create(SECRETS, body)
    await eventually(lambda: woken == ["job"], "woken", seconds=2.0)
    assert await reader.read(namespace, "tencent") == {"k": b"v"}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_clock_follows_the_real_servers_date(cluster: Cluster) -> None:
    clock = SystemClock()
    async with Client(from_kubeconfig(cluster.kubeconfig), clock) as client:
        await client.version()
        assert clock._observed
        assert clock._high - clock._low <= 1.5
