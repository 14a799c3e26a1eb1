"""Starts one machine and stays its keeper: `python -m tencentcloud_emulator.machines.launch`.

Reads a plan (JSON, one line) from standard input and writes JSON lines: `{"pid": N}` when PID 1
is there and waits for a line `go`, `{"running": true}` when it has gone inside, `{"error": "..."}`
where either fails, `{"notice": "..."}` before; at the end `{"ended": true}`. When its standard
input ends the machine is killed: so a killed emulator leaves none. Whatever the end, no process,
mount, cgroup or file of the machine is left but its console.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import select
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import kernel, rootfs
from .base import GUEST_HOME
from .cgroups import Group, Limits
from .ids import Ids
from .rootfs import Identity
from .traces import remove_tree

NAMESPACES = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWIPC
)
PYTHON = "/usr/bin/python3"
FOREIGN_PROGRAMS = (
    "no idmapped mounts here (Linux 5.19; not on overlay file systems): "
    "a machine cannot change the programs of the host that it sees"
)
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONPATH": f"/usr/{GUEST_HOME}",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is needed for one machine; `directory` is its own and goes with it."""

    directory: Path
    base: Path
    console: Path
    ids: Ids
    identity: Identity
    limits: Limits
    group: Group | None
    user_data: bytes | None
    runs_user_data: bool

    def to_json(self) -> str:
        return json.dumps(
            {
                "directory": str(self.directory),
                "base": str(self.base),
                "console": str(self.console),
                "ids": [self.ids.mapped, self.ids.base],
                "identity": [
                    self.identity.hostname,
                    self.identity.private_ip,
                    self.identity.address,
                ],
                "limits": [self.limits.memory, self.limits.processes, self.limits.cpu],
                "group": self.group
                and [self.group.version, [str(d) for d in self.group.directories]],
                "userData": self.user_data and base64.b64encode(self.user_data).decode(),
                "runsUserData": self.runs_user_data,
            }
        )

    @classmethod
    def from_json(cls, line: str) -> Plan:
        read: dict[str, Any] = json.loads(line)
        group = read["group"]
        return cls(
            directory=Path(read["directory"]),
            base=Path(read["base"]),
            console=Path(read["console"]),
            ids=Ids(*read["ids"]),
            identity=Identity(*read["identity"]),
            limits=Limits(*read["limits"]),
            group=Group(group[0], tuple(map(Path, group[1]))) if group else None,
            user_data=base64.b64decode(read["userData"]) if read["userData"] else None,
            runs_user_data=read["runsUserData"],
        )


def keeper_command() -> list[str]:
    """How a keeper is started. It needs none of the installed packages, and starts sooner so."""
    return [sys.executable, "-S", "-s", "-m", f"{__package__}.launch"]


def keeper_environment() -> dict[str, str]:
    """None of the host's variables: they may hold secrets."""
    return {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.defpath}


def main() -> None:
    plan = Plan.from_json(sys.stdin.readline())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    try:
        pid = start(plan)
        say(running=True)
        keep(pid, plan.group)
    except OSError as error:
        say(error=str(error))
    finally:
        if plan.group:
            plan.group.remove()
        remove_tree(plan.directory)
    if not say(ended=True) and plan.group:
        plan.group.remove_family()


def say(**message: object) -> bool:
    """False if the emulator is gone; then nobody else removes what its machines shared."""
    try:
        os.write(1, json.dumps(message).encode() + b"\n")
    except BrokenPipeError:
        return False
    return True


def start(plan: Plan) -> int:
    """Starts PID 1 and gives its process id on the host. On OSError no process is left."""
    if plan.group:
        plan.group.create(plan.limits)
    if plan.ids.mapped:
        for path in (plan.directory, plan.directory / "front"):
            os.chown(path, plan.ids.base, plan.ids.base)
    console = os.open(plan.console, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    user_namespace = make_user_namespace(plan.ids)
    go_reader, go_writer = os.pipe()
    answer_reader, answer_writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        os.close(go_writer)
        os.close(answer_reader)
        pipes = (go_reader, answer_writer, console)
        become(lambda: enter(plan, user_namespace, *pipes), answer_writer)
    for fd in (go_reader, answer_writer, user_namespace, console):
        os.close(fd)
    with os.fdopen(answer_reader, "rb") as answers:
        first = answers.readline()
        os.waitpid(middle, 0)
        if not first.startswith(b"pid "):
            raise OSError(first.decode().strip())
        pid = int(first[4:])
        if plan.group:
            plan.group.add(pid)
        say(pid=pid)
        os.write(go_writer, sys.stdin.readline().strip().encode() or b"no")
        if problem := answers.read():  # empty: the pipe was closed by exec
            os.waitpid(pid, 0)
            raise OSError(problem.decode().strip())
    os.close(go_writer)
    return pid


def become(work: object, answer: int) -> None:
    """Runs the child's work, which does not return; tells the parent why if it fails."""
    try:
        assert callable(work)
        work()
    except OSError as error:
        os.write(answer, f"{error}\n".encode())
    finally:
        os._exit(1)


def make_user_namespace(ids: Ids) -> int:
    """A new user namespace with the map of `ids`, as a descriptor."""
    ready_reader, ready_writer = os.pipe()
    done_reader, done_writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(done_writer)
        become(lambda: hold_user_namespace(ready_writer, done_reader), ready_writer)
    os.close(ready_writer)
    os.close(done_reader)
    try:
        with os.fdopen(ready_reader, "rb", 0) as ready:
            if (answer := ready.read(200)) != b"ready":
                raise OSError(answer.decode().strip())
        process = Path("/proc") / str(child)
        if not ids.mapped:
            (process / "setgroups").write_text("deny")
        for name in ("uid_map", "gid_map"):
            line = ids.map_line() if ids.mapped or name == "uid_map" else f"0 {os.getegid()} 1"
            (process / name).write_text(line)
        return os.open(process / "ns" / "user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(done_writer)
        os.waitpid(child, 0)


def hold_user_namespace(ready: int, done: int) -> None:
    kernel.unshare(kernel.CLONE_NEWUSER)
    os.write(ready, b"ready")
    os.read(done, 1)


def enter(plan: Plan, user_namespace: int, go: int, answer: int, console: int) -> None:
    """Enters the machine's namespaces and leaves PID 1 behind, a child of the keeper."""
    if plan.ids.mapped:
        kernel.unshare(kernel.CLONE_NEWNS)
        if not rootfs.stage(plan.directory, plan.base, user_namespace):
            say(notice=FOREIGN_PROGRAMS)
        os.setgroups([])
    kernel.setns(user_namespace, kernel.CLONE_NEWUSER)
    if plan.ids.mapped:
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    kernel.unshare(NAMESPACES)
    if not plan.ids.mapped:
        rootfs.stage(plan.directory, plan.base, None)
    pid = os.fork()
    if pid == 0:
        become(lambda: be_init(plan, go, answer, console), answer)
    os.write(answer, f"pid {pid}\n".encode())
    os._exit(0)


def be_init(plan: Plan, go: int, answer: int, console: int) -> None:
    """PID 1: waits until it is in its group and the keeper its parent, then goes inside."""
    if os.read(go, 2) != b"go":
        raise OSError("the keeper is gone")
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.unshare(kernel.CLONE_NEWCGROUP)
    rootfs.assemble(plan.identity, plan.user_data, plan.runs_user_data, plan.limits.memory)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if plan.group is None:
        processes = (plan.limits.processes, plan.limits.processes)
        resource.setrlimit(resource.RLIMIT_NPROC, processes)
        resource.setrlimit(resource.RLIMIT_AS, (plan.limits.memory, plan.limits.memory))
    os.setsid()
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(console, 1)
    os.dup2(console, 2)
    os.set_inheritable(answer, False)
    os.dup2(answer, 3, inheritable=False)
    os.closerange(4, 4096)
    script = f"/{rootfs.SCRIPT}" if plan.runs_user_data else "-"
    argv = [PYTHON, "-S", "-s", "-m", "guest.init", script]
    os.execve(PYTHON, argv, ENVIRONMENT)  # noqa: S606


def keep(pid: int, group: Group | None) -> None:
    """Until the machine ends, by itself or because standard input has ended."""
    machine = os.pidfd_open(pid)
    ready, _, _ = select.select([machine, 0], [], [])
    if machine not in ready:
        os.kill(pid, signal.SIGKILL)
    if group:
        group.freeze(False)  # what is frozen does not die
    os.waitpid(pid, 0)
    os.close(machine)


if __name__ == "__main__":
    main()
