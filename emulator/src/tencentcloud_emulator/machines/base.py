"""What all machines of an emulator share, made once at its start and read-only to them.

`etc` is a copy of the files of the host's /etc that hold no secret and nothing of this host;
`usr` lies over the host's /usr: the machine's own programs, and what of /usr stays hidden;
`dev` holds the device nodes a machine may have.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from .ids import Ids

GUEST = Path(__file__).parent / "guest"
GUEST_HOME = "lib/tencentcloud-machine"

ETC = (
    "adduser.conf alternatives bash.bashrc ca-certificates ca-certificates.conf containers "
    "debian_version deluser.conf dpkg fonts fuse.conf gai.conf group host.conf inputrc issue "
    "java* ld.so.cache ld.so.conf ld.so.conf.d ldap/ldap.conf locale.alias locale.conf "
    "locale.gen localtime login.defs magic magic.mime mailcap mime.types mke2fs.conf "
    "netconfig networks nsswitch.conf os-release pam.conf pam.d passwd perl pki/ca-trust "
    "pki/tls/certs profile profile.d protocols python3* redhat-release rpc security services "
    "shells skel ssl/certs ssl/openssl.cnf terminfo timezone vim xattr.conf"
)
HIDDEN_IN_USR = ("src", "local/src", "local/etc")
DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
    "fuse": (10, 229),
}


def build(target: Path, ids: Ids, hidden: Iterable[Path]) -> None:
    """Makes `target` anew; whatever of /usr holds a path of `hidden` is hidden too."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    _etc(target / "etc")
    _usr(target / "usr", hidden)
    if ids.mapped:
        for below, directories, files in os.walk(target):
            for name in (".", *directories, *files):
                os.chown(os.path.join(below, name), ids.base, ids.base, follow_symlinks=False)
    _devices(target / "dev", ids)


def _etc(target: Path) -> None:
    target.mkdir()
    host = Path("/etc")
    for pattern in ETC.split():
        for source in host.glob(pattern):
            copy = target / source.relative_to(host)
            copy.parent.mkdir(parents=True, exist_ok=True)
            _copy(source, copy)
    accounts = _system_accounts(host / "passwd")
    (target / "passwd").write_text("".join(f"{line}\n" for line in accounts))
    shadow = "".join(f"{line.split(':')[0]}:*:20000:0:99999:7:::\n" for line in accounts)
    (target / "shadow").write_text(shadow)
    (target / "shadow").chmod(0o600)
    (target / "machine-id").write_text("")


def _copy(source: Path, target: Path) -> None:
    """Copies what everybody may read; links stay links."""
    if source.is_symlink():
        target.symlink_to(os.readlink(source))
    elif source.is_dir():
        target.mkdir(exist_ok=True)
        for entry in source.iterdir():
            _copy(entry, target / entry.name)
    elif source.is_file() and source.stat().st_mode & stat.S_IROTH:
        shutil.copy2(source, target)


def _system_accounts(passwd: Path) -> list[str]:
    """The accounts of the system, root first among them with /root; no person's."""
    lines = [line for line in passwd.read_text().splitlines() if line.count(":") == 6]
    kept = []
    for line in lines:
        name, _, uid, gid, comment, home, shell = line.split(":")
        if int(uid) >= 1000 and name != "nobody":
            continue
        home = "/root" if uid == "0" else home
        kept.append(":".join((name, "x", uid, gid, comment, home, shell)))
    return kept


def _usr(target: Path, hidden: Iterable[Path]) -> None:
    programs = target / "sbin"
    programs.mkdir(parents=True)
    for name, source in (("poweroff", "poweroff"), ("halt", "poweroff"), ("shutdown", "shutdown")):
        shutil.copyfile(GUEST / f"{source}.sh", programs / name)
        (programs / name).chmod(0o755)
    home = target / GUEST_HOME / GUEST.name
    home.mkdir(parents=True)
    for module in GUEST.glob("*.py"):
        shutil.copyfile(module, home / module.name)
    below_usr = [p.relative_to("/usr") for p in hidden if p.is_relative_to("/usr")]
    for place in (*map(Path, HIDDEN_IN_USR), *below_usr):
        if (Path("/usr") / place).is_dir() and not (Path("/usr") / place).is_symlink():
            (target / place).mkdir(parents=True, exist_ok=True)
            os.setxattr(target / place, "user.overlay.opaque", b"y")


def _devices(target: Path, ids: Ids) -> None:
    """Nodes of their own, so that neither owner nor mode of the host's count; root only."""
    target.mkdir()
    for name, (major, minor) in DEVICES.items():
        node = target / name
        if not ids.mapped:
            if Path("/dev", name).exists():
                node.touch()
            continue
        if name == "fuse" and not Path("/dev/fuse").exists():
            continue
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        node.chmod(0o666)
        os.chown(node, ids.base, ids.base)
