"""A copy of this checkout's files, as a fresh clone would have them, and `make` in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_COPIED = (
    ".git",
    ".run",
    "*_cache",
    ".hypothesis",
    "__pycache__",
    "*.egg-info",
    "build",
    "dist",
)


class Clone:
    """One clone in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
        self.folder = folder
        self.run_folder = folder / ".run"

    def command(self, *words: str) -> tuple[list[str], dict[str, str]]:
        """argv and environment of `make <words>` with nothing of this session's make in it."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        env.pop("PYTHONPATH", None)
        return ["make", "-C", str(self.folder), *words], env

    def make(self, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        argv, env = self.command(*words)
        return subprocess.run(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
