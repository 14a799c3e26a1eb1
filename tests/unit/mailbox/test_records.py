from __future__ import annotations

import json

import pytest

from batchcompute.cloud.credential import Credential
from batchcompute.mailbox.definition import Definition, DeliverWhen, Input, Output, Redirect
from batchcompute.mailbox.grants import Grant, RunSignatures
from batchcompute.mailbox.records import (
    Box,
    Cancel,
    Deadlines,
    Directory,
    DirSlot,
    DirState,
    RecordTooLargeError,
    Run,
    RunnerUpdate,
    SlotKind,
)
from batchcompute.mailbox.signing import KeyTime

L = "0000000001-aaaaaa"
HOST = "https://ws-1250000000.cos.ap-guangzhou.myqcloud.com"
SIG = RunSignatures(
    live=("l0", "l1", "l2"),
    done="d",
    start="s",
    start_get="g",
    result="r",
    manifest="m",
    out=("o",) * 16,
    err=("e",) * 16,
)
RUN = Run(
    0,
    "jobs/n/j.12345678/t/0/0/",
    "t1",
    {"BATCH_B": "2", "BATCH_A": "1"},
    Deadlines(1, 2, 3, 4),
    SIG,
)
PUT = Grant("P", KeyTime(1, 2))
GET = Grant("G", KeyTime(3, 4), "token")
DEFINITION = Definition(
    "echo hi",
    env={"B": "2", "A": "1"},
    inputs=(Input(HOST, "in/", "/data/in", "a"),),
    outputs=(Output("/data/out", HOST, "out/", "a", DeliverWhen.ON_SUCCESS),),
    redirects=(Redirect("out", HOST, "logs/stdout.${BATCH_JOB_ID}.log", "a"),),
    data={"a": Credential("AK", "sk", "tok", expires=9.5)},
)


def slot(number: int) -> DirSlot:
    mid = f"{L}-{number:03d}"
    return DirSlot(f"ins-{number:08d}", mid, SlotKind.RUN, "boxsig", RUN)


def directory(slots: list[DirSlot], tasks: dict[str, Definition]) -> Directory:
    return Directory(L, DirState.BOUND, HOST, PUT, GET, 15, tasks, slots)


def test_a_directory_reads_as_section_six_says() -> None:
    whole = json.loads(directory([slot(0)], {"t1": DEFINITION}).encode())
    assert list(whole) == [
        "v", "launch", "state", "host", "put", "get", "beat", "tasks", "slots",
    ]  # fmt: skip
    assert (whole["v"], whole["launch"], whole["state"]) == (1, L, "Bound")
    assert whole["put"] == {"ak": "P", "keyTime": "1;2"}
    assert whole["get"] == {"ak": "G", "keyTime": "3;4", "token": "token"}
    [(instance, entry)] = whole["slots"].items()
    assert instance == "ins-00000000"
    assert {name: entry[name] for name in ("mid", "kind", "boxGet")} == {
        "mid": f"{L}-000", "kind": "run", "boxGet": "boxsig",
    }  # fmt: skip
    assert entry["run"] == {
        "n": 0,
        "A": "jobs/n/j.12345678/t/0/0/",
        "tkey": "t1",
        "env": {"BATCH_A": "1", "BATCH_B": "2"},
        "deadlines": {"setup": 1, "command": 2, "upload": 3, "grace": 4},
        "gang": False,
        "sig": json.loads(json.dumps(SIG.as_json())),
    }


def test_a_definition_reads_as_its_module_says() -> None:
    whole = json.loads(directory([], {"t1": DEFINITION}).encode())["tasks"]["t1"]
    assert whole == {
        "command": "echo hi",
        "env": {"A": "1", "B": "2"},
        "inputs": [
            {"host": HOST, "prefix": "in/", "path": "/data/in", "mode": "Copy", "credential": "a"}
        ],
        "outputs": [
            {
                "path": "/data/out",
                "host": HOST,
                "prefix": "out/",
                "when": "OnSuccess",
                "credential": "a",
            }
        ],
        "redirects": [
            {
                "stream": "out",
                "host": HOST,
                "key": "logs/stdout.${BATCH_JOB_ID}.log",
                "credential": "a",
            }
        ],
        "workers": 4,
        "partSize": 16 * 1024 * 1024,
        "data": {"a": {"ak": "AK", "key": "sk", "token": "tok", "expires": 9}},
    }


def test_the_order_of_inputs_does_not_change_a_byte() -> None:
    other = Definition("echo hi", env={"A": "1", "B": "2"})
    same = Definition("echo hi", env={"B": "2", "A": "1"})
    one = directory([slot(0), slot(1)], {"t1": other, "t2": DEFINITION}).encode()
    two = directory([slot(1), slot(0)], {"t2": DEFINITION, "t1": same}).encode()
    assert one == two


def test_an_empty_box_says_only_who_and_which() -> None:
    assert json.loads(Box("m", 1).encode()) == {"v": 1, "mid": "m", "rev": 1}


def test_a_full_box_reads_as_section_six_says() -> None:
    box = Box(
        "m",
        7,
        go=["10.0.0.1", "10.0.0.2"],
        cancel=Cancel(0, "Terminated"),
        drain=True,
        runner=RunnerUpdate("ab", "sig"),
        put=PUT,
        get=GET,
        box_get="bg",
        data={"a": Credential("AK", "sk")},
        run=RUN,
        task=DEFINITION,
    )
    whole = json.loads(box.encode())
    assert list(whole) == [
        "v", "mid", "rev", "go", "cancel", "drain", "runner", "put", "get", "boxGet", "data", "run",
        "task",
    ]  # fmt: skip
    assert whole["go"] == {"hosts": ["10.0.0.1", "10.0.0.2"]}
    assert whole["cancel"] == {"n": 0, "reason": "Terminated"}
    assert whole["data"] == {"a": {"ak": "AK", "key": "sk"}}


def test_a_record_over_its_limit_is_refused_without_its_content() -> None:
    with pytest.raises(RecordTooLargeError, match=f"dir of {L}: ") as caught:
        directory([], {"t": Definition("secret" * 2_000_000)}).encode()
    assert "secret" not in str(caught.value)
    with pytest.raises(RecordTooLargeError, match="at most 65536"):
        Box("m", 1, go=["10.0.0.1"] * 10_000).encode()


def test_no_secret_is_printed() -> None:
    text = repr(directory([slot(0)], {"t1": DEFINITION})) + repr(DEFINITION)
    for secret in ("sk'", "tok'", "'A'"):
        assert secret not in text
