"""The client against a server that fails in every way a server can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from batchcompute.kube import errors
from batchcompute.kube.client import Client
from batchcompute.kube.config import ClusterConfig
from batchcompute.kube.resources import JOBS, NAMESPACES
from batchcompute.runtime.metrics import Metrics
from tests.component.kube.conftest import QuickClock
from tests.support.apiserver import FakeApiServer, status

JOBS_OF_A = JOBS.path("a")
Act = Callable[[Client], Awaitable[Any]]


def job(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "a", "name": name}, **more}


def cut(request: web.Request) -> web.StreamResponse | None:
    """Close the connection before anything is done."""
    assert request.transport
    request.transport.close()
    return web.Response()


async def get(client: Client) -> Any:
    return await client.get(JOBS, "a", "x")


async def create(client: Client) -> Any:
    return await client.create(JOBS, job("y"))


REFUSALS = {
    "a missing object": (get, 404, "NotFound", errors.NotFound),
    "a name that is taken": (create, 409, "AlreadyExists", errors.AlreadyExists),
    "a lost race": (create, 409, "Conflict", errors.Conflict),
    "a broken object": (create, 422, "Invalid", errors.Invalid),
    "a bad request": (create, 400, "BadRequest", errors.Invalid),
    "no right": (create, 403, "Forbidden", errors.Forbidden),
    "no account": (get, 401, "Unauthorized", errors.Forbidden),
    "an old resourceVersion": (get, 410, "Expired", errors.Gone),
    "a code nobody planned for": (create, 418, "Teapot", errors.ApiError),
}


@pytest.mark.parametrize(
    ("act", "code", "reason", "expected"), REFUSALS.values(), ids=REFUSALS.keys()
)
async def test_refusals_are_told_apart_and_not_repeated(
    server: FakeApiServer,
    client: Client,
    act: Act,
    code: int,
    reason: str,
    expected: type[errors.ApiError],
) -> None:
    method = "GET" if act is get else "POST"
    server.faults[method].append(lambda _: status(code, reason, "spec.x: wrong"))
    with pytest.raises(expected) as caught:
        await act(client)
    assert type(caught.value) is expected
    assert (caught.value.code, caught.value.reason) == (code, reason)
    assert "spec.x: wrong" in str(caught.value)
    assert len(server.calls) == 1


READS = {
    "a read survives a server error": status(500, "InternalError"),
    "a read survives a proxy's page": web.Response(status=502, text="<html>bad gateway"),
}


@pytest.mark.parametrize("answer", READS.values(), ids=READS.keys())
async def test_reads_are_repeated(
    server: FakeApiServer, client: Client, answer: web.Response
) -> None:
    server.put(JOBS_OF_A, "x")
    body, code, kind = answer.body, answer.status, answer.content_type

    def broken(_: web.Request) -> web.Response:
        return web.Response(status=code, body=body, content_type=kind)

    server.faults["GET"] += [broken, cut, broken]
    assert (await client.get(JOBS, "a", "x"))["metadata"]["name"] == "x"
    assert len(server.calls) == 4


async def test_a_read_gives_up_after_five_tries(server: FakeApiServer, client: Client) -> None:
    server.faults["GET"] += [cut] * 9
    with pytest.raises(aiohttp.ClientError):
        await client.get(JOBS, "a", "x")
    assert len(server.calls) == 5


async def test_a_write_whose_answer_is_lost_is_unknown_and_not_sent_again(
    server: FakeApiServer, client: Client
) -> None:
    server.lose = 1
    with pytest.raises(errors.OutcomeUnknown):
        await client.create(JOBS, job("y"))
    assert (JOBS_OF_A, "y") in server.objects
    assert len(server.calls) == 1


async def test_a_swap_whose_answer_is_lost_is_not_repeated_on_the_used_connection(
    server: FakeApiServer, client: Client
) -> None:
    body = server.put(JOBS_OF_A, "x", spec={"n": 1})
    await client.get(JOBS, "a", "x")
    server.lose = 1
    with pytest.raises(errors.OutcomeUnknown):
        await client.replace(JOBS, body)
    assert [method for method, _ in server.calls] == ["GET", "PUT"]


async def test_a_server_error_in_a_write_is_unknown_too(
    server: FakeApiServer, client: Client
) -> None:
    server.faults["POST"].append(lambda _: status(500, "InternalError", "etcd: timed out"))
    with pytest.raises(errors.OutcomeUnknown):
        await client.create(JOBS, job("y"))
    assert len(server.calls) == 1


async def test_429_is_waited_out_as_long_as_the_server_says(
    server: FakeApiServer, client: Client, clock: QuickClock
) -> None:
    server.faults["POST"] += [
        lambda _: status(429, "TooManyRequests", headers={"Retry-After": "3"}),
        lambda _: status(429, "TooManyRequests"),
    ]
    await client.create(JOBS, job("y"))
    assert clock.slept[0] == 3.0
    assert 0.0 < clock.slept[1] <= 0.4
    assert len(server.calls) == 3


async def test_429_without_end_is_an_error_of_its_own(
    server: FakeApiServer, client: Client
) -> None:
    server.faults["POST"] += [lambda _: status(429, "TooManyRequests")] * 20
    with pytest.raises(errors.TooManyRequests):
        await client.create(JOBS, job("y"))
    assert len(server.calls) == 8


async def test_a_write_that_found_no_server_is_not_unknown(clock: QuickClock) -> None:
    async with Client(ClusterConfig("http://127.0.0.1:9"), clock) as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.create(JOBS, job("y"))
    assert len(clock.slept) == 4


async def test_preconditions(server: FakeApiServer, client: Client) -> None:
    old = server.put(JOBS_OF_A, "x", spec={"n": 1})
    new = await client.merge_patch(
        JOBS, "a", "x", {"status": {"p": 1}}, subresource="status", uid=old["metadata"]["uid"]
    )
    stale = old["metadata"]["resourceVersion"]
    with pytest.raises(errors.Conflict):
        await client.merge_patch(JOBS, "a", "x", {"status": {"p": 2}}, resource_version=stale)
    with pytest.raises(errors.Conflict):
        await client.replace(JOBS, old)
    with pytest.raises(errors.Conflict):
        await client.delete(JOBS, "a", "x", uid="another")
    await client.replace(JOBS, new)
    await client.delete(JOBS, "a", "x", uid=new["metadata"]["uid"])
    assert server.objects == {}


async def test_pages_are_read_to_the_end(server: FakeApiServer, client: Client) -> None:
    for number in range(7):
        server.put(JOBS_OF_A, f"j{number}")
    pages = [page async for page in client.pages(JOBS, limit=3)]
    assert [len(page.items) for page in pages] == [3, 3, 1]


async def test_requests_are_counted_by_verb_resource_and_code(server: FakeApiServer) -> None:
    metrics = Metrics()
    server.put(JOBS_OF_A, "x")
    async with Client(server.config, QuickClock(), metrics=metrics) as client:
        await client.get(JOBS, "a", "x")
        with pytest.raises(errors.NotFound):
            await client.get(JOBS, "a", "nothing")
    count = metrics.registry.get_sample_value
    for code in ("200", "404"):
        labels = {"verb": "get", "resource": "jobs", "code": code}
        assert count("rest_client_requests_total", labels) == 1


async def test_the_servers_date_reaches_the_clock(server: FakeApiServer) -> None:
    dates: list[float] = []

    class Dated(QuickClock):
        def observe_server_date(self, date: float, sent: float, received: float) -> None:
            dates.append(date)

    async with Client(server.config, Dated()) as client:
        with pytest.raises(errors.NotFound):
            await client.get(JOBS, "a", "x")
    assert dates[0] > 1_700_000_000


PATHS = {
    "a namespaced object": (
        JOBS.path("a", "x"),
        "/apis/batchcompute.io/v1alpha1/namespaces/a/jobs/x",
    ),
    "all namespaces": (JOBS.path(), "/apis/batchcompute.io/v1alpha1/jobs"),
    "a status": (
        JOBS.path("a", "x", "status"),
        "/apis/batchcompute.io/v1alpha1/namespaces/a/jobs/x/status",
    ),
    "a core object": (NAMESPACES.path(name="a"), "/api/v1/namespaces/a"),
    "a name that is no path": (NAMESPACES.path(name="../x"), "/api/v1/namespaces/..%2Fx"),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.values(), ids=PATHS.keys())
def test_paths(path: str, expected: str) -> None:
    assert path == expected
