from __future__ import annotations

import pytest

from batchcompute.mailbox import keys
from batchcompute.mailbox.keys import AttemptName, LaunchName, MachineName, RunName
from batchcompute.mailbox.layout import Layout, LiveName

L = "0000000123-a1b2c3"


def test_ids_are_built_as_section_six_says() -> None:
    assert keys.launch_id(123, "a1b2c3") == L
    assert keys.machine_id(L, 7) == f"{L}-007"
    assert keys.run_id(f"{L}-007", 0) == f"{L}-007.0"
    path = keys.attempt_path("team-a", "wc", "12345678-90ab", "count", 3, 1)
    assert path == "jobs/team-a/wc.12345678/count/3/1/"


def test_ids_are_parsed_back() -> None:
    assert keys.parse_launch(L) == LaunchName(123, "a1b2c3")
    assert keys.parse_machine(f"{L}-007") == MachineName(L, 123, 7)
    assert keys.parse_run(f"{L}-007.12") == RunName(f"{L}-007", L, 123, 7, 12)
    assert keys.parse_attempt("jobs/team-a/wc.v2.12345678/count/3/1/") == AttemptName(
        "team-a", "wc.v2", "12345678", "count", 3, 1
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("123-a1b2c3-007.0", id="a short sequence"),
        pytest.param(f"{L}-7.0", id="a short slot"),
        pytest.param(f"{L}-007.01", id="a run number with a leading zero"),
        pytest.param(f"{L}-007.0\n", id="a line feed at the end"),
        pytest.param(f"{L}-007.0/x", id="a deeper key"),
        pytest.param(f"{L}-007.-1", id="a negative run"),
        pytest.param("0000000123-A1B2C3-007.0", id="a nonce in capitals"),
        pytest.param("٠٠٠٠٠٠٠١٢٣-a1b2c3-007.0", id="digits of another script"),
    ],
)
def test_no_run_id(text: str) -> None:
    assert keys.parse_run(text) is None


@pytest.mark.parametrize("slot", [-1, 500])
def test_a_slot_outside_a_launch_is_refused(slot: int) -> None:
    with pytest.raises(ValueError, match="slot"):
        keys.machine_id(L, slot)


def test_a_wrong_nonce_is_refused() -> None:
    with pytest.raises(ValueError, match="launch id"):
        keys.launch_id(1, "a/b..c")


def test_every_key_lies_under_the_prefix() -> None:
    layout = Layout.of("/ws/batch/", "0a1b2c3d")
    mid, rid, attempt = f"{L}-007", f"{L}-007.0", "jobs/n/j.12345678/t/0/0/"
    assert layout.prefix == "ws/batch/0a1b2c3d/v1/"
    found = {
        "runner": layout.runner("ab" * 32),
        "fail": layout.boot_fail(L),
        "dir": layout.directory(L),
        "box": layout.box(mid),
        "live": layout.live(rid, 2),
        "idle": layout.idle(mid),
        "done": layout.done(rid),
        "start": layout.start(attempt),
        "result": layout.result(attempt),
        "manifest": layout.manifest(attempt),
        "out": layout.log(attempt, "out", 3),
        "err": layout.log(attempt, "err", 15),
        "state": layout.state("uid", "t"),
    }
    assert {name: key.removeprefix(layout.prefix) for name, key in found.items()} == {
        "runner": f"boot/runner-{'ab' * 32}.py",
        "fail": f"boot/{L}.fail",
        "dir": f"dir/{L}",
        "box": f"box/{mid}",
        "live": f"live/{rid}.2",
        "idle": f"live/{mid}.idle",
        "done": f"done/{rid}",
        "start": f"{attempt}start",
        "result": f"{attempt}result.json",
        "manifest": f"{attempt}manifest.json",
        "out": f"{attempt}out.03",
        "err": f"{attempt}err.15",
        "state": "state/uid/t",
    }


def test_an_empty_workspace_prefix_leaves_no_leading_slash() -> None:
    assert Layout.of("", "0a1b2c3d").prefix == "0a1b2c3d/v1/"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(f"live/{L}-007.0.1", LiveName(f"{L}-007", 0, 1), id="a beat of a run"),
        pytest.param(f"live/{L}-007.idle", LiveName(f"{L}-007", None, None), id="an idle node"),
        pytest.param(f"live/{L}-007.0.3", None, id="a phase that is none"),
        pytest.param(f"live/{L}-007.0", None, id="a run without phase"),
        pytest.param(f"live/{L}.idle", None, id="idle without a machine"),
        pytest.param(f"done/{L}-007.0", None, id="another folder"),
    ],
)
def test_live_keys_are_parsed(name: str, expected: LiveName | None) -> None:
    layout = Layout.of("ws", "0a1b2c3d")
    assert layout.parse_live(layout.prefix + name) == expected


def test_done_keys_are_parsed() -> None:
    layout = Layout.of("ws", "0a1b2c3d")
    assert layout.parse_done(layout.done(f"{L}-007.0")) == f"{L}-007.0"
    assert layout.parse_done(f"other/done/{L}-007.0") is None
    assert layout.parse_done(f"{layout.prefix}done/../dir/{L}") is None
