"""Everything from a machine may be forged (R32)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcompute.mailbox.inbound import (
    Exit,
    HostileInputError,
    Outcome,
    Reason,
    clean,
    parse_beat,
    parse_boot_fail,
    parse_result,
)

LINE: dict[str, Any] = {
    "v": 1, "mid": "0000000001-aaaaaa-000", "n": 0, "p": 1, "rev": 0,
    "boot": "c0ffee", "elapsed": 1.5, "out": 10, "err": 0, "msg": "",
}  # fmt: skip
RESULT: dict[str, Any] = {
    "v": 1, "mid": "0000000001-aaaaaa-000", "n": 0, "A": "jobs/n/j.12345678/t/0/0/",
    "outcome": "Failed", "reason": "NonZeroExit", "exit": {"code": 3, "signal": None, "oom": False},
    "elapsed": {"setup": 0.1, "start": 0.2, "exit": 1.0, "end": 1.2},
    "usage": {"cpu": 0.5, "memory": 1024},
    "outputs": {"state": "Delivered", "files": 1, "bytes": 5, "manifestSha": "a" * 64},
    "log": {"out": [10], "err": []}, "runner": "0.1.0",
}  # fmt: skip


def encoded(whole: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**whole, **changes}).encode()


def test_a_beat_is_a_line_and_a_tail_of_any_bytes() -> None:
    beat = parse_beat(encoded(LINE, exit={"code": 3}) + b"\nlast \xff\x00\nwords")
    assert beat.line.exit == Exit(code=3)
    assert (beat.line.p, beat.line.elapsed) == (1, 1.5)
    assert beat.tail == b"last \xff\x00\nwords"


def test_a_beat_without_tail() -> None:
    assert parse_beat(encoded(LINE)).tail == b""


def test_unknown_fields_are_ignored() -> None:
    assert parse_beat(encoded(LINE, later="field")).line.n == 0


def test_a_result() -> None:
    result = parse_result(encoded(RESULT))
    assert (result.outcome, result.reason) == (Outcome.FAILED, Reason.NON_ZERO_EXIT)
    assert result.exit == Exit(code=3)
    assert result.log.out == [10]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"v": 2}, id="another version"),
        pytest.param({"v": "1"}, id="a version of another type"),
        pytest.param({"p": 3}, id="a phase that is none"),
        pytest.param({"p": True}, id="a truth value for a number"),
        pytest.param({"n": -1}, id="a negative run"),
        pytest.param({"n": 10**30}, id="a number without end"),
        pytest.param({"elapsed": "1"}, id="a text for a number"),
        pytest.param({"elapsed": -1}, id="a negative time"),
        pytest.param({"mid": "../../x y"}, id="a name with blanks"),
        pytest.param({"exit": {"code": 256}}, id="an exit code over 255"),
        pytest.param({"exit": {"code": 1, "signal": 9}}, id="code and signal"),
        pytest.param({"exit": [1]}, id="a list for an object"),
        pytest.param({"msg": None}, id="null for a text"),
        pytest.param({"msg": "x" * 5000}, id="a line over its limit"),
        pytest.param({"ready": 1}, id="a number for a truth value"),
    ],
)
def test_a_forged_beat_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(HostileInputError, match="live"):
        parse_beat(encoded(LINE, **changes))


@pytest.mark.parametrize("field", [name for name in LINE if name != "msg"])
def test_a_beat_without_a_required_field_is_refused(field: str) -> None:
    with pytest.raises(HostileInputError, match=field):
        parse_beat(json.dumps({k: v for k, v in LINE.items() if k != field}).encode())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"reason": "MachineLost"}, id="a reason only the operator gives"),
        pytest.param({"outcome": "Succeeded"}, id="success with a reason of failure"),
        pytest.param({"reason": "Completed"}, id="failure with the reason of success"),
        pytest.param({"outputs": {"state": "Lost"}}, id="an output state that is none"),
        pytest.param({"outputs": {"state": "Delivered", "manifestSha": "x"}}, id="no sha256"),
        pytest.param({"log": {"out": [1] * 17}}, id="more segments than there are"),
        pytest.param({"log": {"out": [-1]}}, id="a negative size"),
        pytest.param({"elapsed": {"start": float("nan")}}, id="a time that is no number"),
        pytest.param({"A": 5}, id="a number for a path"),
        pytest.param({"usage": {"memory": 1.5}}, id="half a byte"),
        pytest.param({"x": "y" * 20_000}, id="a body over 16 KiB"),
    ],
)
def test_a_forged_result_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(HostileInputError, match="done"):
        parse_result(encoded(RESULT, **changes))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_result_or_refused(body: bytes) -> None:
    for parse in (parse_beat, parse_result):
        with pytest.raises(HostileInputError):
            parse(body)
    parse_boot_fail(body)


def test_an_error_does_not_repeat_what_it_refuses() -> None:
    with pytest.raises(HostileInputError) as caught:
        parse_beat(encoded(LINE, mid="se cret"))
    assert "se cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain", "plain", id="plain text stays"),
        pytest.param("a\x1b[31mred\x07", "a [31mred", id="terminal escapes go"),
        pytest.param("a\nb\tc\r\n", "a b c", id="one line"),
        pytest.param("a\u202eevil\u2066", "a evil", id="direction overrides go"),
        pytest.param("ü" * 400, "ü" * 256, id="cut by characters"),
        pytest.param("\x00" * 5000, "", id="nothing but control characters"),
    ],
)
def test_texts_are_cleaned(text: str, expected: str) -> None:
    assert clean(text) == expected
    if len(text) < 1000:
        assert parse_beat(encoded(LINE, msg=text)).line.msg == expected


def test_a_boot_note_keeps_its_lines_and_its_end() -> None:
    note = b"x" * 9000 + b"\ncurl: (6)\x1b[0m no host\xff\n"
    text = parse_boot_fail(note)
    assert text.endswith("\ncurl: (6) [0m no host\ufffd")
    assert len(text) <= 4096


def test_exit_status_is_the_shells() -> None:
    assert Exit(signal=9).status == 137
    assert Exit(code=3).status == 3
    assert Exit().status is None
