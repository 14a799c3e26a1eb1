"""What a machine does stays in it: the host and the machine beside it notice nothing."""

from __future__ import annotations

import asyncio
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.eventually import eventually
from tests.support.machines import Machines, Running, host_view, namespaces_of

CHECKOUT = Path(__file__).parents[3]
SERVE_AND_TICK = """
echo beside > /root/index.html
cd /root
python3 -m http.server 8080 >/dev/null 2>&1 &
while :; do
  echo "tick: $((n += 1)) $(python3 -c '
import urllib.request
try: print(urllib.request.urlopen("http://127.0.0.1:8080/").read().decode().strip())
except OSError: print("not yet")
')"
  sleep 0.1
done"""


@dataclass(slots=True)
class Surroundings:
    """A process and files of the host, and a machine beside the one under test."""

    machines: Machines
    process: subprocess.Popen[bytes]
    files: list[Path]
    beside: Running

    def tick(self) -> int:
        """The last tick at which the machine beside served its own page."""
        ticks = [n for n, page in self._ticks() if page == "beside"]
        return ticks[-1] if ticks else 0

    def _ticks(self) -> Iterator[tuple[int, str]]:
        for line in self.beside.console().splitlines():
            if line.startswith("tick: "):
                number, _, page = line.removeprefix("tick: ").partition(" ")
                yield int(number), page

    async def unharmed(self) -> None:
        """Host and neighbour are as they were, and go on."""
        seen = self.tick()
        await eventually(lambda: self.tick() >= seen + 3, "the machine beside goes on", 30)
        assert self.process.poll() is None, "a process of the host was ended"
        assert [p.read_text() for p in self.files] == ["a secret of the host"] * len(self.files)
        assert subprocess.run(["true"], check=False).returncode == 0


@pytest_asyncio.fixture
async def around(machines: Machines, tmp_path: Path) -> AsyncIterator[Surroundings]:
    name = f".kubeconfig-{uuid.uuid4().hex}"
    files = [Path.home() / name, CHECKOUT / name, tmp_path / name]
    process = subprocess.Popen(["sleep", "600"])
    try:
        for file in files:
            file.write_text("a secret of the host")
        found = Surroundings(machines, process, files, await machines.start(SERVE_AND_TICK))
        await eventually(lambda: found.tick() > 0, "the machine beside serves", 20)
        yield found
    finally:
        for file in files:
            file.unlink(missing_ok=True)
        process.kill()
        process.wait()


ATTACKS = [
    pytest.param(  # bounded: /usr may have 150,000 files
        "timeout 25 rm -rf --no-preserve-root / 2>/dev/null", id="it removes every file it can"
    ),
    pytest.param("sleep 0.2; kill -9 -1; exit", id="it kills every process it sees"),
    pytest.param(
        "sleep 0.2; for p in $(seq 2 400) $$; do kill -9 $p; done 2>/dev/null",
        id="it kills one process after the other",
    ),
    pytest.param(
        '(setsid sh -c \'trap "" HUP TERM INT; (while :; do sleep 1; done) & while :; do sleep 1;'
        " done' >/dev/null 2>&1 </dev/null &) ; sleep 0.2",
        id="it starts a daemon that leaves its session",
    ),
    pytest.param(
        "cd /tmp; echo mine > index.html; python3 -m http.server 8080 >/dev/null 2>&1 & sleep 1;"
        " python3 -c 'import urllib.request as r;"
        ' assert r.urlopen("http://127.0.0.1:8080/").read() == b"mine\\n"\'',
        id="it serves port 8080 too",
    ),
    pytest.param(
        "mount -o remount,ro / 2>/dev/null; umount -a 2>/dev/null; swapoff -a 2>/dev/null; true",
        id="it unmounts everything",
    ),
    pytest.param(
        "for f in /proc/sysrq-trigger /proc/sys/kernel/{core_pattern,panic,printk,modprobe}"
        " /proc/sys/vm/* /proc/sys/fs/*; do"
        " [ -f $f ] && (cat $f > $f) 2>/dev/null && echo wrote: $f; done; true",
        id="it writes to the kernel's settings",
    ),
    pytest.param(
        "python3 -c 'x = bytearray(3 << 30)'; [ $? -ne 0 ] && echo limit: held",
        id="it wants more memory than it has",
    ),
]


@pytest.mark.parametrize("attack", ATTACKS)
async def test_host_and_neighbour_notice_nothing(
    around: Surroundings, tmp_path: Path, attack: str
) -> None:
    script = f"{attack}\necho attack: $?"
    machine = await around.machines.start(script)
    own = namespaces_of(machine.handle.pid) - namespaces_of("self")
    assert len(own) == 6
    await _attacked(machine, attack, own)
    await around.unharmed()
    assert "wrote" not in machine.said()
    assert not machine.handle.exited.done(), "PID 1 was lost"
    await machine.handle.kill()
    left = host_view(tmp_path, own)
    assert not left.processes
    assert not left.namespaces
    assert not [d for d in (*left.groups, *left.files) if machine.spec.instance_id in d]


async def _attacked(machine: Running, attack: str, own: frozenset[str]) -> None:
    """Until the script is through, or dead by its own hand."""
    if "kill" in attack:
        only_init = frozenset({machine.handle.pid})
        state = machine.runtime.state_dir
        await eventually(lambda: host_view(state, own).processes == only_init, "it is dead", 30)
    else:
        await eventually(lambda: "attack" in machine.said(), "the attack is over", 90)
        assert machine.said()["attack"] == "0" or "rm -rf" in attack, machine.console()[-2000:]


async def test_a_fork_bomb_stays_below_the_limit_and_ends_with_its_machine(
    around: Surroundings, tmp_path: Path
) -> None:
    machine = await around.machines.start("bomb() { bomb | bomb & }; exec 2>/dev/null; bomb")
    own = namespaces_of(machine.handle.pid) - namespaces_of("self")
    assert len(own) == 6
    most = 0
    for _ in range(40):
        most = max(most, len(host_view(tmp_path, own).processes))
        await asyncio.sleep(0.05)
    await around.unharmed()
    assert 100 < most <= 1024
    await machine.handle.kill()
    left = host_view(tmp_path, own)
    assert (left.processes, left.namespaces) == (frozenset(), frozenset())


FIND_SOCKETS = """
import os, stat
paths = (os.path.join(d, f) for d, _, files in os.walk("/") for f in files)
there = [p for p in paths if not p.startswith("/proc/") and os.path.lexists(p)]
print("sockets:", *[p for p in there if stat.S_ISSOCK(os.lstat(p).st_mode)])
"""


async def test_no_file_of_the_operator_can_be_read(around: Surroundings, tmp_path: Path) -> None:
    names = " ".join(f"'{file}'" for file in around.files)
    places = " ".join(f"'{p}'" for p in (CHECKOUT, tmp_path, Path.home() / ".kube"))
    script = f"""
    for f in {names}; do
      for root in "" /proc/1/root /proc/self/root /proc/1/cwd /mnt /old; do
        cat "$root$f" && echo read: $root$f
      done
    done 2>/dev/null
    for d in {places}; do [ -e "$d" ] && echo seen: $d; done
    echo "found: ($(find / -name '{around.files[0].name}' 2>/dev/null))"
    python3 -c '{FIND_SOCKETS}'"""
    machine = await around.machines.run(script, 60)
    said = machine.said()
    assert "read" not in said
    assert "seen" not in said
    assert said["found"] == "()"
    assert said["sockets"] == "/run/cloud.sock"
