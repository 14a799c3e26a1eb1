"""Inputs before the command, outputs after it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from hashlib import sha256

import pytest

from batchcompute.mailbox.definition import Definition, DeliverWhen, Input, Output, Redirect
from batchcompute.mailbox.inbound import OutputState, Reason
from batchcompute.mailbox.records import Deadlines
from tests.support.bucket import Request
from tests.support.runner import ATTEMPT, DATA, LAYOUT, RID, USER, WS, Host, wait_for

MIB = 1024 * 1024
URL = f"http://{DATA}"


def copying(command: str, **changes: object) -> Definition:
    task = Definition(
        command,
        inputs=(Input(URL, "in/", "in", "user"),),
        outputs=(Output("out", URL, "out/", "user"),),
        data={"user": USER},
        part_mib=1,
    )
    return replace(task, **changes)  # type: ignore[arg-type]


def test_inputs_become_outputs(host: Host) -> None:
    for number in range(30):
        host.bucket.put(DATA, f"in/deep/er/{number:02d} ä.txt", b"%d\n" % number)
    host.bucket.put(DATA, "in/", b"")
    host.bucket.put(DATA, "in/empty/", b"")
    host.bucket.put(DATA, "other", b"not asked for")
    host.direct(copying("test -d in/empty && mkdir out/sub && cat in/deep/er/* > out/sub/all"))
    result = host.finish()
    assert result.reason is Reason.COMPLETED, result.message
    expected = b"".join(b"%d\n" % number for number in range(30))
    assert host.bucket.under(DATA, "out/") == {"out/sub/all": expected}
    assert (result.outputs.state, result.outputs.files) == (OutputState.DELIVERED, 1)
    assert result.outputs.bytes == len(expected)


def test_more_than_one_page_of_inputs(host: Host) -> None:
    for number in range(1005):
        host.bucket.put(DATA, f"in/{number:04d}", b"x")
    host.direct(copying("ls in | wc -l > out/count", workers=8))
    assert host.finish(60).reason is Reason.COMPLETED
    assert host.bucket.get(DATA, "out/count") == b"1005\n"


def test_large_files_go_in_parts_and_arrive_whole(host: Host) -> None:
    host.direct(copying("head -c 5500000 /dev/urandom | tee out/big | sha256sum", inputs=()))
    result = host.finish()
    assert result.reason is Reason.COMPLETED, result.message
    body = host.bucket.get(DATA, "out/big") or b""
    assert sha256(body).hexdigest() == host.stream("out").split()[0].decode()
    parts = [request for request in host.bucket.requests if "partNumber" in request.params]
    assert [len(request.body) for request in parts] == [MIB] * 5 + [5_500_000 - 5 * MIB]


def test_outputs_and_manifest_are_there_before_done(host: Host) -> None:
    host.direct(copying("echo a > out/a; echo bb > out/b", inputs=()))
    result = host.finish()
    order = host.order()
    wanted = [f"live/{RID}.2", "out/b", f"{ATTEMPT}manifest.json"]
    wanted += [f"{ATTEMPT}result.json", f"done/{RID}"]
    assert [key for key in order if key in wanted] == wanted
    body = host.bucket.get(WS, LAYOUT.manifest(ATTEMPT)) or b""
    assert sha256(body).hexdigest() == result.outputs.manifestSha
    manifest = json.loads(body)
    assert [(file["key"], file["size"]) for file in manifest["files"]] == [
        ("out/a", 2),
        ("out/b", 3),
    ]
    assert not manifest["cut"]


@pytest.mark.parametrize(
    ("when", "delivered"),
    [
        pytest.param(DeliverWhen.ALWAYS, {"out/a": b"a\n"}, id="always"),
        pytest.param(DeliverWhen.ON_SUCCESS, {}, id="only on success"),
    ],
)
def test_a_failed_commands_outputs(
    host: Host, when: DeliverWhen, delivered: dict[str, bytes]
) -> None:
    outputs = (Output("out", URL, "out/", "user", when),)
    host.direct(copying("echo a > out/a; exit 3", inputs=(), outputs=outputs))
    result = host.finish()
    assert (result.reason, result.exit and result.exit.code) == (Reason.NON_ZERO_EXIT, 3)
    assert host.bucket.under(DATA, "out/") == delivered


def test_outputs_that_do_not_arrive_fail_the_attempt_and_keep_the_code(host: Host) -> None:
    outputs = (
        Output("out", URL, "out/", "user"),
        Output("more", URL, "more/", "nobody"),
    )
    host.direct(copying("echo a > out/a; echo b > more/b", inputs=(), outputs=outputs))
    result = host.finish()
    assert result.reason is Reason.OUTPUTS_FAILED
    assert result.message == "output b: no keys named nobody"
    assert result.exit is not None and result.exit.code == 0
    assert result.outputs.state is OutputState.PARTIAL
    assert host.bucket.get(DATA, "out/a") == b"a\n"


def test_the_upload_deadline_ends_a_delivery(host: Host) -> None:
    host.bucket.fault = lambda request: "503" if request.key == "out/a" else None
    host.direct(copying("echo a > out/a", inputs=()), Deadlines(30, 30, 2, 1))
    result = host.finish()
    assert result.reason is Reason.OUTPUTS_FAILED
    assert result.message == "output a: delivery took longer than 2 s"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            Input("http://gone-1250000000.cos.ap-guangzhou.myqcloud.com", "in/", "in", "wrong"),
            "403 InvalidAccessKeyId",
            id="keys that are unknown",
        ),
        pytest.param(Input(URL, "bad/", "in", "user"), "leave its folder", id="a key with dots"),
    ],
)
def test_an_input_that_cannot_be_read_is_told_at_once(
    host: Host, source: Input, message: str
) -> None:
    host.bucket.put(DATA, "bad/a/../../../etc/passwd", b"x")
    keys = {"user": USER, "wrong": replace(USER, secret_id="unknown")}
    host.direct(copying("true", inputs=(source,), data=keys))
    result = host.finish(10)
    assert result.reason is Reason.SETUP_FAILED
    assert message in result.message
    assert result.exit is None
    assert host.running() is None


def test_set_up_that_takes_too_long_is_told(host: Host) -> None:
    host.bucket.put(DATA, "in/a", b"x")
    host.bucket.fault = lambda request: "503" if request.key == "in/a" else None
    host.direct(copying("true"), Deadlines(2, 30, 30, 1))
    result = host.finish()
    assert (result.reason, result.message) == (
        Reason.SETUP_FAILED,
        "set-up took longer than 2 s",
    )


def test_faults_in_every_data_reply_lose_nothing(host: Host) -> None:
    def fault(request: Request) -> str | None:
        return ("503", "lost")[len(request.key) % 2] if request.nth == 1 else None

    host.bucket.fault = fault
    for number in range(5):
        host.bucket.put(DATA, f"in/{'x' * number}", b"%d" % number)
    host.direct(copying("cp in/* out/; head -c 2500000 /dev/zero > out/big"))
    result = host.finish(60)
    assert result.reason is Reason.COMPLETED, result.message
    found = host.bucket.under(DATA, "out/")
    assert len(found.pop("out/big")) == 2_500_000
    assert found == {f"out/{'x' * number}": b"%d" % number for number in range(1, 5)}


def test_ended_data_keys_are_waited_for(host: Host) -> None:
    old = replace(USER, token="old", expires=time.time() - 10)
    host.bucket.keys["NEW"] = "new-key"
    host.bucket.put(DATA, "in/a", b"x")

    def fault(request: Request) -> str | None:
        ended = request.host == DATA and request.headers.get("x-cos-security-token") == "old"
        return "403" if ended else None

    host.bucket.fault = fault
    host.direct(copying("cp in/a out/a", data={"user": old}))
    host.start()
    wait_for("a refusal", lambda: any(r.host == DATA for r in host.bucket.requests))
    new = replace(USER, secret_id="NEW", secret_key="new-key", token="new", expires=None)
    host.renew(86400, data={"user": new})
    result = host.result()
    assert result.reason is Reason.COMPLETED, result.message
    assert host.bucket.get(DATA, "out/a") == b"x"


def test_redirects_hold_the_whole_stream_under_the_filled_in_name(host: Host) -> None:
    name = "logs/${BATCH_JOB_ID}.${BATCH_TASK_INSTANCE_INDEX}.log"
    redirects = (Redirect("out", URL, name, "user"),)
    command = "head -c 2500000 /dev/zero; sleep 2.5; exit 3"
    host.direct(copying(command, inputs=(), outputs=(), redirects=redirects))
    result = host.finish()
    assert (result.reason, result.exit and result.exit.code) == (Reason.NON_ZERO_EXIT, 3)
    assert len(host.bucket.get(DATA, "logs/12345678-90ab.3.log") or b"") == 2_500_000
    assert host.stream("out") == host.bucket.get(DATA, "logs/12345678-90ab.3.log")
    first = LAYOUT.log(ATTEMPT, "out", 0)
    assert len(host.bucket.history(WS, first)) == 1, "a sealed segment is written once"


def test_a_retry_starts_from_a_clean_work_folder(host: Host) -> None:
    work = host.state / "work/0"
    work.mkdir(parents=True)
    (work / "left").write_text("over")
    host.direct(Definition("ls -A"))
    host.finish()
    assert host.stream("out") == b""
    assert os.listdir(work) == []


def test_one_unreadable_input_ends_the_download_of_the_others(host: Host) -> None:
    for number in range(200):
        host.bucket.put(DATA, f"in/{number:03d}", b"x")

    def fault(request: Request) -> str | None:
        return "403" if request.key == "in/000" else None

    host.bucket.fault = fault
    host.direct(copying("true", workers=2))
    result = host.finish()
    assert result.reason is Reason.SETUP_FAILED
    assert "in/000: 403 AccessDenied" in result.message
    reads = [request for request in host.bucket.requests if request.key.startswith("in/")]
    assert len(reads) < 100
