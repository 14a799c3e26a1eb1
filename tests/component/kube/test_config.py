"""Kubeconfigs: what is read, what is refused by name, what is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from batchcompute.kube import config
from batchcompute.kube.config import ConfigError, Token, from_kubeconfig


def write(folder: Path, **user: Any) -> Path:
    path = folder / "config"
    content = {
        "current-context": "dev",
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1/"}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_server_namespace_and_token(tmp_path: Path) -> None:
    loaded = from_kubeconfig(write(tmp_path, token="hidden-token"))
    assert (loaded.server, loaded.namespace, loaded.tls) == ("http://127.0.0.1:1", "n", None)
    assert loaded.token.read(0.0) == "hidden-token"
    assert "hidden-token" not in repr(loaded)


def test_a_token_file_beside_the_kubeconfig_is_read_again_every_minute(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    loaded = from_kubeconfig(write(tmp_path, tokenFile="token"))
    assert loaded.token.read(0.0) == "first"
    (tmp_path / "token").write_text("second\n")
    assert loaded.token.read(59.0) == "first"
    assert loaded.token.read(60.0) == "second"


def test_kubeconfig_variable_wins_over_the_pods_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(write(tmp_path)))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert config.load().server == "http://127.0.0.1:1"


def test_outside_a_cluster_the_pods_account_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not in a cluster"):
        config.in_cluster(tmp_path)


REFUSED = {
    "an exec plugin": ({"exec": {"command": "aws"}}, "users[].user.exec is not supported"),
    "a password": ({"username": "x"}, "users[].user.username is not supported"),
}


@pytest.mark.parametrize(("user", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_by_name(tmp_path: Path, user: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_kubeconfig(write(tmp_path, **user))
    assert message in str(caught.value)


def test_a_proxy_is_refused_by_name_rather_than_gone_around(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace("server:", "proxy-url: http://p:1\n    server:"))
    with pytest.raises(ConfigError, match=r"cluster\.proxy-url is not supported"):
        from_kubeconfig(path)


BROKEN = {
    "no such file": (None, "cannot read kubeconfig"),
    "no YAML": ("a: [", "cannot read kubeconfig"),
    "empty": ("", "is empty"),
    "no context": ("{current-context: x}", "contexts has no entry 'x'"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        from_kubeconfig(path)
    assert message in str(caught.value)


def test_a_fixed_token_is_never_read_from_disk() -> None:
    assert Token("t").read(1e9) == "t"
