"""Start, stop and neighbours of a cluster, on the real programs."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest

from dev.cluster.certs import LOOPBACK, Authority
from dev.cluster.cluster import Cluster
from dev.cluster.process import StartError

ROOT = Path(__file__).parents[3]


def descendants() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def listening(pid: int) -> set[int]:
    connections = psutil.Process(pid).net_connections("tcp")
    return {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}


def configmaps(of: Cluster) -> str:
    return of.kubectl("get", "configmaps", "-n", "default", "-o", "name").stdout


def test_two_clusters_run_side_by_side_and_neither_sees_the_other(cluster, tmp_path):
    other = Cluster.start(tmp_path / "other")
    try:
        assert other.url != cluster.url
        ports = [listening(pid) for one in (cluster, other) for pid in one.pids.values()]
        assert sum(map(len, ports)) == len(set().union(*ports)), "a port is served twice"

        assert cluster.kubectl("create", "configmap", "only-here").returncode == 0
        assert other.kubectl("create", "configmap", "only-there").returncode == 0
        assert "only-here" in configmaps(cluster)
        assert "only-there" not in configmaps(cluster)
        assert "only-there" in configmaps(other)
        assert "only-here" not in configmaps(other)

        # The admin of one is nobody to the other: other authority, other keys.
        crossed = cluster.kubectl("get", "ns", f"--server={other.url}")
        assert crossed.returncode != 0
        assert "unknown authority" in crossed.stderr
    finally:
        other.stop()
    assert cluster.kubectl("get", "configmap", "only-here").returncode == 0


def test_an_api_server_cannot_join_another_clusters_etcd(cluster, tmp_path):
    stranger = Authority(tmp_path / "stranger").issue("client", "kube-apiserver")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(stranger.certificate, stranger.key)
    ports = listening(cluster.pids["etcd"])
    assert ports
    for port in ports:
        with pytest.raises(ssl.SSLError):
            with socket.create_connection((LOOPBACK, port), timeout=5) as raw:
                with context.wrap_socket(raw) as tls:
                    tls.sendall(b"GET /health HTTP/1.1\r\nHost: etcd\r\n\r\n")
                    tls.recv(100)


@pytest.fixture
def impostor(tmp_path):
    """An HTTPS server of somebody else's that says "ok" to everything."""

    class Ok(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    pair = Authority(tmp_path / "impostor").issue("server", "kube-apiserver")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server = HTTPServer((LOOPBACK, 0), Ok)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_start_fails_when_something_else_answers_on_the_port(impostor, tmp_path):
    before = descendants()
    with pytest.raises(StartError, match=f"something else answers on 127.0.0.1:{impostor}"):
        Cluster.start(tmp_path / "cluster", port=impostor)
    assert descendants() == before, "a failed start left children"


def test_start_fails_at_once_with_the_log_when_a_child_exits_early(tmp_path):
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        before, began = descendants(), time.monotonic()
        with pytest.raises(StartError) as refused:
            Cluster.start(tmp_path / "cluster", port=port)
    assert time.monotonic() - began < 15
    assert "kube-apiserver ended early with code 1" in str(refused.value)
    assert "address already in use" in str(refused.value)
    assert descendants() == before


def test_stop_leaves_no_process_no_port_and_no_key(tmp_path):
    before = descendants()
    cluster = Cluster.start(tmp_path / "cluster")
    port = int(cluster.url.rpartition(":")[2])
    assert len(descendants() - before) == 3
    cluster.stop()
    assert descendants() == before
    with socket.socket() as free:
        free.bind((LOOPBACK, port))
    assert [p.name for p in (tmp_path / "cluster").iterdir()] == ["log"]


def test_the_children_die_with_their_owner_even_when_it_is_killed(tmp_path):
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib, time\n"
            "from dev.cluster.cluster import Cluster\n"
            "cluster = Cluster.start(pathlib.Path(sys.argv[1]))\n"
            "print(*cluster.pids.values(), flush=True)\n"
            "time.sleep(600)",
            str(tmp_path / "cluster"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with owner:
        children = [psutil.Process(int(pid)) for pid in owner.stdout.readline().split()]
        assert len(children) == 3
        owner.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


def test_in_the_background_started_and_stopped_by_command(tmp_path):
    def command(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dev.cluster", name, "--dir", str(tmp_path / "cluster")],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    started = command("start")
    assert started.returncode == 0, started.stderr
    kubeconfig = started.stdout.strip().removeprefix("export KUBECONFIG=")
    assert Path(kubeconfig).exists()
    again = command("start")
    assert again.returncode == 1
    assert "was started" in again.stderr
    assert command("stop").returncode == 0
    assert not Path(kubeconfig).exists()
    assert command("stop").returncode == 0, "stopping twice is stopping once"
