"""Writes the generated files; with `--check` writes nothing and fails when one is not current."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from batchcompute.api import crdgen
from dev.generate import rbac

ROOT = Path(__file__).parents[2]


def wanted() -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Folders that hold generated files alone, each with the name and text of every one."""
    yield ROOT / "crds", dict(crdgen.files())
    yield ROOT / "manifests" / "install", dict(rbac.files())


def stale(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Names of files that are missing, differ, or should not be there."""
    present = {path.name: path.read_text("utf-8") for path in folder.glob("*") if path.is_file()}
    return sorted(name for name in {*present, *files} if present.get(name) != files.get(name))


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
    for folder, files in wanted():
        for name in stale(folder, files):
            found = True
            path = folder / name
            if check:
                print(f"{path.relative_to(ROOT)} is not current: run `make generate`")
            else:
                write(path, files.get(name))
                print(f"{'wrote' if name in files else 'removed'} {path.relative_to(ROOT)}")
    return int(check and found)


if __name__ == "__main__":
    sys.exit(main())
