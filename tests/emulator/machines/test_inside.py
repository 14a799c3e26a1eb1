"""What a machine's user data finds around it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.machines import Machines

FETCH = "import urllib.request as r, sys; print(r.urlopen(sys.argv[1]).read().decode())"
BUCKET = "data-1250000000.cos.ap-guangzhou.myqcloud.com"

ROOT = os.geteuid() == 0
"""An ordinary user's machines have one user only, and the host's programs stay as they are."""

FINDINGS = {
    "it runs as root": ("id -u", "0"),
    "the host name is the instance's": ("hostname", "VM-0-1-linux"),
    "its host name resolves to its private address": (
        "getent hosts $(hostname) | cut -d' ' -f1",
        "10.0.3.2",
    ),
    "any name of the cloud resolves": (
        f"getent ahostsv4 {BUCKET} | head -n1 | cut -d' ' -f1",
        "169.254.0.23",
    ),
    "the home directory is empty": ("ls -A /root | wc -l", "0"),
    "PID 1 is its own, and started the script": ("cat /proc/1/comm; echo $PPID", "python3 1"),
    "the script is where cloud-init puts it": (
        "echo $0",
        "/var/lib/cloud/instance/scripts/part-001",
    ),
    "the working directory is /": ("pwd", "/"),
    "no disk is in /dev": ("ls /dev | grep -cE '^(vd|sd|nvme|loop|kvm|mem)'", "0"),
    "writing to /usr stays inside": (
        "(echo x > /usr/bin/x) 2>/dev/null && cat /usr/bin/x",
        "x" if ROOT else "",
    ),
    "a program of the host can be changed inside": (
        "(echo '#' >> /usr/bin/ldd) 2>/dev/null && tail -n1 /usr/bin/ldd",
        "#" if ROOT else "",
    ),
    "another user can be become": (
        "su nobody -s /bin/sh -c 'id -un' 2>/dev/null",
        "nobody" if ROOT else "",
    ),
    "no process of the host is seen": ("ls -d /proc/[0-9]* | wc -l | grep -c ^.$", "1"),
    "a device node cannot be made": (
        "mknod /tmp/disk b 8 0 2>/dev/null; [ -e /tmp/disk ]; echo $?",
        "1",
    ),
    "the kernel's settings cannot be changed": (
        "f=/proc/sys/kernel/core_pattern; (cat $f > $f) 2>/dev/null; echo $?",
        "1",
    ),
    "its memory limit cannot be lifted": (
        "mkdir -p /mnt/c; mount -t cgroup -o memory c /mnt/c 2>/dev/null ||"
        " mount -t cgroup2 c /mnt/c 2>/dev/null;"
        " for f in /mnt/c/memory.max /mnt/c/memory.limit_in_bytes /mnt/c/pids.max; do"
        " (echo 999999999 > $f) 2>/dev/null && echo lifted; done",
        "",
    ),
    "no variable of the emulator is in the environment": ("env | grep -c PYTEST", "0"),
    "nor in that of PID 1": ("tr '\\0' '\\n' < /proc/1/environ | grep -c PYTEST", "0"),
    "half of its memory may be in /dev/shm": (
        "df -B1 --output=size /dev/shm | tail -n1 | tr -d ' '",
        str(1 << 29),
    ),
    "tmpfs can be mounted": ("mount -t tmpfs t /mnt && stat -f -c %T /mnt", "tmpfs"),
    "proc can be mounted": ("mount -t proc p /mnt && ls -d /mnt/1", "/mnt/1"),
    "the firmware and devices of the host are not shown": (
        "mount -t sysfs s /sys 2>/dev/null; ls /sys | wc -l",
        "0",
    ),
    "there is no password of the host": ("cut -d: -f2 /etc/shadow | sort -u | tr '*' none", "n"),
    "no signal is ignored or blocked": (
        # 32 and 33 are the C library's own: whatever posix_spawn starts ignores them
        "grep -E 'Sig(Ign|Blk)' /proc/self/status | grep -cE '0000000[01][08]0000000$'",
        "2",
    ),
    "no reboot": ("shutdown -r now 2>&1", "shutdown: this machine cannot reboot"),
}


async def test_findings(machines: Machines) -> None:
    script = "\n".join(f"echo {n}: $( {c} )" for n, (c, _) in enumerate(FINDINGS.values()))
    machine = await machines.run(script)
    said = machine.said()
    found = {sentence: said.get(str(n), "") for n, sentence in enumerate(FINDINGS)}
    assert found == {sentence: wanted for sentence, (_, wanted) in FINDINGS.items()}


async def test_neither_pid_1_nor_its_keeper_has_a_variable_of_the_emulator(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "of-the-emulator")
    machine = await machines.start("sleep 100")
    for pid in (machine.handle.pid, machine.handle.keeper_pid):
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode()
        names = {pair.partition("=")[0] for pair in environment.split("\0") if pair}
        assert names <= {"PATH", "LANG", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://metadata.tencentyun.com/latest/meta-data/uuid", id="metadata"),
        pytest.param(f"http://{BUCKET}/a/key?sign=x%2Fy", id="a bucket, the path as it was sent"),
        pytest.param("http://169.254.0.23/latest/", id="metadata by its address"),
    ],
)
async def test_true_names_lead_to_the_front_which_knows_who_calls(
    machines: Machines, url: str
) -> None:
    await machines.run(f"python3 -c '{FETCH}' '{url}'")
    host, slash, path = url.removeprefix("http://").partition("/")
    assert machines.front.asked == [("ins-00000001", host, slash + path)]


UP_AND_DOWN = f"""#!/usr/bin/python3
import os, threading, urllib.request

def up_and_down(number):
    data = os.urandom(8 << 20)
    back = urllib.request.urlopen("http://{BUCKET}/%d" % number, data).read()
    print("same" if back == data else "different")

threads = [threading.Thread(target=up_and_down, args=(n,)) for n in range(6)]
[t.start() for t in threads]
[t.join() for t in threads]
print("the end")
"""


async def test_eight_megabytes_go_up_and_come_back_over_six_connections_at_once(
    machines: Machines,
) -> None:
    machine = await machines.start_spec(machines.spec(UP_AND_DOWN.encode()))
    await machine.prints("the end")
    assert machine.console().splitlines() == ["same"] * 6 + ["the end"]


async def test_output_is_in_the_log_inside_and_on_the_console(machines: Machines) -> None:
    machine = await machines.run(
        "echo one; echo two >&2\n"
        "until grep -q two /var/log/cloud-init-output.log; do :; done\n"
        "sort -r /var/log/cloud-init-output.log"
    )
    assert machine.console().splitlines() == ["one", "two", "two", "one", "the script has ended"]


@pytest.mark.parametrize(
    ("user_data", "cloud_init", "console"),
    [
        pytest.param(b"#!/bin/sh\necho ran\n", True, "ran\n", id="a script runs"),
        pytest.param(b"#!/bin/sh\necho ran\n", False, "", id="without cloud-init it does not"),
        pytest.param(b"echo ran\n", True, "", id="without #! it does not"),
        pytest.param(None, True, "", id="none"),
        pytest.param(
            b"#!/usr/bin/python3\nprint('py')\n", True, "py\n", id="any interpreter will do"
        ),
        pytest.param(
            b"#!/no/such\n",
            True,
            "Failed to run /var/lib/cloud/instance/scripts/part-001: No such file or directory\n",
            id="an interpreter that is not there is said",
        ),
    ],
)
async def test_user_data(
    machines: Machines, user_data: bytes | None, cloud_init: bool, console: str
) -> None:
    spec = replace(machines.spec(user_data), cloud_init=cloud_init)
    machine = await machines.start_spec(spec)
    probe = await machines.run("sleep 0.3")  # a machine started later has done its own by now
    assert machine.console() == console
    assert not machine.handle.exited.done()
    await asyncio.gather(machine.handle.kill(), probe.handle.kill())
