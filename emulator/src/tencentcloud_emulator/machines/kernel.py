"""The system calls of Linux that Python's standard library does not offer.

Every function raises OSError with the call's name on failure.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = 0o2000000
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_IDMAP = 0x00100000

SYS_OPEN_TREE = 428
SYS_MOVE_MOUNT = 429
SYS_MOUNT_SETATTR = 442
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(platform.machine(), 155)

SIOCSIFADDR = 0x8916
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _path(path: str | os.PathLike[str] | None) -> bytes | None:
    return None if path is None else os.fsencode(path)


def unshare(flags: int) -> None:
    """Gives the caller new namespaces (CLONE_NEWPID: its next child)."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd: int, kind: int) -> None:
    """Joins the namespace behind `fd`."""
    _check(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _check(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero), "prctl")


def mount(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    kind: str | None = None,
    flags: int = 0,
    options: str | None = None,
) -> None:
    result = _libc.mount(
        _path(source),
        _path(target),
        _path(kind),
        ctypes.c_ulong(flags),
        None if options is None else options.encode(),
    )
    _check(result, f"mount {kind or 'bind'} on {os.fspath(target)}")


def bind(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    mount(source, target, None, MS_BIND)


def detach(target: str | os.PathLike[str]) -> None:
    """Takes a mount and all below it out of the tree; it goes when nothing uses it."""
    _check(_libc.umount2(_path(target), ctypes.c_int(MNT_DETACH)), f"umount {os.fspath(target)}")


def pivot_root(new_root: str | os.PathLike[str], put_old: str | os.PathLike[str]) -> None:
    number = ctypes.c_long(SYS_PIVOT_ROOT)
    _check(_syscall(number, _path(new_root), _path(put_old)), "pivot_root")


def idmapped_bind(source: str, target: str | os.PathLike[str], user_namespace: int) -> None:
    """Binds `source` so that its owners are those of the user namespace behind the descriptor.

    Needs root, Linux 5.12 and a file system that can (ext4, xfs, btrfs; not overlay).
    """
    flags = ctypes.c_uint(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
    tree = _check(
        _syscall(ctypes.c_long(SYS_OPEN_TREE), AT_FDCWD, _path(source), flags),
        f"open_tree {source}",
    )
    try:
        attributes = struct.pack("=QQQQ", MOUNT_ATTR_IDMAP, 0, 0, user_namespace)
        result = _syscall(
            ctypes.c_long(SYS_MOUNT_SETATTR),
            tree,
            b"",
            ctypes.c_uint(AT_EMPTY_PATH),
            attributes,
            ctypes.c_size_t(len(attributes)),
        )
        _check(result, f"mount_setattr {source}")
        empty = ctypes.c_uint(MOVE_MOUNT_F_EMPTY_PATH)
        moved = _syscall(ctypes.c_long(SYS_MOVE_MOUNT), tree, b"", AT_FDCWD, _path(target), empty)
        _check(moved, f"move_mount {os.fspath(target)}")
    finally:
        os.close(tree)


def add_address(interface: str, address: str) -> None:
    """Gives an interface (or an alias, `lo:1`) an IPv4 address and brings it up."""
    name = interface.encode()
    packed = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16s16s", name, packed))
        request = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16s16x", name))
        (flags,) = struct.unpack_from("=H", request, 16)
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", name, flags | IFF_UP))


def set_hostname(name: str) -> None:
    encoded = name.encode()
    length = ctypes.c_size_t(len(encoded))
    _check(_libc.sethostname(encoded, length), "sethostname")
