"""`python -m dev.stack up | down | env | demo`."""

from __future__ import annotations

import sys

from dev.cluster.build import CannotBuild
from dev.cluster.interrupts import Interrupted, install
from dev.cluster.process import StartError
from dev.stack import background
from dev.stack.install import InstallError

COMMANDS = ("up", "down", "env", "demo", "supervise")


def main(argv: list[str]) -> int:
    if len(argv) != 1 or argv[0] not in COMMANDS:
        print(f"usage: python -m dev.stack {'|'.join(COMMANDS[:-1])}", file=sys.stderr)
        return 2
    install()
    try:
        return run(argv[0])
    except (background.NotUp, CannotBuild, StartError, InstallError) as error:
        print(f"batchcompute: {error}", file=sys.stderr)
        return 1
    except Interrupted as interrupted:
        print(f"\nbatchcompute: stopped by {interrupted}", file=sys.stderr)
        return 128 + interrupted.signum


def run(command: str) -> int:
    match command:
        case "up":
            background.up()
        case "down":
            background.down()
        case "env":
            print(background.env(), end="")
        case "demo":
            from dev.stack.demo.demo import demo

            return demo()
        case "supervise":
            from dev.stack.supervisor import supervise

            return supervise(background.FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
