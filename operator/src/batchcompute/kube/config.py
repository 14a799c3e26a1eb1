"""Where the API server is and how to prove who we are: a kubeconfig, or the pod's own account."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_REFRESH_SECONDS = 60.0  # the kubelet renews projected tokens at 80 % of an hour


class ConfigError(Exception):
    """The configuration cannot be used; the text says which file and which field."""


@dataclass(slots=True)
class Token:
    """A bearer token: a fixed one, or a file that is read again every minute."""

    value: str | None = field(default=None, repr=False)
    file: Path | None = None
    _read_at: float = field(default=float("-inf"), repr=False)

    def read(self, monotonic: float) -> str | None:
        if self.file and monotonic - self._read_at >= TOKEN_REFRESH_SECONDS:
            self.value = self.file.read_text().strip()
            self._read_at = monotonic
        return self.value


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """One API server: base URL, TLS (``None`` for plain http), token, default namespace."""

    server: str
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    token: Token = field(default_factory=Token)
    namespace: str = "default"


def load(kubeconfig: str | None = None, context: str | None = None) -> ClusterConfig:
    """The kubeconfig named, else ``$KUBECONFIG``, else the pod's account, else ``~/.kube/config``.

    Raises :class:`ConfigError`.
    """
    path = kubeconfig or os.environ.get("KUBECONFIG")
    if not path and "KUBERNETES_SERVICE_HOST" in os.environ:
        return in_cluster()
    return from_kubeconfig(Path(path or "~/.kube/config").expanduser(), context)


def in_cluster(folder: Path = SERVICE_ACCOUNT) -> ClusterConfig:
    """The API server and account that Kubernetes gives every pod."""
    try:
        host = os.environ["KUBERNETES_SERVICE_HOST"]
        port = os.environ["KUBERNETES_SERVICE_PORT"]
        tls = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        namespace = (folder / "namespace").read_text().strip()
    except (KeyError, OSError) as error:
        raise ConfigError(f"not in a cluster: {error}") from None
    if ":" in host:
        host = f"[{host}]"
    return ClusterConfig(f"https://{host}:{port}", tls, Token(file=folder / "token"), namespace)


def from_kubeconfig(path: Path, context: str | None = None) -> ClusterConfig:
    """One context of a kubeconfig file (its current one by default)."""
    try:
        config = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read kubeconfig {path}: {type(error).__name__}") from None
    if not isinstance(config, dict):
        raise ConfigError(f"kubeconfig {path} is empty")
    chosen = _named(config, "contexts", context or config.get("current-context"), "context", path)
    cluster = _named(config, "clusters", chosen.get("cluster"), "cluster", path)
    user = _named(config, "users", chosen.get("user"), "user", path) if chosen.get("user") else {}
    for unsupported in ("exec", "auth-provider", "username"):
        if unsupported in user:
            raise ConfigError(f"kubeconfig {path}: users[].user.{unsupported} is not supported")
    for unsupported in ("proxy-url", "tls-server-name"):
        if unsupported in cluster:
            raise ConfigError(f"kubeconfig {path}: cluster.{unsupported} is not supported")
    server = cluster.get("server")
    if not server:
        raise ConfigError(f"kubeconfig {path}: clusters[].cluster.server is missing")
    token_file = user.get("tokenFile")
    return ClusterConfig(
        server.rstrip("/"),
        _tls(cluster, user, path.parent) if server.startswith("https:") else None,
        Token(user.get("token"), path.parent / token_file if token_file else None),
        chosen.get("namespace") or "default",
    )


def _named(config: dict[str, Any], section: str, name: Any, inner: str, path: Path) -> Any:
    for entry in config.get(section) or []:
        if entry.get("name") == name:
            return entry.get(inner) or {}
    raise ConfigError(f"kubeconfig {path}: {section} has no entry {name!r}")


def _tls(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> ssl.SSLContext:
    authority = _content(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = _content(user, "client-certificate", folder)
    key = _content(user, "client-key", folder)
    if certificate and key:
        # the ssl module reads key pairs from files alone; this one lives for these two lines
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(certificate + b"\n" + key)
            pair.flush()
            context.load_cert_chain(pair.name)
    return context


def _content(section: dict[str, Any], name: str, folder: Path) -> bytes | None:
    """``name-data`` (base64) or the file that ``name`` gives, relative to the kubeconfig."""
    if data := section.get(f"{name}-data"):
        return base64.b64decode(str(data))
    if file := section.get(name):
        try:
            return (folder / str(file)).read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot read {name} {file}: {error.strerror}") from None
    return None
