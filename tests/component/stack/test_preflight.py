"""dev/preflight: what a machine lacks is said before anything is built."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = ("sh", "uname", "expr", "dirname")
GOOD = {
    "python3": "exit 0",
    "go": 'echo "go version go1.26.8 linux/amd64"',
    **dict.fromkeys(("curl", "setsid", "mount", "awk"), "exit 0"),
}

CASES = {
    "nothing is missing": ({}, ()),
    "what the tests call": (
        {"curl": None, "awk": None},
        ("curl is needed by the tests", "awk is needed", "apt-get install -y curl mawk"),
    ),
    "no Go": ({"go": None}, ("Go 1.26 or newer is needed on PATH",)),
    "an old Go": (
        {"go": 'echo "go version go1.19.8 linux/amd64"'},
        ("Go 1.26 or newer is needed; this is: go version go1.19.8",),
    ),
    "a Go of the next number of digits": ({"go": 'echo "go version go1.100 linux/amd64"'}, ()),
    "an old Python": (
        {"python3": "exit 1"},
        ("Python 3.11 or newer is needed", "as root: apt-get install -y python3"),
    ),
    "a Python without venv": (
        {"python3": 'case "$2" in *ensurepip*) exit 1;; esac'},
        ("Python's venv module is needed", "as root: apt-get install -y python3-venv"),
    ),
    "no machine can be started: the emulator's own sentence": (
        {"python3": 'case "$2" in *preflight*) echo "No user namespaces." >&2; exit 1;; esac'},
        ("No user namespaces.",),
    ),
    "no Go and no Python: both are told, with one apt-get line": (
        {"go": None, "python3": None},
        ("Python 3.11 or newer", "Go 1.26 or newer", "apt-get install -y python3"),
    ),
}


def test_this_machine_lacks_nothing():
    said = subprocess.run(
        [str(ROOT / "dev" / "preflight"), "machines", "tests"], capture_output=True, text=True
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.mark.parametrize(("programs", "sentences"), CASES.values(), ids=CASES.keys())
def test_each_lack_is_one_sentence(tmp_path, programs, sentences):
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    for name, body in {**GOOD, **programs}.items():
        if body is not None:
            (tmp_path / name).write_text(f"#!/usr/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "CLUSTER")}
    said = subprocess.run(
        [str(ROOT / "dev" / "preflight"), "machines", "tests"],
        env={**env, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert said.returncode == (1 if sentences else 0)
    assert said.stdout == ""
    lines = said.stderr.splitlines()
    assert len(lines) == len(sentences), said.stderr
    for line, sentence in zip(lines, sentences, strict=True):
        assert line.startswith("batchcompute: ")
        assert sentence in line
