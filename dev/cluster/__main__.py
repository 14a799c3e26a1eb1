"""`python -m dev.cluster build | start --dir D | stop --dir D`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from dev.cluster.build import CannotBuild, binaries
from dev.cluster.cluster import Cluster, clean
from dev.cluster.kind import KindCluster
from dev.cluster.process import ProcessId, StartError

STOP_GRACE_SECONDS = 10.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build the programs into the cache, print their folder")
    for name, what in (("start", "start one in the background"), ("stop", "stop it")):
        command = commands.add_parser(name, help=what)
        command.add_argument("--dir", type=Path, required=True, help="its folder")
    arguments = parser.parse_args()
    try:
        if arguments.command == "build":
            print(binaries())
        elif arguments.command == "start":
            start(arguments.dir.absolute())
        else:
            stop(arguments.dir.absolute())
    except (CannotBuild, StartError) as error:
        print(f"dev.cluster: {error}", file=sys.stderr)
        return 1
    return 0


def start(directory: Path) -> None:
    record = directory / "processes.json"
    if record.exists():
        raise StartError(f"a cluster was started in {directory} and not stopped")
    if os.environ.get("CLUSTER") == "kind":
        print(f"export KUBECONFIG={KindCluster.start(directory).kubeconfig}")
        return
    cluster = Cluster.start(directory, dies_with_owner=False)
    processes = [[name, p.pid, p.started] for name, p in cluster.processes.items()]
    record.write_text(json.dumps(processes) + "\n")
    print(f"export KUBECONFIG={cluster.kubeconfig}")


def stop(directory: Path) -> None:
    if os.environ.get("CLUSTER") == "kind":
        KindCluster(directory).stop()
        return
    record = directory / "processes.json"
    if not record.exists():
        return
    for _, pid, started in reversed(json.loads(record.read_text())):
        ProcessId(pid, started).end(STOP_GRACE_SECONDS)
    clean(directory)
    record.unlink()


if __name__ == "__main__":
    sys.exit(main())
