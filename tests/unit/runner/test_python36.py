"""The runner must run on whatever image a user chose: Python 3.6, standard library only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import batchcompute.runner

SOURCE = Path(batchcompute.runner.__file__).with_name("runner.py")


def test_vermin_finds_nothing_newer_than_python_3_6() -> None:
    vermin = Path(sys.executable).with_name("vermin")
    checked = subprocess.run(
        [vermin, "--no-tips", "-t=3.6", "--violations", SOURCE], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


def test_only_the_standard_library_is_imported() -> None:
    names = set()
    for node in ast.walk(ast.parse(SOURCE.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(str(node.module).partition(".")[0])
    assert names <= sys.stdlib_module_names


def test_it_knows_nothing_of_kubernetes() -> None:
    text = SOURCE.read_text().lower()
    assert "kubernetes" not in text and "kubectl" not in text and "namespace" not in text
