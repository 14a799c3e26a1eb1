"""``python -m batchcompute run --settings FILE``: the operator."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from batchcompute import app
from batchcompute.controllers.bucket import WorkspaceError
from batchcompute.controllers.signers import SignerError
from batchcompute.kube.config import ConfigError
from batchcompute.ledger.errors import Deposed
from batchcompute.runtime import logs
from batchcompute.settings import SettingsError, load

log = logging.getLogger("batchcompute")

MENDABLE = (SettingsError, ConfigError, app.StartError, SignerError, WorkspaceError)


def main(argv: list[str] | None = None) -> int:
    """0: stopped by a signal. 1: cannot start or failed. 3: another replica leads now."""
    parser = argparse.ArgumentParser(prog="batchcompute", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the operator")
    run.add_argument("--settings", type=Path, required=True, help="the settings file (YAML)")
    options = parser.parse_args(argv)
    try:
        settings = load(options.settings)
        logs.configure(settings.log_level)
        asyncio.run(app.run(settings))
    except Exception as error:
        return _ended(error)
    return 0


def _ended(error: Exception) -> int:
    """Say in one sentence what a person can mend; everything else with its traceback."""
    cause = _first(error)
    if isinstance(cause, Deposed):
        log.warning("%s; this process ends", cause)
        return 3
    if isinstance(cause, MENDABLE):
        print(f"batchcompute: {cause}", file=sys.stderr)
        return 1
    log.error("the operator ends", exc_info=error)
    return 1


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    sys.exit(main())
