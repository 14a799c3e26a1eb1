"""Builds the cluster's programs once, into a cache outside the checkout.

The folder is named for everything that decides its content; it is built beside and renamed, so it
is whole or not there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.cluster.interrupts import held

MODULE = Path(__file__).parent / "go"
KUBERNETES = "v1.36.3"
MINIMUM_GO = (1, 26)
DISK_NEEDED_GIB = 4
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")

_VERSION = "k8s.io/component-base/version"
# Without a stamped version kubectl and Helm refuse the server's answer to /version.
_LINK = " ".join(
    [
        "-s -w",
        f"-X {_VERSION}.gitVersion={KUBERNETES}",
        f"-X {_VERSION}.gitMajor={KUBERNETES.lstrip('v').split('.')[0]}",
        f"-X {_VERSION}.gitMinor={KUBERNETES.split('.')[1]}",
    ]
)
_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", _LINK)
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}


class CannotBuild(Exception):
    """One sentence for the user: what is missing or what failed."""


def cache_root() -> Path:
    """The folder, outside any checkout, that all clones share."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "batchcompute-operator"


def binaries() -> Path:
    """The folder with the three programs, built first when it is not there yet."""
    version = _go_version()
    cache = cache_root()
    target = cache / f"cluster-{_key(version)}"
    if _complete(target):
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with _only_builder(cache):
        if not _complete(target):
            _build(cache, target)
    return target


def _complete(target: Path) -> bool:
    return all((target / program).is_file() for program in PROGRAMS)


def _go_version() -> str:
    if shutil.which("go") is None:
        raise CannotBuild(f"Go {_dotted(MINIMUM_GO)} or newer is needed on PATH")
    said = subprocess.run(
        ["go", "version"], cwd=MODULE, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    found = re.search(r"go(\d+)\.(\d+)", said.stdout)
    if said.returncode or not found or (int(found[1]), int(found[2])) < MINIMUM_GO:
        answer = (said.stdout or said.stderr).strip()
        raise CannotBuild(
            f"Go {_dotted(MINIMUM_GO)} or newer is needed; `go version` says: {answer}"
        )
    return said.stdout.strip()


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _key(go_version: str) -> str:
    digest = hashlib.sha256()
    sources = [MODULE / "go.mod", MODULE / "go.sum", *sorted(MODULE.glob("*/main.go"))]
    for path in sources:
        digest.update(f"{path.relative_to(MODULE)}\0".encode() + path.read_bytes())
    digest.update("\0".join([*_FLAGS, *map("=".join, _ENVIRONMENT.items()), go_version]).encode())
    return digest.hexdigest()[:16]


@contextmanager
def _only_builder(cache: Path) -> Iterator[None]:
    """One build at a time for all clones of this user; the others wait for its result."""
    with (cache / ".cluster.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another process is building the cluster's programs; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(cache: Path, target: Path) -> None:
    free = shutil.disk_usage(cache).free / 2**30
    if free < DISK_NEEDED_GIB:
        raise CannotBuild(
            f"{DISK_NEEDED_GIB} GiB of disk are needed in {cache}, {free:.1f} are free"
        )
    _say(
        f"building etcd and Kubernetes {KUBERNETES} (API server, controllers) with `go build`\n"
        "  once, about 6 minutes on 2 cores; downloads about 200 MB of Go modules (network)\n"
        f"  and uses up to {DISK_NEEDED_GIB} GiB of disk, most of it in Go's own caches\n"
        f"  result: {target} (about 200 MB)"
    )
    for left in cache.glob(".cluster-*/"):  # of a builder that was killed; we hold the lock
        shutil.rmtree(left)
    beside = Path(tempfile.mkdtemp(prefix=".cluster-", dir=cache))
    try:
        if _go_build(beside):
            raise CannotBuild(f"`go build` in {MODULE} failed (its output is above)")
        beside.chmod(0o755)
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _go_build(into: Path) -> int:
    """Runs the compiler in a process group of its own, so that Ctrl-C ends all of it."""
    with held():
        compiler = subprocess.Popen(
            ["go", "build", *_FLAGS, "-o", f"{into}/", "./..."],
            cwd=MODULE,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            process_group=0,
        )
    try:
        return compiler.wait()
    except BaseException:
        os.killpg(compiler.pid, signal.SIGKILL)
        compiler.wait()
        raise


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
