"""Whom the users of a machine are on the host."""

from __future__ import annotations

import os
from dataclasses import dataclass

MAPPED_BASE = 0x7000_0000
"""Above what useradd, subuid and systemd-nspawn give away. Root of a machine is this user on the
host: nobody. With the identity map it would be root to every file of /proc and /sys, which ask
for the user, not for a capability: /proc/sysrq-trigger, core_pattern, its own memory limit."""
MAPPED_COUNT = 65536


@dataclass(frozen=True, slots=True)
class Ids:
    """`mapped`: 65,536 users, as root starts machines; else one, the user who starts them."""

    mapped: bool
    base: int

    def map_line(self) -> str:
        """The line of uid_map and gid_map."""
        return f"0 {self.base} {MAPPED_COUNT if self.mapped else 1}"


def of_this_user() -> Ids:
    root = os.geteuid() == 0
    return Ids(root, MAPPED_BASE if root else os.geteuid())
