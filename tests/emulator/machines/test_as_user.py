"""Machines of an ordinary user: no root, no control groups, one user inside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[3] / "emulator" / "src" / "tencentcloud_emulator"
NOBODY = 65534
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from tencentcloud_emulator.machines.port import MachineSpec
from tencentcloud_emulator.machines.preflight import preflight
from tencentcloud_emulator.machines.runtime import open_runtime

class Front:
    async def serve_unix(self, path, instance_id):
        async def answer(reader, writer):
            await reader.readuntil(b"\\r\\n\\r\\n")
            writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + instance_id.encode())
            writer.close()
        self.server = await asyncio.start_unix_server(answer, path)

    async def close_unix(self, instance_id):
        self.server.close()

SCRIPT = b'''#!/bin/bash
echo "user: $(id -un) $(cat /proc/self/uid_map | tr -s ' ')"
echo "asked: $(python3 -c 'import urllib.request as r
print(r.urlopen("http://metadata.tencentyun.com/").read().decode())')"
echo "processes: $(ls -d /proc/[0-9]* | wc -l)"
echo "home: $(ls -A /root | wc -l)"
python3 -c 'bytearray(2 << 30)' 2>/dev/null || echo "memory: limited"
echo "through: yes"
while :; do sleep 0.02; echo; done
'''

async def main(state):
    found = preflight()
    if found:
        return {"preflight": found}
    runtime = await open_runtime(state, Front())
    events = {}
    names = ("ins-1", "n", "VM-1", "u", "1", "r", "z", "i")
    spec = MachineSpec(*names, True, 1, 1, "10.0.0.2", SCRIPT)
    machine = await runtime.start(spec, lambda e: events.update({e.pid: e}))
    console = runtime.console("ins-1")
    while "through" not in console.read_text():
        await asyncio.sleep(0.02)
    await machine.freeze()
    before = console.stat().st_size
    await asyncio.sleep(0.3)
    frozen = console.stat().st_size == before
    await machine.thaw()
    while console.stat().st_size == before:
        await asyncio.sleep(0.02)
    lines = console.read_text().splitlines()
    await runtime.close()
    left = sorted(p.name for p in state.iterdir())
    argvs = [list(e.argv) for e in events.values()]
    return {"lines": lines, "frozen": frozen, "left": left, "argvs": argvs}

print(json.dumps(asyncio.run(asyncio.wait_for(main(Path(sys.argv[1])), 60))))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can reach, with the emulator's package in it."""
    directory = Path(tempfile.mkdtemp(prefix="machines-as-user-"))
    directory.chmod(0o755)
    shutil.copytree(PACKAGE, directory / "src" / PACKAGE.name)
    state = directory / "state"
    state.mkdir()
    if os.geteuid() == 0:
        os.chown(state, NOBODY, NOBODY)
    yield directory
    shutil.rmtree(directory)


def run_as_user(place: Path) -> dict[str, Any]:
    root = os.geteuid() == 0
    user: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}
    done = subprocess.run(
        ["/usr/bin/python3" if root else sys.executable, "-c", PROGRAM, place / "state"],
        env={"PYTHONPATH": str(place / "src"), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent",
             "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=90,
        **user,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_an_ordinary_user_has_machines_too_or_is_told_why_not(place: Path) -> None:
    told = run_as_user(place)
    if "preflight" in told:  # this host lets only root make user namespaces
        assert told["preflight"][0].startswith("User namespaces are not permitted here")
        return
    uid = NOBODY if os.geteuid() == 0 else os.geteuid()
    said = dict(line.split(": ", 1) for line in told["lines"] if ": " in line)
    assert said["user"] == f"root  0 {uid} 1"
    assert said["asked"] == "ins-1"
    assert int(said["processes"]) < 8
    assert said["home"] == "0"
    assert said["memory"] == "limited"
    assert told["frozen"]
    assert told["left"] == ["consoles"]
    assert ["/bin/bash", "/var/lib/cloud/instance/scripts/part-001"] in told["argvs"]
