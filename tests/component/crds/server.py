"""A bare client of the API server: JSON in, the answer's code and body out."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from dev.cluster.cluster import ClientConfig

Json = dict[str, Any]

GROUP_PATH = "/apis/batchcompute.io/v1alpha1/namespaces/default"


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    code: int
    body: Json

    @property
    def message(self) -> str:
        """The whole text of a refusal."""
        return str(self.body.get("message", ""))

    def ok(self) -> Json:
        assert self.code in (200, 201), self.message
        return self.body


@dataclass
class Server:
    """Requests in the namespace `default`; strict about unknown fields, as kubectl is."""

    connection: http.client.HTTPSConnection
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    @contextmanager
    def connect(cls, config: ClientConfig) -> Iterator[Self]:
        url = urlsplit(config.server)
        assert url.hostname
        connection = http.client.HTTPSConnection(
            url.hostname, url.port, context=config.ssl_context(), timeout=60
        )
        try:
            yield cls(connection)
        finally:
            connection.close()

    def fresh_name(self) -> str:
        return f"n{next(self._numbers)}"

    def create(self, plural: str, body: Json, *, dry_run: bool = False) -> Answer:
        return self.send("POST", f"{GROUP_PATH}/{plural}{'?dryRun=All&' if dry_run else '?'}", body)

    def get(self, plural: str, name: str) -> Json:
        return self.send("GET", f"{GROUP_PATH}/{plural}/{name}?").ok()

    def update(self, plural: str, body: Json) -> Answer:
        """Replace an object by a changed copy of what `get` or `create` gave."""
        return self.send("PUT", f"{GROUP_PATH}/{plural}/{body['metadata']['name']}?", body)

    def patch(self, plural: str, name: str, body: Json, *, of: str = "") -> Answer:
        path = f"{GROUP_PATH}/{plural}/{name}{of and '/' + of}?"
        return self.send("PATCH", path, body, "application/merge-patch+json")

    def send(
        self, method: str, path: str, body: Json | None = None, kind: str = "application/json"
    ) -> Answer:
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": kind, "Accept": "application/json"}
        strict = "" if method == "GET" else "fieldValidation=Strict"
        self.connection.request(method, path + strict, content, headers)
        response = self.connection.getresponse()
        return Answer(response.status, json.loads(response.read()))
