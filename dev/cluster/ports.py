"""Free ports that stay ours until the child listens on them."""

from __future__ import annotations

import socket

from dev.cluster.certs import LOOPBACK


class ReservedPort:
    """A port of the loopback address, held by a bound socket that never listens.

    The programs bind it with SO_REUSEPORT (etcd --socket-reuse-port, Kubernetes
    --permit-port-sharing), so nobody can slip in between choosing and using it, and the kernel
    hands it to no other reservation.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind((LOOPBACK, 0))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        self._socket.close()
