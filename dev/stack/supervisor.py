"""The process behind `make up`: owns the stack, restarts the operator, ends all with itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from dev.cluster.build import CannotBuild
from dev.cluster.cluster import Cluster
from dev.cluster.interrupts import Interrupted, install
from dev.cluster.process import ProcessId, StartError
from dev.stack import clusters, record
from dev.stack.exports import exports
from dev.stack.install import InstallError
from dev.stack.stack import AnyCluster, Stack

LOOK_SECONDS = 0.5
RESTART_SECONDS = 2.0


def supervise(folder: Path) -> int:
    """Runs until TERM or until cloud or cluster end. 1 when something failed."""
    install()
    own = ProcessId.of(os.getpid())
    assert own is not None
    up = record.Record({"supervisor": own})
    record.write(folder, up)
    try:
        make = _noting(folder, up, clusters.prepare())
        stack = Stack.start(folder, make_cluster=make, say=_say)
    except (StartError, InstallError, CannotBuild) as error:
        _say(str(error))
        return 1
    except Interrupted:
        return 0
    try:
        up.ready = exports(stack.cluster.kubeconfig, stack.cloud, folder / "bin")
        _note(folder, up, stack)
        while True:
            time.sleep(LOOK_SECONDS)
            stack.check()
            if not stack.operator.running():
                _restart_operator(folder, up, stack)
    except StartError as error:
        _say(str(error))
        return 1
    except Interrupted:
        return 0
    finally:
        stack.stop()


def _restart_operator(folder: Path, up: record.Record, stack: Stack) -> None:
    _say("the operator has ended; starting it again")
    time.sleep(RESTART_SECONDS)
    try:
        stack.start_operator()
    except StartError as error:
        _say(str(error))
    _note(folder, up, stack)


def _note(folder: Path, up: record.Record, stack: Stack) -> None:
    up.processes = {"supervisor": up.supervisor, **stack.processes}
    record.write(folder, up)


def _noting(
    folder: Path, up: record.Record, make: Callable[[Path], AnyCluster]
) -> Callable[[Path], AnyCluster]:
    """`make`, but the cluster's children are put on record as soon as there are any."""

    def start(directory: Path) -> AnyCluster:
        cluster = make(directory)
        if isinstance(cluster, Cluster):
            up.processes.update(cluster.processes)
            record.write(folder, up)
        return cluster

    return start


def _say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, flush=True)
