from __future__ import annotations

import json

from dev.cluster.accounts import service_account_kubeconfig
from dev.cluster.kubectl import run_kubectl


def test_the_server_says_its_version_and_serves_the_admin(cluster):
    said = json.loads(cluster.kubectl("version", "-o", "json").stdout)
    assert said["serverVersion"]["gitVersion"] == "v1.36.3"
    assert (said["serverVersion"]["major"], said["serverVersion"]["minor"]) == ("1", "36")
    assert cluster.kubectl("auth", "can-i", "*", "*").stdout == "yes\n"


def test_a_service_account_gets_in_under_its_own_name_and_may_nothing_by_default(cluster, tmp_path):
    assert cluster.kubectl("create", "namespace", "sa-test").returncode == 0
    assert cluster.kubectl("create", "serviceaccount", "op", "-n", "sa-test").returncode == 0
    config = service_account_kubeconfig(cluster, "sa-test", "op", tmp_path / "op.kubeconfig")

    who = json.loads(run_kubectl(config, "auth", "whoami", "-o", "json").stdout)
    assert who["status"]["userInfo"]["username"] == "system:serviceaccount:sa-test:op"
    refused = run_kubectl(config, "get", "secrets")
    assert refused.returncode == 1
    assert 'cannot list resource "secrets"' in refused.stderr
    assert config.stat().st_mode & 0o077 == 0


def test_the_namespace_controller_and_the_garbage_collector_work(cluster):
    assert cluster.kubectl("create", "namespace", "gone").returncode == 0
    assert cluster.kubectl("create", "configmap", "owner", "-n", "gone").returncode == 0
    uid = cluster.kubectl(
        "get", "configmap", "owner", "-n", "gone", "-o", "jsonpath={.metadata.uid}"
    ).stdout
    child = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "child",
            "namespace": "gone",
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
            ],
        },
    }
    assert cluster.kubectl("create", "-f", "-", input=json.dumps(child)).returncode == 0
    assert cluster.kubectl("delete", "configmap", "owner", "-n", "gone").returncode == 0
    waited = cluster.kubectl(
        "wait", "--for=delete", "configmap/child", "-n", "gone", "--timeout=30s"
    )
    assert waited.returncode == 0, waited.stderr
    deleted = cluster.kubectl("delete", "namespace", "gone", "--timeout=30s")
    assert deleted.returncode == 0, deleted.stderr
