from __future__ import annotations

import io

import pytest

from dev.stack.demo import show


def instance(task: str, index: int, **status) -> dict:
    return {"spec": {"task": task, "index": index}, "status": status}


RETRIED = instance(
    "count",
    7,
    attempt=1,
    exitCode=0,
    instanceId="ins-bbbbbbbb",
    runningTime="2026-01-01T10:00:05Z",
    endTime="2026-01-01T10:00:07Z",
    attempts=[
        {
            "number": 0,
            "exitCode": 3,
            "reason": "NonZeroExit",
            "instanceId": "ins-aaaaaaaa",
            "runningTime": "2026-01-01T10:00:01Z",
            "endTime": "2026-01-01T10:00:02Z",
        }
    ],
)
STARTING = instance("split", 0, attempt=0, phase="Starting")

TABLES = {
    "each attempt has a line, with its machine, code and times": (
        [RETRIED],
        [
            "TASK   INDEX  ATTEMPT  CVM INSTANCE  EXIT  REASON       START     END       SECONDS",
            "count  7      0        ins-aaaaaaaa  3     NonZeroExit  10:00:01  10:00:02  1",
            "count  7      1        ins-bbbbbbbb  0     -            10:00:05  10:00:07  2",
        ],
    ),
    "tasks come in the order of the job, and nothing known is a dash": (
        [instance("count", 10), instance("count", 9), STARTING],
        [
            "TASK   INDEX  ATTEMPT  CVM INSTANCE  EXIT  REASON  START  END  SECONDS",
            "split  0      0        -             -     -       -      -    -",
            "count  9      0        -             -     -       -      -    -",
            "count  10     0        -             -     -       -      -    -",
        ],
    ),
}


@pytest.mark.parametrize(("instances", "lines"), TABLES.values(), ids=TABLES.keys())
def test_table(instances, lines):
    assert show.table(instances, ("split", "count", "merge")) == lines


def test_the_table_stays_within_100_columns():
    long = instance("t" * 52, 99999, attempt=10, instanceId="ins-" + "x" * 20, reason="R" * 60)
    assert max(map(len, show.table([long], ("t",)))) <= 100


def test_progress_is_one_line():
    job = {
        "status": {
            "phase": "Running",
            "tasks": [
                {"name": "split", "phase": "Succeeded", "counts": {"total": 1, "succeeded": 1}},
                {"name": "count", "phase": "Running", "counts": {"total": 8, "failed": 1}},
                {"name": "merge"},
            ],
        }
    }
    assert (
        show.progress(job)
        == "Running | split Succeeded 1/1 | count Running 1/8 | merge Pending 0/0"
    )
    assert show.progress({}) == "Submitted"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


COLOURS = {
    "a pipe gets none": (io.StringIO, {}, False),
    "a terminal gets some": (Terminal, {}, True),
    "a terminal with NO_COLOR gets none": (Terminal, {"NO_COLOR": "1"}, False),
}


@pytest.mark.parametrize(("out", "env", "coloured"), COLOURS.values(), ids=COLOURS.keys())
def test_colours(monkeypatch, out, env, coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    stream = out()
    show.Printer(stream).good("fine")
    assert ("\x1b[" in stream.getvalue()) is coloured
