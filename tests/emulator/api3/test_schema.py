"""The checked-in table of fields is what the vendor's models say."""

from __future__ import annotations

import runpy
from pathlib import Path

TOOL = Path(__file__).parents[3] / "emulator" / "tools" / "derive_schema.py"


def test_the_table_is_current() -> None:
    tool = runpy.run_path(str(TOOL))
    assert tool["TARGET"].read_text(encoding="utf-8") == tool["derived"]()
