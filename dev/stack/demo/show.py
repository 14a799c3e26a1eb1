"""What the demo prints: progress, a table of attempts, the first words. At most 100 columns."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

WIDTH = 100
_HEAD = ("TASK", "INDEX", "ATTEMPT", "CVM INSTANCE", "EXIT", "REASON", "START", "END", "SECONDS")

Json = Mapping[str, Any]


class Printer:
    """Plain lines; colours on a terminal only (and not with NO_COLOR)."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._colours = self._out.isatty() and "NO_COLOR" not in os.environ

    def line(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    def good(self, text: str) -> None:
        self.line(self._coloured(text, "32"))

    def bad(self, text: str) -> None:
        self.line(self._coloured(text, "31"))

    def head(self, text: str) -> None:
        self.line(self._coloured(text, "1"))

    def _coloured(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours else text


def progress(job: Json) -> str:
    """One line: the job's phase, then each task's phase and how many of its instances ended."""
    status = job.get("status", {})
    tasks = [
        f"{task['name']} {task.get('phase', 'Pending')} {_ended(task)}"
        for task in status.get("tasks", [])
    ]
    return " | ".join([str(status.get("phase", "Submitted")), *tasks])


def _ended(task: Json) -> str:
    counts = task.get("counts", {})
    ended = sum(counts.get(key, 0) for key in ("succeeded", "failed", "failedInterrupted"))
    return f"{ended}/{counts.get('total', 0)}"


def table(instances: Iterable[Json], order: Sequence[str]) -> list[str]:
    """A line for each attempt of each instance, tasks in the given order."""
    rows = [_HEAD, *(row for item in _sorted(instances, order) for row in _rows(item))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip()[:WIDTH] for line in lines]


def _sorted(instances: Iterable[Json], order: Sequence[str]) -> list[Json]:
    places = {task: place for place, task in enumerate(order)}
    return sorted(instances, key=lambda i: (places.get(i["spec"]["task"], 0), i["spec"]["index"]))


def _rows(instance: Json) -> Iterator[tuple[str, ...]]:
    spec, status = instance["spec"], instance.get("status", {})
    attempts = list(status.get("attempts", []))
    if not attempts or attempts[-1].get("number") != status.get("attempt"):
        attempts.append({**status, "number": status.get("attempt", 0)})
    for attempt in attempts:
        start, end = (
            attempt.get("runningTime") or attempt.get("launchTime"),
            attempt.get("endTime"),
        )
        yield (
            spec["task"],
            str(spec["index"]),
            str(attempt["number"]),
            attempt.get("instanceId") or "-",
            "-" if attempt.get("exitCode") is None else str(attempt["exitCode"]),
            attempt.get("reason") or "-",
            _clock(start),
            _clock(end),
            _seconds(start, end),
        )


def _clock(time: str | None) -> str:
    return datetime.fromisoformat(time).strftime("%H:%M:%S") if time else "-"


def _seconds(start: str | None, end: str | None) -> str:
    if not start or not end:
        return "-"
    return f"{(datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds():.0f}"


def first_words(words: Counter[bytes], number: int = 10) -> list[str]:
    """The most frequent ones, each with its count."""
    ranked = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:number]
    return [f"{count:>9}  {word.decode(errors='replace')[:60]}" for word, count in ranked]
