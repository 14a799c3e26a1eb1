"""Assembles a machine's root out of mounts that only the machine sees.

Two steps, because the host's root may do what the machine's root may not. `stage` runs before
the machine's user namespace is entered and puts what is needed under /tmp of a mount namespace of
its own; `assemble` runs as the machine's root in all its namespaces, and ends inside.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from . import kernel

STAGE = Path("/tmp")  # noqa: S108 - below a tmpfs of our own, in a namespace of our own
STAGED_ROOT = STAGE / "machine" / "root"
LAYERS = STAGE / "machine" / "layers"
SYSTEM_DIRECTORIES = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
EMPTY_DIRECTORIES = (
    "boot data dev etc home media mnt opt proc root run run/lock srv sys tmp usr var var/backups "
    "var/cache var/lib var/lib/cloud var/lib/cloud/instance var/lib/cloud/instance/scripts "
    "var/local var/log var/mail var/opt var/spool var/tmp"
)
MODES = {"tmp": 0o1777, "var/tmp": 0o1777, "run/lock": 0o1777, "root": 0o700}
USER_DATA = "var/lib/cloud/instance/user-data.txt"
SCRIPT = "var/lib/cloud/instance/scripts/part-001"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the machine is told of itself before it asks.

    All host names lead to `address`, where connections to port 80 go on to the front's socket.
    """

    hostname: str
    private_ip: str
    address: str


def overlaid() -> list[str]:
    """The host's system directories that are no links (into /usr, mostly)."""
    roots = [(name, Path("/", name)) for name in SYSTEM_DIRECTORIES]
    return [name for name, path in roots if path.is_dir() and not path.is_symlink()]


def stage(machine: Path, base: Path, user_namespace: int | None) -> bool:
    """Mounts machine, base and the host's system directories where the machine can reach them.

    With `user_namespace` the host's files belong to the machine's users; True if that is so.
    Where kernel or file system cannot do that they belong to nobody and stay as they are.
    """
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    sources = {"machine": os.open(machine, os.O_PATH), "base": os.open(base, os.O_PATH)}
    kernel.mount("stage", STAGE, "tmpfs", 0, "mode=755,size=1m")
    for name, source in sources.items():
        (STAGE / name).mkdir()
        kernel.bind(f"/proc/self/fd/{source}", STAGE / name)
        os.close(source)
    mapped = True
    for name in overlaid():
        lower = STAGE / "lower" / name
        lower.mkdir(parents=True)
        mapped = _lower(name, lower, user_namespace) and mapped
    return mapped


def _lower(name: str, lower: Path, user_namespace: int | None) -> bool:
    if user_namespace is not None:
        try:
            kernel.idmapped_bind(f"/{name}", lower, user_namespace)
        except OSError:
            pass
        else:
            return True
    kernel.bind(f"/{name}", lower)
    return False


def assemble(identity: Identity, user_data: bytes | None, runs: bool, memory: int) -> None:
    """Builds the root, makes it /, and lets go of the host's. Then the caller is inside."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    STAGED_ROOT.mkdir(exist_ok=True)
    kernel.bind(STAGED_ROOT, STAGED_ROOT)
    os.chdir(STAGED_ROOT)
    _directories()
    for name in overlaid():
        _overlay(name, [f"{STAGE}/base/usr"] if name == "usr" else [], [f"{STAGE}/lower/{name}"])
    _overlay("etc", [], [f"{STAGE}/base/etc"])
    _devices(memory)
    kernel.mount("proc", "proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    Path("run/cloud.sock").touch()
    kernel.bind(STAGE / "machine" / "front", "run/cloud.sock")
    _identify(identity)
    _write_user_data(user_data, runs)
    kernel.pivot_root(".", "mnt")
    os.chdir("/")
    kernel.detach("/mnt")


def _directories() -> None:
    for name in EMPTY_DIRECTORIES.split():
        Path(name).mkdir(exist_ok=True)
        Path(name).chmod(MODES.get(name, 0o755))
    Path("var/run").symlink_to("/run")
    Path("var/lock").symlink_to("/run/lock")
    for name in SYSTEM_DIRECTORIES:
        on_host = Path("/", name)
        if on_host.is_symlink():
            Path(name).symlink_to(os.readlink(on_host))
        elif on_host.is_dir():
            Path(name).mkdir(exist_ok=True)


def _overlay(name: str, over: list[str], lower: list[str]) -> None:
    """One overlay; its upper directory in memory where the disk's file system cannot be one."""
    try:
        _mount_overlay(name, [*over, *lower])
    except OSError:
        if (LAYERS / "memory").exists():
            raise
        kernel.mount("layers", LAYERS, "tmpfs", 0, "mode=700")
        (LAYERS / "memory").mkdir()
        _mount_overlay(name, [*over, *lower])


def _mount_overlay(name: str, lower: list[str]) -> None:
    upper, work = LAYERS / name / "upper", LAYERS / name / "work"
    upper.mkdir(parents=True, exist_ok=True)
    work.mkdir(exist_ok=True)
    options = f"userxattr,lowerdir={':'.join(lower)},upperdir={upper},workdir={work}"
    kernel.mount("overlay", name, "overlay", 0, options)


def _devices(memory: int) -> None:
    kernel.mount("dev", "dev", "tmpfs", kernel.MS_NOSUID, "mode=755,size=1m")
    for node in (STAGE / "base" / "dev").iterdir():
        own = node if node.is_char_device() else Path("/dev", node.name)
        Path("dev", node.name).touch()
        kernel.bind(own, Path("dev", node.name))
    for name in ("shm", "pts"):
        Path("dev", name).mkdir()
    shm = f"mode=1777,size={memory // 2}"  # the kernel's default, of the machine's memory
    kernel.mount("shm", "dev/shm", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, shm)
    flags = kernel.MS_NOSUID | kernel.MS_NOEXEC
    kernel.mount("devpts", "dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=620")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1"}
    for name, target in {**links, "stderr": "fd/2"}.items():
        Path("dev", name).symlink_to(target)


def _identify(identity: Identity) -> None:
    kernel.set_hostname(identity.hostname)
    kernel.add_address("lo", "127.0.0.1")
    kernel.add_address("lo:0", identity.address)
    kernel.add_address("lo:1", identity.private_ip)
    Path("etc/hostname").write_text(f"{identity.hostname}\n")
    Path("etc/hosts").write_text(
        f"127.0.0.1 localhost\n{identity.private_ip} {identity.hostname}\n"
    )
    Path("etc/resolv.conf").write_text(f"nameserver {identity.address}\n")


def _write_user_data(user_data: bytes | None, runs: bool) -> None:
    if user_data is None:
        return
    for name in (USER_DATA, SCRIPT) if runs else (USER_DATA,):
        Path(name).write_bytes(user_data)
        Path(name).chmod(0o700 if name == SCRIPT else 0o600)
