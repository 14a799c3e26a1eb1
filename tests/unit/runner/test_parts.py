"""The runner's pure parts."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcompute.cloud.credential import Credential
from batchcompute.mailbox.grants import Grant
from batchcompute.mailbox.signing import KeyTime, Signer
from batchcompute.runner import runner
from batchcompute.runner.runner import (
    CAPS,
    MIB,
    DataError,
    Reader,
    Segments,
    Slot,
    Tail,
    family,
    inside,
    presigned,
    reason_of,
)

HOST = "https://ws-1250000000.cos.ap-guangzhou.myqcloud.com"
SPAN = KeyTime(1_700_000_000, 1_700_001_200)


@pytest.mark.parametrize("token", [None, "tok+en/with=odd&signs~"])
@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("key", ["a/b.0", "a b/ä+&=%", "x~-_."])
def test_a_url_is_what_the_operator_would_have_presigned(
    token: str | None, once: bool, key: str
) -> None:
    signer = Signer.of(Credential("A/K", "sk", token), SPAN).presigner(HOST)
    grant = Grant("A/K", SPAN, token).as_json()
    signature = signer.signature("PUT", key, write_once=once)
    assert presigned(HOST, key, grant, signature, once) == signer.url("PUT", key, write_once=once)


def test_an_authorization_is_what_the_operator_would_have_signed() -> None:
    headers = {"host": "data.example", "content-md5": "a+b/=="}
    params = {"uploadId": "u/1", "partNumber": "7", "prefix": "ä b"}
    ours = runner.authorization(
        {"ak": "AK", "key": "sk"}, "PUT", "k/ä b", SPAN.start + 300, headers, params
    )
    theirs = Signer.of(Credential("AK", "sk"), SPAN).authorization("PUT", "k/ä b", headers, params)
    assert ours == theirs


def test_caps_are_those_of_section_six() -> None:
    assert [cap // MIB for cap in CAPS] == [1, 1, 1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024,
                                            2048, 4096]  # fmt: skip


OK = {"exit": {"code": 0, "signal": None, "oom": False}}


@pytest.mark.parametrize(
    ("ending", "stop", "expected"),
    [
        pytest.param(OK, None, "Completed", id="code 0"),
        pytest.param({"exit": {**OK["exit"], "code": 3}}, None, "NonZeroExit", id="code 3"),
        pytest.param(
            {"exit": {"code": None, "signal": 11, "oom": False}}, None, "Signal", id="a signal"
        ),
        pytest.param(
            {"exit": {"code": 137, "signal": None, "oom": True}}, None, "OutOfMemory",
            id="killed for memory",
        ),
        pytest.param(OK, "TimedOut", "TimedOut", id="code 0 after our TERM is no success"),
        pytest.param({"exit": {**OK["exit"], "code": 3}}, "Cancelled", "Cancelled", id="cancel"),
        pytest.param({"lost": "Rebooted"}, "TimedOut", "Rebooted", id="lost beats what we wanted"),
        pytest.param({"error": "no such folder"}, None, "SetupFailed", id="never started"),
    ],
)  # fmt: skip
def test_reasons(ending: dict[str, Any], stop: str | None, expected: str) -> None:
    assert reason_of(ending, stop)[0] == expected


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param("a", "/in/a", id="a file"),
        pytest.param("a/b/c", "/in/a/b/c", id="a deeper file"),
        pytest.param("a/", "/in/a", id="a folder mark"),
        pytest.param("", "/in", id="the prefix itself"),
        pytest.param("..a/b..", "/in/..a/b..", id="dots inside a name"),
    ],
)
def test_relative_keys(name: str, path: str) -> None:
    assert inside("/in", name) == path


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/a", "a//b", "a/./b", "..", "a/..", "a\0b"])
def test_a_key_that_would_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="leave its folder"):
        inside("/in", name)


@given(st.lists(st.binary(max_size=40_000), max_size=12), st.randoms())
def test_the_tail_is_the_end_of_all_output(chunks: list[bytes], rng: random.Random) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        tail, reader = Tail(f"{folder}/tail"), Tail(f"{folder}/tail")
        sizes = {"out": 0, "err": 0}
        for chunk in chunks:
            stream = rng.choice(["out", "err"])
            sizes[stream] += len(chunk)
            tail.add(stream, chunk, 0)
        out, err, lost, end = reader.read()
        assert (out, err, lost) == (sizes["out"], sizes["err"], 0)
        assert end == b"".join(chunks)[-16 * 1024 :]


@given(st.lists(st.binary(max_size=50), max_size=30))
def test_segments_hold_everything_up_to_their_caps(chunks: list[bytes]) -> None:
    import tempfile

    caps = [10, 10, 20, 40]
    with tempfile.TemporaryDirectory() as folder:
        segments = Segments(folder, "out", caps)
        lost = sum(segments.add(chunk) for chunk in chunks)
        segments.close()
        whole = b"".join(chunks)
        files = sorted(Path(folder).iterdir())
        bodies = [file.read_bytes() for file in files]
        assert b"".join(bodies) == whole[: sum(caps)]
        assert lost == max(0, len(whole) - sum(caps))
        assert all(len(body) == cap for body, cap in zip(bodies[:-1], caps, strict=False))


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=5), st.data())
def test_a_reader_gives_any_part_of_joined_files(bodies: list[bytes], data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        source = []
        for number, body in enumerate(bodies):
            path = Path(folder) / str(number)
            path.write_bytes(body + b"later growth")
            source.append((str(path), len(body)))
        whole = b"".join(bodies)
        offset = data.draw(st.integers(0, len(whole)))
        length = data.draw(st.integers(0, len(whole) - offset))
        reader, found = Reader(source, offset, length), b""
        while chunk := reader.read(7):
            found += chunk
        assert found == whole[offset : offset + length]


def test_a_family_is_found_through_parents_and_session() -> None:
    table = {
        1: (0, 1, "S"), 10: (1, 10, "S"), 20: (10, 20, "S"), 21: (20, 20, "S"), 22: (21, 22, "S"),
        23: (1, 20, "S"), 24: (20, 20, "Z"), 30: (1, 30, "S"),
    }  # fmt: skip
    assert family(table, 10, 20) == {20, 21, 22, 23}
    assert family(table, 0, 20) == {20, 21, 23}
    assert family(table, 0, 0) == set()
    assert family(table, 1, 1) == set()


def slot(path: Path) -> Slot:
    content = {
        "mid": "m", "rev": 3, "put": {"ak": "old"}, "boxGet": "old",
        "run": {"n": 0, "sig": {"done": "old"}}, "task": {"data": {"a": {"ak": "1"}}},
    }  # fmt: skip
    return Slot(str(path / "slot.json"), content)


@pytest.mark.parametrize(
    "box",
    [
        pytest.param({"v": 1, "mid": "m", "rev": 3, "boxGet": "new"}, id="the same revision"),
        pytest.param({"v": 1, "mid": "m", "rev": 2, "boxGet": "new"}, id="an older revision"),
        pytest.param({"v": 1, "mid": "x", "rev": 4, "boxGet": "new"}, id="another machine's"),
        pytest.param({"v": 2, "mid": "m", "rev": 4, "boxGet": "new"}, id="another version"),
    ],
)
def test_a_box_that_is_not_newer_changes_nothing(tmp_path: Path, box: dict[str, Any]) -> None:
    held = slot(tmp_path)
    assert not held.apply(box)
    assert held["boxGet"] == "old"


def test_a_newer_box_is_taken_over_and_kept(tmp_path: Path) -> None:
    held = slot(tmp_path)
    sig = {"n": 0, "sig": {"done": "new"}}
    box = {"v": 1, "mid": "m", "rev": 4, "put": {"ak": "new"}, "boxGet": "new", "run": sig,
           "data": {"b": {"ak": "2"}}, "cancel": {"n": 0, "reason": "x"}}  # fmt: skip
    assert held.apply(box)
    kept = runner.load(str(tmp_path / "slot.json"))
    assert kept == held.content
    assert (held["rev"], held["put"], held["boxGet"]) == (4, {"ak": "new"}, "new")
    assert held["run"]["sig"] == {"done": "new"}
    assert held["task"]["data"] == {"a": {"ak": "1"}, "b": {"ak": "2"}}
    assert held["cancel"]["reason"] == "x"


def test_another_runs_signatures_are_not_taken(tmp_path: Path) -> None:
    held = slot(tmp_path)
    held.apply({"v": 1, "mid": "m", "rev": 4, "run": {"n": 1, "sig": {"done": "new"}}})
    assert held["run"]["sig"] == {"done": "old"}


def test_the_quoting_of_both_sides_agrees() -> None:
    text = "".join(map(chr, range(1, 256)))
    assert runner.quoted(text) == quote(text, safe="-_.~")


@pytest.mark.parametrize(
    ("beat", "life", "expected"),
    [
        pytest.param(15, 86400, 15, id="the beat"),
        pytest.param(15, 30, 5, id="short signatures: six looks into the box in their life"),
        pytest.param(15, 3, 1, id="never more often than once a second"),
        pytest.param(60, 3600, 60, id="a slow beat of a large fleet"),
    ],
)
def test_intervals(tmp_path: Path, beat: int, life: int, expected: float) -> None:
    held = slot(tmp_path)
    held.content.update(beat=beat, taken=0.0, put={"keyTime": f"1000;{1300 + life}"})
    mailbox = runner.Mailbox(held, runner.Transport())
    assert runner.Pulse(mailbox, str(tmp_path)).interval() == expected


DIRECTORY: dict[str, Any] = {
    "v": 1, "launch": "L", "state": "Bound", "host": HOST, "put": {}, "get": {}, "beat": 1,
    "tasks": {"t": {}},
    "slots": {
        "ins-1": {"mid": "L-000", "kind": "run", "boxGet": "b", "run": {"n": 0, "tkey": "t"}},
    },
}  # fmt: skip


class Off(Exception):
    """The machine was powered off."""


def joined(
    monkeypatch: pytest.MonkeyPatch, folder: Path, directory: dict[str, Any] | None, hours: float
) -> dict[str, Any]:
    """Polls one directory over and over; each look takes a minute of a clock of its own."""
    (folder / "boot").write_text(
        f"launch=L\ndir={HOST}/ws/v1/dir/L?sig=a=b\nfail=\ndeadline=1800\n"
    )
    now = [1000.0]

    def sleep(seconds: float) -> None:
        now[0] += 60
        assert now[0] < 1000 + hours * 3600

    machine = runner.Machine(str(folder))
    monkeypatch.setattr("batchcompute.runner.runner.time.sleep", sleep)
    monkeypatch.setattr(runner, "boottime", lambda: now[0])
    monkeypatch.setattr(machine.metadata, "get", lambda name: "ins-1")
    monkeypatch.setattr(machine, "_directory", lambda url: directory)

    def power_off(why: str) -> None:
        raise Off(f"{now[0] - 1000:.0f} s")

    monkeypatch.setattr(machine, "_power_off", power_off)
    return machine._join()


def test_a_machine_takes_its_own_slot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = joined(monkeypatch, tmp_path, DIRECTORY, 1)
    assert (found["mid"], found["prefix"], found["instance"]) == ("L-000", "ws/v1/", "ins-1")


@pytest.mark.parametrize(
    ("directory", "after"),
    [
        pytest.param(None, "1860 s", id="no directory: at the boot deadline"),
        pytest.param({**DIRECTORY, "slots": {}}, "660 s", id="not named: after ten minutes"),
        pytest.param({**DIRECTORY, "state": "Void"}, "660 s", id="void: after ten minutes"),
        pytest.param({**DIRECTORY, "v": 2}, "0 s", id="another version: at once"),
    ],
)
def test_a_machine_without_work_powers_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, directory: dict[str, Any] | None, after: str
) -> None:
    with pytest.raises(Off, match=f"^{after}$"):
        joined(monkeypatch, tmp_path, directory, 2)


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(DataError("403 AccessDenied"), id="a refusal"),
        pytest.param(runner.NetworkError("a file became shorter"), id="a file that shrank"),
        pytest.param(PermissionError(13, "no"), id="a file that cannot be read"),
        pytest.param(AssertionError(), id="what nobody thought of"),
    ],
)
def test_a_file_that_does_not_arrive_is_a_problem_whatever_it_was(
    tmp_path: Path, failure: Exception
) -> None:
    for name in ("bad", "good"):
        (tmp_path / name).write_text("x")

    class Bucket:
        def upload(self, item: Any, key: str, source: Any, part_size: int) -> dict[str, Any]:
            if key.endswith("bad"):
                raise failure
            return {"key": key, "size": 1, "etag": "e"}

    task = {"outputs": [{"path": ".", "host": "h", "prefix": "out/", "when": "Always"}]}
    bucket: Any = Bucket()
    delivery = runner.Delivery(bucket, task, lambda path: str(tmp_path), {})
    logs: Any = None
    problem = delivery.deliver(True, logs)
    assert problem.startswith("output bad: ")
    assert [file["key"] for file in delivery.files] == ["out/good"]
