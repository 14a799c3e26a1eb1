"""The informer keeps a true cache through everything a watch can do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from batchcompute.kube import informer as module
from batchcompute.kube.client import Client
from batchcompute.kube.informer import Informer, Key
from batchcompute.kube.resources import JOBS
from batchcompute.runtime.metrics import Metrics
from tests.component.kube.conftest import QuickClock
from tests.support.apiserver import FakeApiServer, status
from tests.support.eventually import eventually

HERE = JOBS.path("a")
Change = tuple[str, int | None, int | None]


class Rig:
    def __init__(self, client: Client, clock: QuickClock) -> None:
        self.changes: list[Change] = []
        self.metrics = Metrics()
        self.informer: Informer[int] = Informer(
            client,
            JOBS,
            lambda body: int(body["spec"]["n"]),
            clock=clock,
            changed=lambda key, old, new: self.changes.append((key.name, old, new)),
            metrics=self.metrics,
        )

    @property
    def values(self) -> dict[str, int]:
        return {key.name: value for key, value in self.informer.items()}


@pytest.fixture
async def rig(server: FakeApiServer, client: Client, clock: QuickClock) -> AsyncIterator[Rig]:
    for name in ("x", "y", "z"):
        server.put(HERE, name, spec={"n": 1})
    rig = Rig(client, clock)
    task = asyncio.create_task(rig.informer.run())
    await asyncio.wait_for(rig.informer.synced.wait(), 5)
    await eventually(lambda: server.watchers, "the watch is open")
    yield rig
    assert not task.done(), task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_lists_then_follows_every_change(server: FakeApiServer, rig: Rig) -> None:
    assert rig.values == {"x": 1, "y": 1, "z": 1}
    server.put(HERE, "x", spec={"n": 2})
    server.remove(HERE, "y")
    server.put(HERE, "w", spec={"n": 9})
    await eventually(lambda: rig.values == {"x": 2, "z": 1, "w": 9}, "changes followed")
    assert rig.changes[3:] == [("x", 1, 2), ("y", 1, None), ("w", None, 9)]


def error_line(code: int) -> bytes:
    body = {"kind": "Status", "code": code, "reason": "Expired" if code == 410 else "Internal"}
    return json.dumps({"type": "ERROR", "object": body}).encode() + b"\n"


BREAKS = {
    "the history is compacted while the watch is down (410 on open)": lambda s: (
        s.compact(),
        s.cut(),
    ),
    "an ERROR event 410": lambda s: s.say(error_line(410)),
    "an ERROR event 500": lambda s: s.say(error_line(500)),
    "a line that is no JSON": lambda s: s.say(b"}garbage{\n"),
    "a line that is no event": lambda s: s.say(b'{"type": "ADDED"}\n'),
}


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS.keys())
async def test_what_was_deleted_unseen_is_found_by_the_relist(
    server: FakeApiServer, rig: Rig, broken: Any
) -> None:
    server.remove(HERE, "y", silently=True)
    broken(server)
    await eventually(lambda: rig.values == {"x": 1, "z": 1}, "the deletion is noticed")
    assert rig.changes[3:] == [("y", 1, None)]
    server.put(HERE, "x", spec={"n": 5})
    await eventually(lambda: rig.values["x"] == 5, "and the watch goes on")


async def test_a_half_line_is_dropped_and_the_change_comes_again(
    server: FakeApiServer, rig: Rig
) -> None:
    lists = [call for call in server.calls if call[1] == JOBS.path()]
    server.say(b'{"type": "MODIFIED", "object": {"metad')
    server.cut()
    server.put(HERE, "x", spec={"n": 3})
    await eventually(lambda: rig.values["x"] == 3, "the change arrives over the next watch")
    assert len(lists) == 2  # one list, one watch: a cut stream is no reason to list again
    assert (
        rig.metrics.registry.get_sample_value("informer_relists_total", {"resource": "jobs"}) == 1
    )


async def test_a_silent_watch_is_opened_again_without_a_list(
    server: FakeApiServer, client: Client, clock: QuickClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchcompute.kube.transport.WATCH_SILENCE_SECONDS", 0.05)
    rig = Rig(client, clock)
    task = asyncio.create_task(rig.informer.run())
    asked = ("GET", JOBS.path())
    await eventually(lambda: server.calls.count(asked) >= 4, "watched again and again")
    server.put(HERE, "x", spec={"n": 3})
    await eventually(lambda: rig.values == {"x": 3}, "and nothing is missed")
    count = rig.metrics.registry.get_sample_value
    assert count("informer_relists_total", {"resource": "jobs"}) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_line_in_many_pieces_is_one_event(server: FakeApiServer, rig: Rig) -> None:
    meta = {"namespace": "a", "name": "x", "resourceVersion": "900", "uid": "u"}
    event = {"type": "MODIFIED", "object": {"metadata": meta, "spec": {"n": 7}}}
    for byte in json.dumps(event).encode() + b"\n":
        server.say(bytes([byte]))
    await eventually(lambda: rig.values["x"] == 7, "the pieces are joined")


async def test_a_bookmark_moves_the_position_without_a_change(
    server: FakeApiServer, rig: Rig
) -> None:
    server.say(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"5000"}}}\n')
    server.cut()
    await eventually(lambda: server.calls.count(("GET", JOBS.path())) == 3, "watched again")
    assert len(rig.changes) == 3
    server.version = 5000
    server.put(HERE, "x", spec={"n": 4})
    await eventually(lambda: rig.values["x"] == 4, "from the bookmark on")


async def test_an_own_write_is_seen_at_once_and_its_echo_is_no_change(
    server: FakeApiServer, rig: Rig
) -> None:
    body = server.put(HERE, "x", spec={"n": 2})
    rig.informer.put(body)
    assert rig.values["x"] == 2
    server.put(HERE, "z", spec={"n": 3})
    await eventually(lambda: rig.values["z"] == 3, "the watch has gone past it")
    assert rig.changes[3:] == [("x", 1, 2), ("z", 1, 3)]


async def test_a_late_answer_brings_nothing_back(server: FakeApiServer, rig: Rig) -> None:
    body = server.put(HERE, "x", spec={"n": 2})
    server.remove(HERE, "x")
    await eventually(lambda: "x" not in rig.values, "deleted")
    rig.informer.put(body)
    assert "x" not in rig.values


async def test_an_old_answer_does_not_replace_a_newer_event(
    server: FakeApiServer, rig: Rig
) -> None:
    body = server.put(HERE, "x", spec={"n": 2})
    server.put(HERE, "x", spec={"n": 3})
    await eventually(lambda: rig.values["x"] == 3, "the newer one")
    rig.informer.put(body)
    assert rig.values["x"] == 3


async def test_an_object_that_cannot_be_read_blinds_nobody(
    server: FakeApiServer, rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    server.put(HERE, "x", spec={"n": "not a number"})
    server.put(HERE, "y", spec={"n": 6})
    await eventually(lambda: rig.values["y"] == 6, "the others go on")
    assert rig.values["x"] == 1
    assert "jobs a/x cannot be read" in caplog.text


async def test_a_list_cut_by_age_starts_again(
    server: FakeApiServer, client: Client, clock: QuickClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    for number in range(5):
        server.put(HERE, f"j{number}", spec={"n": number})
    server.faults["GET"] += [lambda _: None, lambda _: status(410, "Expired")]
    rig = Rig(client, clock)
    task = asyncio.create_task(rig.informer.run())
    await asyncio.wait_for(rig.informer.synced.wait(), 5)
    assert rig.values == {f"j{number}": number for number in range(5)}
    assert len(rig.changes) == 5
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_get_reads_one(rig: Rig) -> None:
    assert rig.informer.get(Key("a", "x")) == 1
    assert rig.informer.get(Key("a", "nothing")) is None
    assert len(rig.informer) == 3
