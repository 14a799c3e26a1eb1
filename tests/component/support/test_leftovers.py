"""The watch over leftovers sees each kind of them. One that sees nothing would prove nothing."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.support.leftovers import Watch

# Each starts something that outlives its starter, in a session of its own.
LEFT = {
    "a daemon that left its session and parent": ("process", ["setsid", "-f", "sleep", "600"]),
    "a listener": (
        "port",
        [
            "setsid",
            "-f",
            sys.executable,
            "-c",
            "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen();"
            "time.sleep(600)",
        ],
    ),
    "a namespace": ("namespace", ["setsid", "-f", "unshare", "-Ur", "--net", "sleep", "600"]),
}


@pytest.mark.parametrize(("kind", "argv"), LEFT.values(), ids=LEFT.keys())
def test_it_is_seen_and_ended(kind, argv):
    with Watch() as watch:
        subprocess.run(argv, check=True)
        deadline = time.monotonic() + 10
        while not any(line.startswith(kind) for line in watch.leftovers(seconds=0)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert any(line.startswith("process") for line in watch.leftovers(seconds=0))
    with Watch() as after:
        assert after.leftovers(seconds=0) == []


def test_what_ends_by_itself_is_no_leftover():
    with Watch() as watch:
        subprocess.run(["setsid", "-f", "sleep", "0.3"], check=True)
        assert watch.leftovers() == []
