"""What is up in this clone, on disk: written by the supervisor, read by up, down and env."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dev.cluster.process import ProcessId


@dataclass
class Record:
    """`processes`: the supervisor first. `ready`: the exports, once all is up."""

    processes: dict[str, ProcessId]
    ready: dict[str, str] = field(default_factory=dict)

    @property
    def supervisor(self) -> ProcessId:
        return self.processes["supervisor"]


def write(folder: Path, record: Record) -> None:
    """By rename, readable by its owner only: it holds the account's key."""
    content = {
        # A copy of the clone must not take the original's processes for its own.
        "folder": str(folder),
        "processes": [[n, p.pid, p.started] for n, p in record.processes.items()],
        "ready": record.ready,
    }
    beside = folder / f"record.json.{os.getpid()}"
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(content, indent=2) + "\n")
    beside.rename(folder / "record.json")


def read(folder: Path) -> Record | None:
    """None when nothing was started here."""
    try:
        content = json.loads((folder / "record.json").read_text())
    except FileNotFoundError:
        return None
    if content["folder"] != str(folder):
        return None
    processes: Mapping[str, ProcessId] = {
        name: ProcessId(pid, started) for name, pid, started in content["processes"]
    }
    return Record(dict(processes), content["ready"])


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """One `up` or `down` at a time in this clone."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
