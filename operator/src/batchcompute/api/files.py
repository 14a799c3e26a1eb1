"""Generated files: written, or compared with what is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_or_check(directory: Path, wanted: Mapping[str, str], *, check: bool, tool: str) -> int:
    """Exit code of a generator. `check` writes nothing: 1 when a file is missing or differs."""
    stale = sorted(name for name, text in wanted.items() if _read(directory / name) != text)
    for name in stale:
        path = directory / name
        if check:
            print(f"{path} is stale: run python -m batchcompute.api.{tool}")
            continue
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[name], "utf-8")
        print(f"wrote {path}")
    return 1 if check and stale else 0


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None
