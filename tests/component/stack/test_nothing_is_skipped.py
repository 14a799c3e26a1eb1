"""The rule that a skipped test fails the session, on sessions of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

CASES = {
    "all pass": ("def test_a(): pass", 0, ""),
    "one is skipped": ("def test_a(): pytest.skip('why')", 1, "no test may be skipped"),
    "a module is skipped": (
        "pytest.skip('why', allow_module_level=True)\ndef test_a(): pass",
        1,
        "no test may be skipped",
    ),
    "one is expected to fail": (
        "@pytest.mark.xfail\ndef test_a(): assert False",
        1,
        "no test may be xfailed",
    ),
    "one passes against expectation": (
        "@pytest.mark.xfail\ndef test_a(): pass",
        1,
        "no test may be xpassed",
    ),
    "one fails": ("def test_a(): assert False", 1, "1 failed"),
}


@pytest.mark.parametrize(("body", "code", "sentence"), CASES.values(), ids=CASES.keys())
def test_a_session(tmp_path, body, code, sentence):
    (tmp_path / "test_it.py").write_text(f"import pytest\n{body}\n")
    (tmp_path / "test_ok.py").write_text("def test_ok(): pass\n")
    argv = [
        "-m",
        "pytest",
        "-p",
        "tests.support.noskip",
        "--rootdir",
        str(tmp_path),
        "-c",
        "/dev/null",
    ]
    said = subprocess.run(
        [sys.executable, *argv, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )
    assert said.returncode == code, said.stdout + said.stderr
    assert sentence in said.stdout
