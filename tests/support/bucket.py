"""A bucket in the test's own process: enough of COS for the mailbox and the runner.

It verifies signatures and their time, keeps every write, and fails on demand, key by key:
``bucket.fault = lambda request: "503"`` (or ``"403"``; ``"lost"``: the effect stays, the
reply does not).
The emulator is the real double; this one exists so that a test can hold each single reply.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import unescape

from batchcompute.mailbox.signing import KeyTime, sign, sign_key

Fault = Callable[["Request"], str | None]


@dataclass(frozen=True)
class Request:
    """A request that passed its signature check; ``nth`` counts method and key, from 1."""

    method: str
    key: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    host: str
    nth: int


@dataclass
class Stored:
    """An object and each body it ever had."""

    body: bytes
    modified: float
    history: list[bytes] = field(default_factory=list)

    @property
    def etag(self) -> str:
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


class Bucket:
    """All objects by ``<host>/<key>``; use ``body(key)`` where one host is enough."""

    def __init__(self, keys: dict[str, str]) -> None:
        self.keys = keys
        self.objects: dict[str, Stored] = {}
        self.requests: list[Request] = []
        self.refused: list[tuple[int, str, str]] = []
        self.fault: Fault = lambda request: None
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, host: str, key: str, body: bytes) -> None:
        with self.lock:
            old = self.objects.get(f"{host}/{key}")
            history = [*(old.history if old else []), body]
            self.objects[f"{host}/{key}"] = Stored(body, time.time(), history)

    def get(self, host: str, key: str) -> bytes | None:
        with self.lock:
            found = self.objects.get(f"{host}/{key}")
            return found.body if found else None

    def history(self, host: str, key: str) -> list[bytes]:
        with self.lock:
            found = self.objects.get(f"{host}/{key}")
            return list(found.history) if found else []

    def under(self, host: str, prefix: str) -> dict[str, bytes]:
        whole = f"{host}/{prefix}"
        with self.lock:
            return {
                name[len(host) + 1 :]: stored.body
                for name, stored in sorted(self.objects.items())
                if name.startswith(whole)
            }

    def handle(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """What a well-signed request does."""
        with self.lock:
            if request.method == "GET" and not request.key:
                return self._list(request)
            if request.method == "POST" and "delete" in request.params:
                return self._delete(request)
            if "uploads" in request.params or "uploadId" in request.params:
                return self._multipart(request)
            if request.method == "PUT":
                return self._put(request)
            return self._get(request)

    def _put(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        name = f"{request.host}/{request.key}"
        if request.headers.get("x-cos-forbid-overwrite") == "true" and name in self.objects:
            return 409, {}, error("FileAlreadyExists")
        self.put(request.host, request.key, request.body)
        return 200, {"ETag": f'"{self.objects[name].etag}"'}, b""

    def _get(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        found = self.objects.get(f"{request.host}/{request.key}")
        if found is None:
            return 404, {}, error("NoSuchKey")
        etag = f'"{found.etag}"'
        headers = {"ETag": etag, "Last-Modified": formatdate(found.modified, usegmt=True)}
        if request.headers.get("if-none-match") == etag:
            return 304, headers, b""
        return 200, headers, found.body

    def _list(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        prefix, marker = request.params.get("prefix", ""), request.params.get("marker", "")
        size = int(request.params.get("max-keys", "1000"))
        keys = [key for key in self.under(request.host, prefix) if key > marker]
        rows = "".join(self._row(request.host, key) for key in keys[:size])
        more = len(keys) > size
        after = f"<NextMarker>{keys[size - 1]}</NextMarker>" if more else ""
        body = (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{after}"
            f"{rows}</ListBucketResult>"
        )
        return 200, {}, body.encode()

    def _row(self, host: str, key: str) -> str:
        found = self.objects[f"{host}/{key}"]
        when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(found.modified))
        return (
            f"<Contents><Key>{key}</Key><LastModified>{when}</LastModified>"
            f'<ETag>"{found.etag}"</ETag><Size>{len(found.body)}</Size></Contents>'
        )

    def _delete(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        for key in re.findall(r"<Key>([^<]*)</Key>", request.body.decode()):
            self.objects.pop(f"{request.host}/{unescape(key)}", None)
        return 200, {}, b"<DeleteResult></DeleteResult>"

    def _multipart(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        if "uploads" in request.params:
            upload = f"u{len(self.uploads)}"
            self.uploads[upload] = {}
            return 200, {}, f"<R><UploadId>{upload}</UploadId></R>".encode()
        parts = self.uploads.get(request.params["uploadId"])
        if parts is None:
            return 404, {}, error("NoSuchUpload")
        if request.method == "PUT":
            parts[int(request.params["partNumber"])] = request.body
            digest = hashlib.md5(request.body, usedforsecurity=False).hexdigest()
            return 200, {"ETag": f'"{digest}"'}, b""
        del self.uploads[request.params["uploadId"]]
        if request.method == "DELETE":
            return 204, {}, b""
        self.put(request.host, request.key, b"".join(parts[number] for number in sorted(parts)))
        return 200, {}, b"<CompleteMultipartUploadResult/>"


def error(code: str) -> bytes:
    """The service's error body."""
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


def _refusal(bucket: Bucket, request: Request, signed: dict[str, str]) -> tuple[int, str] | None:
    secret = bucket.keys.get(signed.get("q-ak", ""))
    if secret is None:
        return 403, "InvalidAccessKeyId"
    start, _, end = signed["q-key-time"].partition(";")
    span = KeyTime(int(start), int(end))
    headers = {n: request.headers.get(n, "") for n in signed["q-header-list"].split(";") if n}
    lower = {name.lower(): value for name, value in request.params.items()}
    params = {n: lower.get(n, "") for n in signed["q-url-param-list"].split(";") if n}
    key = sign_key(secret, span)
    expected = sign(key, span, request.method, request.key, headers, params)
    if expected != signed["q-signature"]:
        return 403, "SignatureDoesNotMatch"
    if not span.start <= time.time() <= span.end:
        return 403, "AccessDenied"
    return None


def _handler(bucket: Bucket) -> type[BaseHTTPRequestHandler]:
    counts: dict[tuple[str, str], int] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def _serve(self) -> None:
            target = urlsplit(self.path)
            params = dict(parse_qsl(target.query, keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            key = unquote(target.path[1:])
            whole = f"{self.command} {headers['host']}/{key}"
            with bucket.lock:
                nth = counts[self.command, whole] = counts.get((self.command, whole), 0) + 1
            request = Request(self.command, key, params, headers, body, headers["host"], nth)
            signed = dict(parse_qsl(headers.get("authorization", ""), keep_blank_values=True))
            refused = _refusal(bucket, request, signed or params)
            if refused is not None:
                with bucket.lock:
                    bucket.refused.append((*refused, whole))
                self._reply(refused[0], {}, error(refused[1]))
                return
            with bucket.lock:
                bucket.requests.append(request)
                fault = bucket.fault(request)
            if fault in ("403", "503"):
                self._reply(int(fault), {}, error("AccessDenied" if fault == "403" else "SlowDown"))
                return
            status, extra, reply = bucket.handle(request)
            if fault == "lost":
                self.close_connection = True
                return
            self._reply(status, extra, reply)

        def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0" if status in (204, 304) else str(len(body)))
            self.send_header("x-cos-request-id", "req")
            self.end_headers()
            if self.command != "HEAD" and status not in (204, 304):
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815

    return Handler
