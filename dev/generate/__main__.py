"""Writes the generated files; with `--check` writes nothing and fails when one is not current."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batchcompute.api import crdgen, docgen
from dev.generate import rbac

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Target:
    """A folder and what is generated into it; `alone`: no other file may lie there."""

    folder: Path
    files: Mapping[str, str]
    alone: bool = True


def targets() -> list[Target]:
    pages = {"api.md": docgen.api_page(), "reasons.md": docgen.reasons_page()}
    return [
        Target(ROOT / "crds", dict(crdgen.files())),
        Target(ROOT / "manifests" / "install", dict(rbac.files())),
        Target(ROOT / "docs" / "reference", pages, alone=False),
    ]


def stale(target: Target) -> list[str]:
    """Names of files that are missing, differ, or should not be there."""
    present = {p.name: p.read_text("utf-8") for p in target.folder.glob("*") if p.is_file()}
    names = {*present, *target.files} if target.alone else target.files
    return sorted(name for name in names if present.get(name) != target.files.get(name))


def write(path: Path, text: str | None) -> None:
    """Writes the file, or removes it for None."""
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.generate", description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    found = False
    for target in targets():
        for name in stale(target):
            found = True
            path = target.folder / name
            if check:
                print(f"{path.relative_to(ROOT)} is not current: run `make generate`")
            else:
                write(path, target.files.get(name))
                print(f"{'wrote' if name in target.files else 'removed'} {path.relative_to(ROOT)}")
    return int(check and found)


if __name__ == "__main__":
    sys.exit(main())
