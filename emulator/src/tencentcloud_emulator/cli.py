"""The command `tencentcloud-emulator`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import logging
import signal
import sys
from pathlib import Path

from .app import Config, Emulator
from .settings import Settings

PR_SET_PDEATHSIG = 1


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if options.with_parent:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        asyncio.run(serve(options))
    except OSError as error:
        print(f"tencentcloud-emulator: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="tencentcloud-emulator",
        description="A double of the parts of Tencent Cloud that batch work uses: "
        "CVM, STS, COS and the instance metadata service, on this machine.",
    )
    serve_options = result.add_subparsers(required=True).add_parser(
        "serve",
        help="serve until TERM or INT",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = serve_options.add_argument
    add("--state-dir", type=Path, required=True, help="holds keys, objects and machines' roots")
    add("--port", type=int, default=0, help="of the cloud; 0 is a free one")
    add("--control-port", type=int, default=0, help="of the control API; 0 is a free one")
    add("--ready-file", type=Path, help="JSON with endpoints and keys, written once it listens")
    add("--machines", choices=("real", "light"), default="real",
        help="real: user data runs as processes; light: nothing runs")  # fmt: skip
    add("--pending-seconds", type=float, default=Settings().pending_seconds, help="to RUNNING")
    add(
        "--terminating-seconds",
        type=float,
        default=Settings().terminating_seconds,
        help="to absent",
    )
    add("--with-parent", action="store_true", help="end when the starting process ends")
    return result


async def serve(options: argparse.Namespace) -> None:
    """Serves until TERM or INT, then ends every machine."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings = Settings(
        pending_seconds=options.pending_seconds, terminating_seconds=options.terminating_seconds
    )
    config = Config(
        state_dir=options.state_dir.absolute(),
        port=options.port,
        control_port=options.control_port,
        light=options.machines == "light",
        settings=settings,
    )
    if options.ready_file is not None:
        options.ready_file.unlink(missing_ok=True)
    emulator = Emulator(config)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(emulator.close)
        await emulator.start()
        if options.ready_file is not None:
            emulator.write_ready(options.ready_file)
        print(
            f"serving CVM, STS and COS on {emulator.endpoint}, control on "
            f"{emulator.control_endpoint}, {options.machines} machines",
            flush=True,
        )
        await stop.wait()
        print("ending every machine", flush=True)
