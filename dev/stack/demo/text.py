"""The text whose words are counted: a given file, or one that every Python brings along."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from pydoc_data import topics

ENOUGH_BYTES = 1_250_000


def text_of(file: str | None) -> bytes:
    """The content of `file`; without one the reference that `help()` shows, and after it the
    sources of the standard library in the order of their names, until there is enough."""
    return Path(file).read_bytes() if file else _shipped_with_python()


def _shipped_with_python() -> bytes:
    parts = [text.encode() for _, text in sorted(topics.topics.items())]
    library = Path(sysconfig.get_path("stdlib")).glob("[a-z]*.py")
    size = sum(map(len, parts))
    for module in sorted(library):
        if size >= ENOUGH_BYTES:
            break
        parts.append(module.read_bytes())
        size += len(parts[-1])
    return b"\n".join(parts)
