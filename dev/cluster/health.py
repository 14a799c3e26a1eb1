"""Health over TLS, verified against the cluster's own authority."""

from __future__ import annotations

import http.client
import ssl

from dev.cluster.certs import LOOPBACK, Authority, KeyPair
from dev.cluster.process import StartError

TIMEOUT_SECONDS = 2.0


class Probe:
    """Asks `https://127.0.0.1:<port><path>`; called it says None (healthy) or why not.

    Raises StartError when somebody answers who holds no key of this cluster's authority.
    """

    def __init__(self, authority: Authority, client: KeyPair, port: int, path: str) -> None:
        self._context = ssl.create_default_context(cafile=str(authority.certificate))
        self._context.load_cert_chain(client.certificate, client.key)
        self._port = port
        self._path = path

    def __call__(self) -> str | None:
        connection = http.client.HTTPSConnection(
            LOOPBACK, self._port, timeout=TIMEOUT_SECONDS, context=self._context
        )
        try:
            connection.request("GET", self._path)
            answer = connection.getresponse()
            answer.read()
        except ssl.SSLEOFError as error:  # closed in the middle: a server that starts or stops
            return str(error)
        except ssl.SSLError as error:
            raise StartError(
                f"something else answers on {LOOPBACK}:{self._port}: {error}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()
        return None if answer.status == 200 else f"{self._path} says {answer.status}"
