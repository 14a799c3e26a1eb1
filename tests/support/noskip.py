"""A skipped test proves nothing, so a session with one fails. So does an expected failure."""

from __future__ import annotations

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    missing = [kind for kind in ("skipped", "xfailed", "xpassed") if reporter.stats.get(kind)]
    if missing and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line("")
        reporter.write_line(f"failed: no test may be {' or '.join(missing)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
