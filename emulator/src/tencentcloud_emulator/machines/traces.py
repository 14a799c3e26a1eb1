"""Removing what machines leave on the host: their directories and control groups."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from . import cgroups

MOUNTINFO = Path("/proc/self/mountinfo")


def hierarchies() -> cgroups.Hierarchies | None:
    """Where this user can put machines into groups; None if nowhere."""
    return cgroups.find(MOUNTINFO.read_text()) if os.geteuid() == 0 else None


def key_of(state_dir: Path) -> str:
    """What the groups of one state directory's machines are found by."""
    return hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:12]


def sweep(state_dir: Path) -> int:
    """Removes what a killed emulator of this state directory left; tells how many groups.

    Its machines end by themselves: their keepers see the emulator go. This is for keepers that
    were killed too. Consoles stay.
    """
    swept = cgroups.sweep(hierarchies(), key_of(state_dir))
    remove_tree(state_dir / "machines")
    return swept


def remove_tree(directory: Path) -> None:
    """Removes a directory that somebody else may be removing too."""
    while directory.exists():
        try:
            if os.geteuid() != 0:
                _open_up(directory)
            shutil.rmtree(directory)
        except FileNotFoundError:
            continue


def _open_up(directory: Path) -> None:
    """An overlay's work directory has no permission at all, even for its owner."""
    for above, below, _ in os.walk(directory):
        for name in below:
            path = os.path.join(above, name)
            if not os.path.islink(path) and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
                os.chmod(path, 0o700)
