"""Signals against starts and clean-ups, in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

HEAD = """
import os, signal
from dev.cluster.interrupts import Interrupted, held, install
install()
def interrupt(number=signal.SIGINT):
    os.kill(os.getpid(), number)
"""

CASES = {
    "it is raised where it arrives": (
        "try:\n    interrupt()\n    print('went on')\nexcept Interrupted as i: print('stopped', i)",
        ["stopped SIGINT"],
    ),
    "TERM and HUP are the same": (
        "try: interrupt(signal.SIGHUP)\nexcept Interrupted as i: print('stopped', i)",
        ["stopped SIGHUP"],
    ),
    "while held it waits for the end of the block": (
        "try:\n"
        "    with held():\n"
        "        interrupt()\n"
        "        with held(): print('inner')\n"
        "        print('noted')\n"
        "    print('went on')\n"
        "except Interrupted: print('stopped')",
        ["inner", "noted", "stopped"],
    ),
    "a second one does not cut the clean-up": (
        "try:\n"
        "    try: interrupt()\n"
        "    finally:\n"
        "        interrupt()\n"
        "        with held(): interrupt()\n"
        "        print('cleaned')\n"
        "except Interrupted: print('stopped')",
        ["cleaned", "stopped"],
    ),
    "it passes by `except Exception`": (
        "try:\n"
        "    try: interrupt()\n"
        "    except Exception: print('swallowed')\n"
        "except BaseException as e: print(type(e).__name__)",
        ["Interrupted"],
    ),
}


@pytest.mark.parametrize(("script", "lines"), CASES.values(), ids=CASES.keys())
def test_interrupts(script, lines):
    said = subprocess.run(
        [sys.executable, "-c", HEAD + script], capture_output=True, text=True, cwd=ROOT
    )
    assert said.stdout.splitlines() == lines, said.stderr
