from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cos_server import CosServer, serving


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[CosServer]:
    """An emulated COS of the test's own."""
    with serving(tmp_path / "cos") as server:
        yield server
