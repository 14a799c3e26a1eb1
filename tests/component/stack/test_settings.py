"""What the stack gives the operator."""

from __future__ import annotations

import os

import pytest
import yaml

from batchcompute import settings as operator_settings
from dev.stack import operator_process
from dev.stack.cloud import Cloud
from dev.stack.environment import child_environment

CLOUD = Cloud(
    child=None,  # type: ignore[arg-type]
    endpoint="http://127.0.0.1:1234",
    control="http://127.0.0.1:1235",
    secret_id="AKIDx",
    secret_key="very-secret",
    app_id="1250000000",
    uin="100000000001",
    region="ap-guangzhou",
    workspace_bucket="batchcompute-1250000000",
)


def test_the_operator_accepts_its_settings_and_they_hold_no_key(tmp_path):
    file = tmp_path / "settings.yaml"
    made = operator_process.settings(CLOUD, 8081, {"mailbox": {"beatSeconds": 1}})
    file.write_text(yaml.safe_dump(made))
    loaded = operator_settings.load(file)
    assert loaded.mailbox.beat_seconds == 1
    assert loaded.workspace.bucket == CLOUD.workspace_bucket
    assert loaded.permissions[0].buckets == ("*",)
    assert CLOUD.secret_key not in file.read_text() + repr(CLOUD)


MERGES = {
    "a mapping is merged": ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}),
    "a list is replaced": ({"a": [1]}, {"a": []}, {"a": []}),
    "a new key is added": ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    "None replaces": ({"a": {"x": 1}}, {"a": None}, {"a": None}),
}


@pytest.mark.parametrize(("base", "over", "wanted"), MERGES.values(), ids=MERGES.keys())
def test_merged(base, over, wanted):
    assert operator_process.merged(base, over) == wanted


def test_a_child_inherits_no_credential_no_kubeconfig_and_no_proxy(monkeypatch):
    for name in ("TENCENTCLOUD_SECRET_KEY", "KUBECONFIG", "https_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "real")
    monkeypatch.setenv("SSL_CERT_FILE", "kept")
    made = child_environment(TENCENTCLOUD_SECRET_ID="own")
    assert "real" not in made.values()
    assert made["SSL_CERT_FILE"] == "kept"
    assert made["TENCENTCLOUD_SECRET_ID"] == "own"
    assert made["PATH"] == os.environ["PATH"]
    assert "127.0.0.1" in made["NO_PROXY"]
