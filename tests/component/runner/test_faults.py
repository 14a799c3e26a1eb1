"""A mailbox that fails: nothing is lost, nothing runs twice (R14)."""

from __future__ import annotations

import time

import pytest

from batchcompute.mailbox.definition import Definition
from batchcompute.mailbox.inbound import Reason
from tests.support.bucket import Request
from tests.support.runner import ATTEMPT, LAYOUT, MID, RID, WS, Host, wait_for


@pytest.mark.parametrize("kind", ["503", "lost"])
def test_each_keys_first_reply_fails(host: Host, kind: str) -> None:
    host.bucket.fault = lambda request: kind if request.nth == 1 else None
    host.direct(Definition(f"echo run >> {host.folder}/starts; echo hi; sleep 1.5; exit 3"))
    host.box(go=["10.0.0.1"])
    result = host.finish(40)
    assert (result.reason, result.exit and result.exit.code) == (Reason.NON_ZERO_EXIT, 3)
    assert host.stream("out") == b"hi\n"
    assert (host.folder / "starts").read_text() == "run\n"
    for key in (LAYOUT.start(ATTEMPT), LAYOUT.result(ATTEMPT), LAYOUT.done(RID)):
        assert len(host.bucket.history(WS, key)) == 1


def test_a_mailbox_that_is_away_stops_no_command(host: Host) -> None:
    host.direct(Definition("echo hi; sleep 1; exit 3"))
    host.start()
    wait_for("the command runs", host.running)
    host.bucket.fault = lambda request: "503"
    exit_file = host.state / "run/0/exit.json"
    wait_for("the command ends", exit_file.exists)
    time.sleep(1)
    assert host.bucket.get(WS, LAYOUT.done(RID)) is None
    host.bucket.fault = lambda request: None
    assert host.result(40).exit is not None
    assert host.stream("out") == b"hi\n"


def test_signatures_are_renewed_through_the_box(host: Host) -> None:
    """They live for five seconds; the command runs for nine."""
    host.granter = host.grants(5)
    host.direct(Definition("echo one; sleep 9; echo two"))
    host.start()
    wait_for("the command runs", host.running)
    for _ in range(4):
        time.sleep(2.5)
        host.renew(5)
    assert host.result().reason is Reason.COMPLETED
    assert host.stream("out") == b"one\ntwo\n"
    assert {beat.line.rev for beat in host.beats(1)} >= {0, 1, 2}
    assert all(status != 403 for status, _, _ in host.bucket.refused)


def test_writes_with_ended_signatures_wait_for_new_ones(host: Host) -> None:
    """The put signatures end, the box can still be read: at once it goes on."""
    host.direct(Definition("echo hi; sleep 3"))
    host.granter = host.grants(86400)
    host.start()
    wait_for("the command runs", host.running)
    host.granter = host.grants(1)
    long = host.grants(86400)
    host.box(
        put=host.granter.put_grant, run=host.run(), get=long.get_grant, box_get=long.box_get(MID)
    )
    wait_for("a refusal", lambda: any(code == "AccessDenied" for _, code, _ in host.bucket.refused))
    time.sleep(3)
    assert host.bucket.get(WS, LAYOUT.done(RID)) is None
    host.renew(86400)
    assert host.result(40).reason is Reason.COMPLETED
    assert host.stream("out") == b"hi\n"


def test_a_stale_box_is_not_taken_for_a_new_one(host: Host) -> None:
    host.direct(Definition("sleep 2"))
    host.box()
    host.box()
    newest = host.bucket.get(WS, LAYOUT.box(MID)) or b""
    host.start()
    wait_for("revision 2", lambda: any(b.line.rev == 2 for b in host.beats(0) + host.beats(1)))
    host.rev = 0
    host.cancel()
    assert host.result().reason is Reason.COMPLETED
    assert newest


def test_an_unchanged_box_is_not_sent_again(host: Host) -> None:
    host.direct(Definition("sleep 3"))
    host.box()
    host.finish()
    reads = [request for request in host.bucket.requests if request.key == LAYOUT.box(MID)]
    assert len(reads) >= 3
    assert all("if-none-match" in request.headers for request in reads[1:])


def test_a_directory_that_comes_late_is_waited_for(host: Host) -> None:
    def fault(request: Request) -> str | None:
        return "503" if "/dir/" in request.key and request.nth == 1 else None

    host.bucket.fault = fault
    host.start()
    wait_for(
        "the runner asks",
        lambda: any("/dir/" in request.key for request in host.bucket.requests),
    )
    host.direct(Definition("echo hi"))
    assert host.result().reason is Reason.COMPLETED
