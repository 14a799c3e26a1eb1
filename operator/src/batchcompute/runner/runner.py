#!/usr/bin/env python3
"""Runs one task on one machine and tells a bucket what became of it.

One file, Python 3.6, standard library only: it is fetched by a boot script onto whatever
image the user chose. Inputs are a directory object that names this machine's run, and a
"box" object that may bring orders and new signatures later. Outputs are beats, log segments,
the declared outputs, ``result.json`` and ``done``.

It is built to be killed at any moment and started again. Every fact lies in the state folder
before it is acted on; the command belongs to a small second process (``shim``) that outlives
this one, writes the command's output into segment files and its exit into a file.

    runner.py              take the run of this machine, or go on with it
    runner.py shim DIR     internal: run the command that DIR/command.json describes

Environment, for tests: BATCHCOMPUTE_STATE (folder), BATCHCOMPUTE_METADATA (URL),
BATCHCOMPUTE_CGROUP (folder; empty: use none), BATCHCOMPUTE_POWEROFF (command).
"""

import base64
import calendar
import ctypes
import email.utils
import errno
import fcntl
import hashlib
import hmac
import http.client
import json
import mmap
import os
import queue
import random
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, Callable, Dict, Iterator, List, Optional, Set, Tuple
from xml.etree import ElementTree

Json = Dict[str, Any]
Source = List[Tuple[str, int]]  # files and how many bytes of each, read one after the other

PROTOCOL = 1
VERSION = "0.1.0"
MIB = 1024 * 1024
SEGMENTS = 16
CAPS = [MIB * max(1, 2 ** (k - 3)) for k in range(SEGMENTS)]
TAIL = 16 * 1024
BOOT_DEADLINE = 1800
NOT_NAMED = 600
SPOT_GRACE = 20
SPOT_DELIVERY = 60
DRAIN = 10.0
DISK_RESERVE = 4 * MIB
MANIFEST_LIMIT = 5 * MIB - 4096
TOKEN = "x-cos-security-token"
ONCE = "x-cos-forbid-overwrite"
SAFE = "-_.~"
OPEN_SEGMENT_EVERY = 60.0
OPEN_SEGMENT_PER_MIB = 10.0


# ---------------------------------------------------------------- time, files, logging
def boottime() -> float:
    """Seconds since boot, suspended or not (CLOCK_BOOTTIME; its name is Python 3.7's)."""
    return time.clock_gettime(7)


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def log(text: str) -> None:
    sys.stderr.write("%s runner: %s\n" % (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text))
    sys.stderr.flush()


def jittered(seconds: float) -> float:
    return seconds * random.uniform(0.75, 1.25)


def backoff(tries: int) -> float:
    return jittered(min(30.0, 0.5 * 2 ** min(tries, 8)))


def save(path: str, content: Json) -> None:
    """Writes JSON so that after a crash either the old or the new content is there."""
    fresh = path + ".new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    publish(fresh, path)


def try_save(path: str, content: Json) -> None:
    """Saves what a restart would like to know; a full disk must not end the run."""
    try:
        save(path, content)
    except OSError as error:
        log("%s is not kept: %s" % (os.path.basename(path), error.strerror))


def reserve(path: str) -> None:
    """Takes the place of a small file now: it must be writable when the disk is full."""
    with open(path + ".new", "wb") as file:
        file.write(b" " * 4096)
        file.flush()
        os.fsync(file.fileno())


def fill(path: str, content: Json) -> None:
    """Writes JSON into the reserved place."""
    with open(path + ".new", "r+b") as file:
        file.write(compact(content))
        file.flush()
        os.fsync(file.fileno())
    publish(path + ".new", path)


def publish(fresh: str, path: str) -> None:
    os.rename(fresh, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: str) -> Optional[Json]:
    try:
        with open(path) as file:
            found = json.load(file)
    except FileNotFoundError:
        return None
    assert isinstance(found, dict)
    return found


def compact(content: Json) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


# ---------------------------------------------------------------- transport
def fine(status: int) -> bool:
    return 200 <= status < 300


class NetworkError(Exception):
    """No answer, or only a part of one."""


class Response:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def code(self) -> str:
        """The service's error code."""
        found = re.search(rb"<Code>([A-Za-z.]{1,80})</Code>", self.body)
        return found.group(1).decode() if found else "HTTP%d" % self.status


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Reader:
    """A source as a file object that http.client can send."""

    def __init__(self, source: Source, offset: int = 0, length: Optional[int] = None) -> None:
        whole = sum(size for _, size in source)
        self.left = whole - offset if length is None else length
        self._parts = iter(source)
        self._skip = offset
        self._file: Optional[IO[bytes]] = None
        self._size = 0

    def read(self, size: int = -1) -> bytes:
        size = MIB if size < 0 else size
        while self.left:
            if self._file is None and not self._next():
                raise NetworkError("a file became shorter while it was sent")
            assert self._file is not None
            data = self._file.read(min(size, self.left, self._size))
            if data:
                self.left -= len(data)
                self._size -= len(data)
                return data
            self._file.close()
            self._file = None
        if self._file is not None:
            self._file.close()
            self._file = None
        return b""

    def _next(self) -> bool:
        for path, size in self._parts:
            if self._skip >= size:
                self._skip -= size
                continue
            self._file = open(path, "rb")
            self._file.seek(self._skip)
            self._size, self._skip = size - self._skip, 0
            return True
        return False

    def md5(self) -> str:
        digest = hashlib.md5()
        while self.left:
            digest.update(self.read(MIB))
        self.read(1)
        return base64.b64encode(digest.digest()).decode()


class Transport:
    """One request at a time per thread; remembers how far this clock is from the service's."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(NoRedirect)
        self._offset = time.time() - boottime()

    def server_time(self) -> float:
        """Unix seconds by the service's clock (R30: ours may be anywhere)."""
        return boottime() + self._offset

    def request(
        self,
        method: str,
        url: str,
        headers: Optional[Dict[str, str]] = None,
        body: Any = None,
        length: Optional[int] = None,
        sink: Optional[IO[bytes]] = None,
        timeout: float = 30,
    ) -> Response:
        """One try. ``body`` is bytes, or a file object of ``length`` bytes.

        Raises:
            NetworkError: no whole answer.
        """
        whole = {"Content-Type": "application/octet-stream"} if body is not None else {}
        whole.update(headers or {})
        if body is not None:
            whole["Content-Length"] = str(len(body) if length is None else length)
        request = urllib.request.Request(url, data=body, headers=whole, method=method)
        try:
            try:
                with self._opener.open(request, timeout=timeout) as reply:
                    return self._answer(reply, sink)
            except urllib.error.HTTPError as error:
                with error:
                    return self._answer(error, None)
        except (OSError, http.client.HTTPException) as error:
            detail = getattr(error, "reason", "")
            raise NetworkError("%s %s" % (type(error).__name__, detail)) from None

    def _answer(self, reply: Any, sink: Optional[IO[bytes]]) -> Response:
        date = email.utils.parsedate(reply.headers.get("Date", ""))
        if date:
            self._offset = calendar.timegm(date) - boottime()
        if sink is None:
            return Response(reply.getcode(), reply.headers, reply.read())
        size = 0
        while True:
            data = reply.read(256 * 1024)
            if not data:
                break
            sink.write(data)
            size += len(data)
        expected = reply.headers.get("Content-Length")
        if expected is not None and int(expected) != size:
            raise NetworkError("%d of %s bytes arrived" % (size, expected))
        return Response(reply.getcode(), reply.headers, b"")


class Metadata:
    """The machine's own metadata service: plain text, no proxy."""

    def __init__(self) -> None:
        default = "http://metadata.tencentyun.com/latest/meta-data"
        self._url = os.environ.get("BATCHCOMPUTE_METADATA", default).rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, name: str) -> Optional[str]:
        """A value; ``None``: there is none, or the service does not answer now."""
        try:
            with self._opener.open("%s/%s" % (self._url, name), timeout=5) as reply:
                return str(reply.read(4096).decode("utf-8", "replace")).strip()
        except (OSError, http.client.HTTPException):
            return None


# ---------------------------------------------------------------- COS signatures
def quoted(text: str, safe: str = SAFE) -> str:
    return urllib.parse.quote(text, safe=safe)


def listed(pairs: Dict[str, str]) -> List[Tuple[str, str]]:
    return sorted((quoted(name).lower(), quoted(value)) for name, value in pairs.items())


def authorization(
    credential: Json,
    method: str,
    key: str,
    now: float,
    headers: Dict[str, str],
    params: Dict[str, str],
) -> str:
    """The Authorization header of a request made with temporary keys of a user path."""
    span = "%d;%d" % (now - 300, now + 900)
    head, query = listed(headers), listed(params)
    text = "\n".join(
        [
            method.lower(),
            "/" + key,
            "&".join("%s=%s" % pair for pair in query),
            "&".join("%s=%s" % pair for pair in head),
            "",
        ]
    )
    to_sign = "sha1\n%s\n%s\n" % (span, hashlib.sha1(text.encode()).hexdigest())
    sign_key = hmac.new(credential["key"].encode(), span.encode(), "sha1").hexdigest()
    signature = hmac.new(sign_key.encode(), to_sign.encode(), "sha1").hexdigest()
    return (
        "q-sign-algorithm=sha1&q-ak=%s&q-sign-time=%s&q-key-time=%s"
        "&q-header-list=%s&q-url-param-list=%s&q-signature=%s"
        % (
            credential["ak"],
            span,
            span,
            ";".join(name for name, _ in head),
            ";".join(name for name, _ in query),
            signature,
        )
    )


def presigned(host: str, key: str, grant: Json, signature: str, once: bool) -> str:
    """A URL from a grant and one signature, as the operator signed it."""
    span = quoted(grant["keyTime"])
    token = grant.get("token")
    url = (
        "%s/%s?q-sign-algorithm=sha1&q-ak=%s&q-sign-time=%s&q-key-time=%s"
        "&q-header-list=%s&q-url-param-list=%s&q-signature=%s"
        % (
            host,
            quoted(key, "/" + SAFE),
            quoted(grant["ak"]),
            span,
            span,
            quoted("host;" + ONCE) if once else "host",
            TOKEN if token else "",
            signature,
        )
    )
    return "%s&%s=%s" % (url, TOKEN, quoted(token)) if token else url


# ---------------------------------------------------------------- the mailbox
class Slot:
    """What this machine was told, kept on disk: who it is, its run, its signatures."""

    def __init__(self, path: str, content: Json) -> None:
        self.path = path
        self.content = content
        self.lock = threading.RLock()

    def __getitem__(self, name: str) -> Any:
        with self.lock:
            return self.content[name]

    def apply(self, box: Json) -> bool:
        """Takes a newer box over; ``False``: not for us, or not newer (a stale copy)."""
        with self.lock:
            if box.get("v") != PROTOCOL or box.get("mid") != self.content["mid"]:
                return False
            if box["rev"] <= self.content["rev"]:
                return False
            for name in ("rev", "put", "get", "boxGet", "cancel", "go"):
                if name in box:
                    self.content[name] = box[name]
            run = box.get("run")
            if run and run["n"] == self.content["run"]["n"]:
                self.content["run"]["sig"] = run["sig"]
            self.content["task"].setdefault("data", {}).update(box.get("data", {}))
            try_save(self.path, self.content)
            return True


class Mailbox:
    """The keys this machine may write, by what they are for."""

    ONCE = ("start", "done", "result", "manifest")

    def __init__(self, slot: Slot, transport: Transport) -> None:
        self.slot = slot
        self.transport = transport
        self.etag = ""

    def key(self, what: str, number: int = 0) -> str:
        run, prefix = self.slot["run"], self.slot["prefix"]
        rid = "%s.%d" % (self.slot["mid"], run["n"])
        names = {
            "live": "live/%s.%d" % (rid, number),
            "done": "done/" + rid,
            "result": run["A"] + "result.json",
            "manifest": run["A"] + "manifest.json",
            "start": run["A"] + "start",
        }
        name = names.get(what) or "%s%s.%02d" % (run["A"], what, number)
        return str(prefix + name)

    def url(self, what: str, number: int = 0) -> str:
        with self.slot.lock:
            sig = self.slot["run"]["sig"][what]
            signature = sig[number] if isinstance(sig, list) else sig
            once = what in self.ONCE
            return presigned(
                self.slot["host"], self.key(what, number), self.slot["put"], signature, once
            )

    def put(self, what: str, number: int = 0, body: Any = b"", length: Optional[int] = None) -> int:
        """One try; the status, 0 without an answer."""
        headers = {ONCE: "true"} if what in self.ONCE else {}
        try:
            return self.transport.request(
                "PUT", self.url(what, number), headers, body, length
            ).status
        except NetworkError as error:
            log("%s %s: %s" % (what, number, error))
            return 0

    def put_until(
        self,
        what: str,
        number: int,
        source: Any,
        deadline: float = float("inf"),
        patient: bool = False,
    ) -> int:
        """Repeats until the object is there, or a write-once key is taken (409), or the deadline.

        ``source`` is bytes or a list of files. ``patient``: only a refusal counts against the
        deadline. The mailbox may be away for a day (R14): then signatures may have ended too, so
        a refusal reads the box for new ones and goes on.
        """
        tries = 0
        while True:
            if isinstance(source, bytes):
                status = self.put(what, number, source)
            else:
                reader = Reader(source)
                status = self.put(what, number, reader, reader.left)
            if fine(status) or (status == 409 and what in self.ONCE):
                return status
            if boottime() > deadline and (400 <= status < 500 or not patient):
                return status
            log("%s %d: answer %d, trying again" % (what, number, status))
            renewed = status == 403 and self.read_box()
            if not renewed:
                time.sleep(backoff(tries))
            tries += 1

    def read_box(self) -> bool:
        """Reads the box, when it changed; ``True``: something new was in it."""
        with self.slot.lock:
            key = "%sbox/%s" % (self.slot["prefix"], self.slot["mid"])
            url = presigned(self.slot["host"], key, self.slot["get"], self.slot["boxGet"], False)
        headers = {"If-None-Match": self.etag} if self.etag else {}
        try:
            reply = self.transport.request("GET", url, headers)
        except NetworkError:
            return False
        if reply.status != 200:
            if reply.status not in (304, 404):
                log("box: answer %d %s" % (reply.status, reply.code()))
            return False
        try:
            changed = self.slot.apply(json.loads(reply.body.decode()))
        except (ValueError, KeyError, TypeError) as error:
            log("box: not understood: %s" % type(error).__name__)
            return False
        self.etag = reply.headers.get("ETag", "")
        return changed

    def start_lock(self, body: Json) -> bool:
        """R7: ``True`` when the attempt is ours, also by an earlier try whose reply was lost."""
        if fine(self.put_until("start", 0, compact(body))):
            return True
        tries = 0
        while True:
            with self.slot.lock:
                signature = self.slot["run"]["sig"]["startGet"]
                key = self.key("start")
                url = presigned(self.slot["host"], key, self.slot["get"], signature, False)
            try:
                reply = self.transport.request("GET", url)
                if reply.status == 200:
                    return bool(json.loads(reply.body.decode()).get("nonce") == body["nonce"])
                log("start: answer %d %s" % (reply.status, reply.code()))
                if reply.status == 403:
                    self.read_box()
            except (NetworkError, ValueError) as error:
                log("start: %s" % error)
            time.sleep(backoff(tries))
            tries += 1


# ---------------------------------------------------------------- user paths
class DataError(Exception):
    """A user path that cannot be read or written, in words for the user."""


class Data:
    """Requests on user paths with the task's temporary keys."""

    def __init__(self, slot: Slot, transport: Transport, guard: Callable[[], None]) -> None:
        self.slot = slot
        self.transport = transport
        self.guard = guard  # raises when the work has to stop

    def call(
        self,
        credential: str,
        method: str,
        host: str,
        key: str,
        params: Optional[Dict[str, str]] = None,
        headers: Optional[Dict[str, str]] = None,
        source: Any = None,
        part: Tuple[int, Optional[int]] = (0, None),
        sink_path: Optional[str] = None,
    ) -> Response:
        """Repeats what may pass; raises DataError for what stays wrong."""
        tries = 0
        while True:
            self.guard()
            keys = self._keys(credential)
            try:
                reply = self._once(
                    keys, method, host, key, params, headers, source, part, sink_path
                )
            except NetworkError as error:
                what = str(error)
            else:
                if reply.status < 300:
                    return reply
                what = "%d %s" % (reply.status, reply.code())
                if reply.status < 500 and reply.status != 429 and not self._ended(credential, keys):
                    raise DataError("%s %s/%s: %s" % (method, host, key, what))
            log("%s %s/%s: %s, trying again" % (method, host, key, what))
            self._pause(backoff(tries))
            tries += 1

    def _once(
        self,
        keys: Json,
        method: str,
        host: str,
        key: str,
        params: Optional[Dict[str, str]],
        headers: Optional[Dict[str, str]],
        source: Any,
        part: Tuple[int, Optional[int]],
        sink_path: Optional[str],
    ) -> Response:
        signed = {"host": host.partition("://")[2]}
        signed.update({name.lower(): value for name, value in (headers or {}).items()})
        now = self.transport.server_time()
        sent = dict(headers or {})
        sent["Authorization"] = authorization(keys, method, key, now, signed, params or {})
        if keys.get("token"):
            sent[TOKEN] = keys["token"]
        query = "&".join("%s=%s" % (name, quoted(value)) for name, value in (params or {}).items())
        url = "%s/%s%s" % (host, quoted(key, "/" + SAFE), "?" + query if query else "")
        if sink_path is not None:
            with open(sink_path, "wb") as sink:
                return self.transport.request(method, url, sent, sink=sink)
        if isinstance(source, list):
            reader = Reader(source, part[0], part[1])
            return self.transport.request(method, url, sent, reader, reader.left)
        return self.transport.request(method, url, sent, source)

    def _keys(self, credential: str) -> Json:
        found = self.slot["task"].get("data", {}).get(credential)
        if found is None:
            raise DataError("no keys named %s" % credential)
        assert isinstance(found, dict)
        return found

    def _ended(self, credential: str, used: Json) -> bool:
        """Whether the keys were renewed meanwhile, or have ended and will be."""
        if self._keys(credential) != used:
            return True
        return bool(used.get("expires") and self.transport.server_time() >= used["expires"] - 5)

    def _pause(self, seconds: float) -> None:
        end = boottime() + seconds
        while boottime() < end:
            self.guard()
            time.sleep(0.2)

    # -------------------------------------------------------- inputs
    def listing(self, item: Json) -> Iterator[Tuple[str, int]]:
        """Keys relative to the prefix, and sizes."""
        marker = ""
        while True:
            params = {"prefix": item["prefix"], "marker": marker, "max-keys": "1000"}
            params["encoding-type"] = "url"
            reply = self.call(item["credential"], "GET", item["host"], "", params)
            try:
                root = ElementTree.fromstring(reply.body)
            except ElementTree.ParseError:
                raise DataError("GET %s: the answer is no listing" % item["host"]) from None
            last = ""
            for node in root.iter():
                if node.tag.rpartition("}")[2] == "Contents":
                    fields = {child.tag.rpartition("}")[2]: child.text or "" for child in node}
                    last = urllib.parse.unquote(fields["Key"])
                    yield last[len(item["prefix"]) :], int(fields["Size"])
            fields = {child.tag.rpartition("}")[2]: child.text or "" for child in root}
            if fields.get("IsTruncated") != "true":
                return
            marker = urllib.parse.unquote(fields.get("NextMarker", "")) or last

    def download(self, item: Json, target: str, workers: int) -> int:
        """Copies a prefix into a folder, in parallel; the number of files."""
        os.makedirs(target, exist_ok=True)
        with ThreadPoolExecutor(workers) as pool:
            waiting: List["Future[int]"] = []
            try:
                for name, size in self.listing(item):
                    path = inside(target, name)
                    if name.endswith("/") or not name:
                        os.makedirs(path, exist_ok=True)
                        continue
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    waiting.append(pool.submit(self._fetch, item, name, path, size))
                return sum(future.result() for future in waiting)
            finally:
                for future in waiting:
                    future.cancel()

    def _fetch(self, item: Json, name: str, path: str, size: int) -> int:
        fresh = path + ".part~"
        self.call(item["credential"], "GET", item["host"], item["prefix"] + name, sink_path=fresh)
        if os.path.getsize(fresh) != size:
            raise DataError("%s changed while it was read" % name)
        os.rename(fresh, path)
        return 1

    # -------------------------------------------------------- outputs
    def upload(self, item: Json, key: str, source: Source, part_size: int) -> Json:
        """Uploads a source as one object; the service checks each part's MD5."""
        size = sum(length for _, length in source)
        if size <= part_size:
            etag = self._part(item, key, {}, source, 0, size)
        else:
            etag = self._multipart(item, key, source, size, part_size)
        return {"key": key, "size": size, "etag": etag}

    def _part(
        self, item: Json, key: str, params: Dict[str, str], source: Source, offset: int, size: int
    ) -> str:
        headers = {"Content-MD5": Reader(source, offset, size).md5()}
        reply = self.call(
            item["credential"], "PUT", item["host"], key, params, headers, source, (offset, size)
        )
        etag = str(reply.headers.get("ETag", "")).strip('"')
        if not etag:
            raise DataError("PUT %s/%s: no ETag in the answer" % (item["host"], key))
        return etag

    def _multipart(self, item: Json, key: str, source: Source, size: int, part_size: int) -> str:
        part_size = max(part_size, MIB, -(-size // 10000))
        begun = self.call(
            item["credential"], "POST", item["host"], key, {"uploads": ""}, source=b""
        )
        upload = ElementTree.fromstring(begun.body)
        found = [node.text for node in upload.iter() if node.tag.rpartition("}")[2] == "UploadId"]
        params = {"uploadId": str(found[0])}
        try:
            rows = []
            for number, offset in enumerate(range(0, size, part_size), 1):
                length = min(part_size, size - offset)
                numbered = {"partNumber": str(number), "uploadId": params["uploadId"]}
                etag = self._part(item, key, numbered, source, offset, length)
                row = "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % (number, etag)
                rows.append(row)
            body = "<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % "".join(rows)
            reply = self.call(
                item["credential"], "POST", item["host"], key, params, source=body.encode()
            )
        except BaseException:
            self._abort(item, key, params)
            raise
        whole = re.search(rb"<ETag>(?:&quot;|\")?([^<&\"]*)", reply.body)
        return whole.group(1).decode() if whole else ""

    def _abort(self, item: Json, key: str, params: Dict[str, str]) -> None:
        """Parts of a broken upload cost money; once is enough, a bucket rule takes the rest."""
        try:
            keys = self._keys(item["credential"])
            self._once(keys, "DELETE", item["host"], key, params, None, None, (0, None), None)
        except (NetworkError, DataError) as error:
            log("abort of %s: %s" % (key, error))


def inside(folder: str, name: str) -> str:
    """The path of a relative key in a folder; refuses what would leave it."""
    parts = name[:-1].split("/") if name.endswith("/") else name.split("/")
    if name and (any(part in ("", ".", "..") for part in parts) or "\0" in name):
        raise DataError("a key that would leave its folder: %r" % name[:200])
    return os.path.join(folder, *parts) if name else folder


def files_under(path: str) -> Iterator[Tuple[str, str, int]]:
    """Relative name, path and size of each regular file; of a file itself its own name."""
    if os.path.isfile(path):
        yield os.path.basename(path), path, os.path.getsize(path)
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            whole = os.path.join(folder, name)
            if os.path.isfile(whole):
                yield os.path.relpath(whole, path), whole, os.path.getsize(whole)


# ---------------------------------------------------------------- processes
def processes() -> Dict[int, Tuple[int, int, str]]:
    """pid -> (parent, session, state) of every process that can be seen."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            found[int(name)] = (int(fields[1]), int(fields[3]), fields[0].decode())
    return found


def family(table: Dict[int, Tuple[int, int, str]], root: int, session: int) -> Set[int]:
    """Live descendants of ``root`` and members of ``session``, ``root`` itself left out."""
    children: Dict[int, List[int]] = {}
    for pid, (parent, _, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found, todo = set(), [root] if root > 1 else []
    while todo:
        for pid in children.get(todo.pop(), []):
            if pid not in found:
                found.add(pid)
                todo.append(pid)
    if session > 1:
        found.update(pid for pid, (_, own, _) in table.items() if own == session)
    found.discard(root)
    return {pid for pid in found if table[pid][2] not in ("Z", "X")}


def send(pids: Set[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # it has ended meanwhile: that is what is wanted


class CGroup:
    """A cgroup of the command, v1 or v2, when one can be made; else nothing."""

    def __init__(self, folders: List[str]) -> None:
        self.folders = folders

    @classmethod
    def make(cls, name: str) -> "CGroup":
        root = os.environ.get("BATCHCOMPUTE_CGROUP", "/sys/fs/cgroup")
        if not root:
            return cls([])
        if os.path.exists(root + "/cgroup.controllers"):
            cls._enable(root)
            wanted = [root]
        else:
            wanted = [root + "/memory", root + "/pids"]
        made = []
        for parent in wanted:
            folder = "%s/batchcompute-%s" % (parent, name)
            try:
                if os.path.exists(parent + "/cgroup.procs"):
                    os.makedirs(folder, exist_ok=True)
                    made.append(folder)
            except OSError as error:
                log("no cgroup %s: %s" % (folder, error.strerror))
        return cls(made)

    @staticmethod
    def _enable(root: str) -> None:
        for controller in ("memory", "pids"):
            try:
                with open(root + "/cgroup.subtree_control", "w") as file:
                    file.write("+" + controller)
            except OSError as error:
                log("no %s controller: %s" % (controller, error.strerror))

    def join(self) -> None:
        for folder in self.folders:
            try:
                with open(folder + "/cgroup.procs", "w") as file:
                    file.write("0")
            except OSError:
                pass  # processes are found through /proc as well; only counters are lost

    def pids(self) -> Set[int]:
        found: Set[int] = set()
        for folder in self.folders:
            text = self._read(folder + "/cgroup.procs")
            found.update(int(line) for line in text.split() if line.isdigit() and line != "0")
        return found

    def oom_kills(self) -> int:
        """Processes of the command that the kernel killed for memory."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                found = re.search(r"^oom_kill (\d+)$", self._read(folder + "/" + name), re.M)
                if found:
                    return int(found.group(1))
        return 0

    def peak(self) -> Optional[int]:
        """The most memory the command held, bytes."""
        for folder in self.folders:
            for name in ("memory.peak", "memory.max_usage_in_bytes"):
                text = self._read(folder + "/" + name).strip()
                if text.isdigit():
                    return int(text)
        return None

    def remove(self) -> None:
        for folder in self.folders:
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                continue  # an earlier life of this runner removed it
            except OSError as error:
                log("cgroup %s stays: %s" % (folder, error.strerror))

    @staticmethod
    def _read(path: str) -> str:
        try:
            with open(path) as file:
                return file.read()
        except OSError:
            return ""


def machine_oom_kills() -> int:
    """OOM kills of the whole machine: the hint where no cgroup counts them."""
    with open("/proc/vmstat") as file:
        found = re.search(r"^oom_kill (\d+)$", file.read(), re.M)
    return int(found.group(1)) if found else 0


# ---------------------------------------------------------------- output on disk
class Tail:
    """The last 16 KiB of both streams and their sizes, in a file two processes share."""

    HEAD = struct.Struct("<QQQQ")

    def __init__(self, path: str) -> None:
        size = self.HEAD.size + TAIL
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < size:
                os.posix_fallocate(descriptor, 0, size)
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        self.sizes = {"out": 0, "err": 0}
        self.written = 0
        self.lost = 0

    def add(self, stream: str, data: bytes, lost: int) -> None:
        self.sizes[stream] += len(data)
        self.lost += lost
        kept = data[-TAIL:]
        place = (self.written + len(data) - len(kept)) % TAIL
        self.written += len(data)
        first = kept[: TAIL - place]
        base = self.HEAD.size
        self._map[base + place : base + place + len(first)] = first
        self._map[base : base + len(kept) - len(first)] = kept[len(first) :]
        head = self.HEAD.pack(self.sizes["out"], self.sizes["err"], self.written, self.lost)
        self._map[:base] = head

    def read(self) -> Tuple[int, int, int, bytes]:
        """Bytes of out, of err, lost, and the tail in order."""
        out, err, written, lost = self.HEAD.unpack(self._map[: self.HEAD.size])
        ring = self._map[self.HEAD.size :]
        place = written % TAIL
        return out, err, lost, ring[:written] if written <= TAIL else ring[place:] + ring[:place]


class Segments:
    """One stream's output in segment files of growing size; what is too much is dropped."""

    def __init__(self, folder: str, stream: str, caps: List[int]) -> None:
        self.folder = folder
        self.stream = stream
        self.caps = caps
        self.number = 0
        self.size = 0
        self._file = open(self.path(0), "ab", 0)

    def path(self, number: int) -> str:
        return os.path.join(self.folder, "%s.%02d" % (self.stream, number))

    def add(self, data: bytes) -> int:
        """Writes; the bytes that found no place (all segments full, or the disk)."""
        if not self._has_room():
            return len(data)
        view = memoryview(data)
        while view:
            if self.size >= self.caps[self.number]:
                if self.number + 1 == len(self.caps):
                    return len(view)
                self._seal()
            room = self.caps[self.number] - self.size
            try:
                done = self._file.write(view[:room]) or 0
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                return len(view)
            self.size += done
            view = view[done:]
        return 0

    def _has_room(self) -> bool:
        """Output may not take the last of the disk, which holds our own state as well."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize > DISK_RESERVE

    def close(self) -> None:
        self._file.close()

    def _seal(self) -> None:
        self.close()
        self.number += 1
        self.size = 0
        self._file = open(self.path(self.number), "ab", 0)


# ---------------------------------------------------------------- the shim
class Shim:
    """The process between runner and command: it outlives the runner and forgets nothing."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.spec = load(self.path("command.json")) or {}
        self.cgroup = CGroup(self.spec["cgroup"])
        self.status: Optional[int] = None
        self.usage: Optional[resource.struct_rusage] = None
        self.pid = 0

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def run(self) -> int:
        if not self._claim():
            return 0
        reserve(self.path("exit.json"))
        reserve(self.path("running.json"))
        self.tail = Tail(self.path("tail"))
        self.streams = {name: Segments(self.folder, name, CAPS) for name in ("out", "err")}
        wake = self._signals()
        oom = machine_oom_kills()
        try:
            pipes = self._start()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            why = getattr(error, "strerror", None) or str(error)
            fill(self.path("exit.json"), {"error": "the command cannot be started: %s" % why})
            return 0
        self._pump(pipes, wake)
        for segments in self.streams.values():
            segments.close()
        fill(self.path("exit.json"), self._exit(oom))
        return 0

    def _claim(self) -> bool:
        """The lock is held until this process is gone: who gets it knows that we are."""
        self._lock = open(self.path("shim.lock"), "a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        if os.path.exists(self.path("exit.json")):
            return False
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        return True

    def _signals(self) -> int:
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: daemons stay findable
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        return reading

    def _start(self) -> Dict[int, str]:
        def prepare() -> None:
            self.cgroup.join()
            try:
                with open("/proc/self/oom_score_adj", "w") as file:
                    file.write("0")
            except OSError:
                pass  # not allowed to: the command keeps our own score

        process = subprocess.Popen(
            ["/bin/sh", "-c", self.spec["command"]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.spec["cwd"],
            env=self.spec["env"],
            start_new_session=True,
            preexec_fn=prepare,
        )
        self.process = process
        self.pid = process.pid
        self.started = boottime()
        fill(self.path("running.json"), {"pid": self.pid, "at": self.started})
        assert process.stdout is not None and process.stderr is not None
        return {process.stdout.fileno(): "out", process.stderr.fileno(): "err"}

    def _pump(self, pipes: Dict[int, str], wake: int) -> None:
        """Moves output until the command has ended, nothing of it lives, and pipes are empty."""
        poller = select.poll()
        for descriptor in pipes:
            os.set_blocking(descriptor, False)
            poller.register(descriptor, select.POLLIN)
        poller.register(wake, select.POLLIN)
        end: Optional[float] = None
        while pipes or self.status is None or end is None:
            events = poller.poll(50 if end is not None else None)
            for descriptor, _ in events:
                if descriptor == wake:
                    self._drain_wake(wake)
                elif not self._move(descriptor, pipes[descriptor]):
                    poller.unregister(descriptor)
                    del pipes[descriptor]
            self._reap()
            if self.status is not None:
                end = end or boottime() + DRAIN
                alive = self._kill_rest()
                if boottime() > end or (not alive and not events):
                    return

    @staticmethod
    def _drain_wake(wake: int) -> None:
        try:
            os.read(wake, 4096)
        except BlockingIOError:
            pass  # another round emptied it

    def _move(self, descriptor: int, stream: str) -> bool:
        try:
            data = os.read(descriptor, 256 * 1024)
        except BlockingIOError:
            return True
        self.tail.add(stream, data, self.streams[stream].add(data))
        return bool(data)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self.pid:
                self.status, self.usage = status, usage
                self.exited = boottime()
                self.process.returncode = 0  # reaped here: Popen must not wait for it again

    def _kill_rest(self) -> bool:
        pids = family(processes(), os.getpid(), self.pid) | self.cgroup.pids()
        send(pids, signal.SIGKILL)
        return bool(pids)

    def _exit(self, oom_before: int) -> Json:
        assert self.status is not None and self.usage is not None
        status = self.status
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        killed = number == signal.SIGKILL or code == 128 + signal.SIGKILL
        kills = self.cgroup.oom_kills()
        if not self.cgroup.folders and killed:
            kills = machine_oom_kills() - oom_before
        peak = self.cgroup.peak()
        memory = self.usage.ru_maxrss * 1024 if peak is None else peak
        cpu = round(self.usage.ru_utime + self.usage.ru_stime, 3)
        return {
            "exit": {"code": code, "signal": number, "oom": kills > 0 and code != 0},
            "usage": {"cpu": cpu, "memory": memory},
            "started": self.started,
            "at": self.exited,
        }


# ---------------------------------------------------------------- the command, seen by the runner
class Command:
    """Starts the shim once, finds it again after a restart, asks it to stop."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._shim: Optional[subprocess.Popen] = None  # type: ignore[type-arg]

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def started(self) -> bool:
        return os.path.exists(self.path("started.json"))

    def start(self, spec: Json, setup: float) -> None:
        """R8: what was started is on disk before it is; no second start ever follows."""
        save(self.path("command.json"), spec)
        save(self.path("started.json"), {"setup": setup, "boot": boot_id()})
        with open(self.path("shim.log"), "ab") as output:
            self._shim = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), "shim", self.folder],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def exit(self) -> Optional[Json]:
        return load(self.path("exit.json"))

    def running(self) -> Optional[Json]:
        return load(self.path("running.json"))

    def abandon(self, error: str) -> bool:
        """When no shim lives: records that the exit will never be known. ``False``: one does."""
        if self._shim is not None and self._shim.poll() is None:
            return False
        with open(self.path("shim.lock"), "a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            if self.exit() is None:
                save(self.path("exit.json"), {"lost": error, "at": boottime()})
        return True

    def signal(self, number: int) -> None:
        """Signals every process of the command."""
        send(self._pids(), number)

    def kill_strays(self) -> None:
        """After the shim's own death: nothing of the command may live on."""
        end = boottime() + DRAIN
        while boottime() < end:
            pids = self._pids()
            if not pids:
                return
            send(pids, signal.SIGKILL)
            time.sleep(0.05)

    def _pids(self) -> Set[int]:
        spec = load(self.path("command.json")) or {}
        running = self.running() or {}
        try:
            with open(self.path("shim.lock")) as file:
                shim = int(file.read() or 0)
        except (FileNotFoundError, ValueError):
            shim = 0
        root = shim if self.exit() is None else 0
        found = family(processes(), root, int(running.get("pid", 0)))
        return (found | CGroup(spec.get("cgroup", [])).pids()) - {os.getpid()}


# ---------------------------------------------------------------- log segments
class LogPump:
    """Uploads segments: sealed ones once, the open one now and then, all at the end (R26)."""

    def __init__(self, folder: str, mailbox: Mailbox, keep: bool, caps: List[int]) -> None:
        self.folder = folder
        self.mailbox = mailbox
        self.keep = keep  # a redirect needs the files later
        self.caps = caps
        self.sealed: Json = load(os.path.join(folder, "log.json")) or {"out": {}, "err": {}}
        self.sent: Dict[Tuple[str, int], Tuple[int, float]] = {}
        self.stop = threading.Event()
        self.thread = threading.Thread(target=crash_only, args=(self._loop,), daemon=True)

    def _loop(self) -> None:
        while not self.stop.wait(1.0):
            for stream in ("out", "err"):
                self._round(stream, final=False, deadline=boottime())

    def finish(self, deadline: float) -> bool:
        """Everything that is on disk, once the command has ended. ``False``: not in time."""
        self.stop.set()
        if self.thread.ident is not None:
            self.thread.join()
        out = self._round("out", True, deadline)
        return self._round("err", True, deadline) and out

    def path(self, stream: str, number: int) -> str:
        return os.path.join(self.folder, "%s.%02d" % (stream, number))

    def sizes(self, stream: str) -> List[int]:
        """Bytes of each segment, for the result."""
        found = []
        for number in range(SEGMENTS):
            if str(number) in self.sealed[stream]:
                found.append(int(self.sealed[stream][str(number)]))
            elif os.path.exists(self.path(stream, number)):
                found.append(os.path.getsize(self.path(stream, number)))
        return found

    def _round(self, stream: str, final: bool, deadline: float) -> bool:
        whole = True
        for number in range(SEGMENTS):
            path = self.path(stream, number)
            if str(number) in self.sealed[stream] or not os.path.exists(path):
                continue
            size = os.path.getsize(path)
            sealed = size >= self.caps[number] or os.path.exists(self.path(stream, number + 1))
            if sealed or self._due(stream, number, size, final):
                whole = self._upload(stream, number, sealed, deadline, final) and whole
        return whole

    def _due(self, stream: str, number: int, size: int, final: bool) -> bool:
        sent, when = self.sent.get((stream, number), (0, 0.0))
        if size == sent:
            return False
        pause = max(OPEN_SEGMENT_EVERY, OPEN_SEGMENT_PER_MIB * size / MIB)
        return final or boottime() - when >= pause

    def _upload(
        self, stream: str, number: int, sealed: bool, deadline: float, patient: bool
    ) -> bool:
        path = self.path(stream, number)
        size = os.path.getsize(path)
        if not fine(self.mailbox.put_until(stream, number, [(path, size)], deadline, patient)):
            return False
        self.sent[stream, number] = (size, boottime())
        if sealed:
            self.sealed[stream][str(number)] = size
            try_save(os.path.join(self.folder, "log.json"), self.sealed)
            if not self.keep:
                os.unlink(path)
        return True

    def source(self, stream: str) -> Source:
        """The whole stream, for a redirect (``keep``)."""
        sizes = self.sizes(stream)
        return [(self.path(stream, number), size) for number, size in enumerate(sizes)]


def crash_only(loop: Callable[[], None]) -> None:
    """A thread that fails takes the process along: it is started again, from its state."""
    try:
        loop()
    except BaseException:
        traceback.print_exc()
        os._exit(70)


# ---------------------------------------------------------------- beats
class Pulse:
    """Beats every few seconds, and reads the box after each."""

    def __init__(self, mailbox: Mailbox, run_folder: str) -> None:
        self.mailbox = mailbox
        self.tail_path = os.path.join(run_folder, "tail")
        self.lock = threading.Lock()
        self.phase = 0
        self.since = boottime()
        self.exit: Optional[Json] = None
        self.ready = False
        self.spot = False
        self.message = ""
        self.over = False
        self.quiet = threading.Event()
        self.thread = threading.Thread(target=crash_only, args=(self._loop,), daemon=True)

    def body(self) -> bytes:
        out, err, lost, tail = 0, 0, 0, b""
        if os.path.exists(self.tail_path):
            out, err, lost, tail = Tail(self.tail_path).read()
        slot = self.mailbox.slot
        line: Json = {
            "v": PROTOCOL,
            "mid": slot["mid"],
            "n": slot["run"]["n"],
            "p": self.phase,
            "rev": slot["rev"],
            "boot": boot_id(),
            "elapsed": round(max(0.0, boottime() - self.since), 3),
            "out": out,
            "err": err,
        }
        if self.exit is not None:
            line["exit"] = self.exit
        if self.ready:
            line["ready"] = True
        if self.spot:
            line["spot"] = True
        dropped = "%d bytes of output dropped; " % lost if lost else ""
        line["msg"] = (dropped + self.message)[:256]
        return compact(line) + b"\n" + tail

    def beat(self) -> int:
        with self.lock:
            return 200 if self.over else self.mailbox.put("live", self.phase, self.body())

    def end_with(self, put: Callable[[], int]) -> None:
        """Runs ``put``; when it worked no beat follows, which would outlive its deletion."""
        with self.lock:
            status = put()
            self.over = fine(status) or status == 409
        if self.over:
            self.quiet.set()

    def beat_until(self, deadline: float) -> None:
        """The beat of a new phase is worth waiting for (R9), but not for ever."""
        tries = 0
        while not fine(self.beat()):
            if boottime() > deadline:
                return
            self.mailbox.read_box()
            time.sleep(backoff(tries))
            tries += 1

    def interval(self) -> float:
        """The beat; more often when signatures live shortly, so that none ends unseen."""
        start, _, end = self.mailbox.slot["put"]["keyTime"].partition(";")
        life = int(end) - int(start) - 300
        return max(1.0, min(float(self.mailbox.slot["beat"]), life / 6.0))

    def _loop(self) -> None:
        while True:
            status = self.beat()
            if self.over:
                return
            renewed = self.mailbox.read_box()
            if renewed and status == 403:
                continue
            if self.quiet.wait(jittered(self.interval())):
                return


class SpotWatch:
    """Asks the metadata service every 5 s whether the machine is about to be taken back."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata
        self.noticed: Optional[float] = None
        self.thread = threading.Thread(target=crash_only, args=(self._loop,), daemon=True)

    def start(self) -> None:
        self.thread.start()

    def _loop(self) -> None:
        charge = self.metadata.get("payment/charge-type")
        while charge is None:
            time.sleep(5)
            charge = self.metadata.get("payment/charge-type")
        if charge != "SPOTPAID":
            return
        while self.metadata.get("spot/termination-time") is None:
            time.sleep(5)
        self.noticed = boottime()


# ---------------------------------------------------------------- one run
class Ended(Exception):
    """The run ends without a command's exit."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def reason_of(ending: Json, stop: Optional[str]) -> Tuple[str, str]:
    """Reason and message of an exit file; ``stop`` is why the runner ended the command."""
    if "lost" in ending:
        return ending["lost"], "the command's exit is not known"
    if "error" in ending:
        return "SetupFailed", ending["error"]
    if stop is not None:
        return stop, ""
    ended = ending["exit"]
    if ended["oom"]:
        return "OutOfMemory", "the kernel killed a process of the command for memory"
    if ended["signal"] is not None:
        return "Signal", "ended by signal %d" % ended["signal"]
    return ("Completed", "") if ended["code"] == 0 else ("NonZeroExit", "")


class Run:
    """One attempt, from set-up to ``done``; every step can be the first after a restart."""

    def __init__(self, state: str, slot: Slot, transport: Transport, metadata: Metadata) -> None:
        self.slot = slot
        self.state = state
        self.run: Json = slot["run"]
        self.task: Json = slot["task"]
        self.limits: Json = self.run["deadlines"]
        self.folder = os.path.join(state, "run", str(self.run["n"]))
        self.work = os.path.join(state, "work", str(self.run["n"]))
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self.mailbox = Mailbox(slot, transport)
        self.command = Command(self.folder)
        self.pulse = Pulse(self.mailbox, self.folder)
        self.pulse.since = slot["taken"]
        self.logs = LogPump(
            self.folder,
            self.mailbox,
            bool(self.task.get("redirects")),
            CAPS,
        )
        self.spot = SpotWatch(metadata)
        self.stop = load(self.path("stop.json"))
        self.deadline = float("inf")
        self.data = Data(slot, transport, self._guard)

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def go(self) -> None:
        """Ends when ``done`` is in the bucket."""
        if os.path.exists(self.path("delivered.json")):
            return
        result = load(self.path("result.json"))
        if result is not None:
            self.pulse.phase, self.pulse.exit = 2, result["exit"]
        self.pulse.thread.start()
        if result is None:
            self.spot.start()
            result = self._result(*self._to_end())
        self._publish(result)

    # -------------------------------------------------------- up to the exit
    def _to_end(self) -> Tuple[str, str, Json]:
        """Reason, message, content of the exit file."""
        try:
            if not self.command.started():
                self._begin()
            ending = self._wait()
        except Ended as ended:
            return ended.reason, ended.message, {}
        stop = self.stop or {}
        reason, message = reason_of(ending, stop.get("reason"))
        return reason, message or stop.get("message", ""), ending

    def _begin(self) -> None:
        self.deadline = self.slot["taken"] + self.limits["setup"]
        try:
            self._setup()
        except DataError as error:
            raise Ended("SetupFailed", str(error)) from None
        except OSError as error:
            raise Ended("SetupFailed", "set-up: %s" % (error.strerror or error)) from None
        env = self._environment()
        if self.run["gang"]:
            env["BATCH_TASK_HOSTFILE"] = self._gather()
        self.deadline = float("inf")
        self._lock()
        cgroup = CGroup.make(self.slot["mid"])
        spec = {
            "command": self.task["command"],
            "cwd": self.work,
            "env": env,
            "cgroup": cgroup.folders,
        }
        try:
            self.command.start(spec, boottime())
        except OSError as error:
            raise Ended("SetupFailed", "start: %s" % (error.strerror or error)) from None

    def _setup(self) -> None:
        self.pulse.message = "set-up"
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work, mode=0o755)
        workers = int(self.task.get("workers", 4))
        for item in self.task.get("inputs", []):
            self.pulse.message = "downloading %s" % item["prefix"][:200]
            self.data.download(item, self._absolute(item["path"]), workers)
        for item in self.task.get("outputs", []):
            path = self._absolute(item["path"])
            if not os.path.exists(path):
                os.makedirs(path)

    def _absolute(self, path: str) -> str:
        return os.path.normpath(os.path.join(self.work, path))

    def _environment(self) -> Dict[str, str]:
        env = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "USER": "root",
            "LOGNAME": "root",
            "SHELL": "/bin/sh",
            "PWD": self.work,
        }
        env.update(self.run["env"])
        env.update(self.task.get("env", {}))
        return env

    def _gather(self) -> str:
        """A gang: tell that we are ready, wait for the others, write the host file."""
        self.pulse.ready = True
        self.pulse.message = "ready, waiting for the others"
        self.pulse.beat()
        self.deadline = float("inf")
        while self.slot.content.get("go") is None:
            self._guard()
            time.sleep(0.2)
        path = os.path.join(self.work, ".batch-hosts")
        with open(path, "w") as file:
            file.write("".join(host + "\n" for host in self.slot["go"]["hosts"]))
        return path

    def _lock(self) -> None:
        kept = load(self.path("nonce.json"))
        if kept is None:
            kept = {"nonce": base64.b16encode(os.urandom(16)).decode().lower()}
            save(self.path("nonce.json"), kept)
        body = {"v": PROTOCOL, "mid": self.slot["mid"], "instance": self.slot["instance"]}
        body.update({"nonce": kept["nonce"], "boot": boot_id()})
        self._guard()
        if not self.mailbox.start_lock(body):
            raise Ended("DuplicateStart", "another machine has started this attempt")
        self._guard()

    def _guard(self) -> None:
        """Raises when the run has to stop before its command started."""
        if self._cancelled() is not None:
            raise Ended("Cancelled", str(self._cancelled()))
        if self.spot.noticed is not None:
            raise Ended("SpotReclaimed", "the machine is being taken back")
        if boottime() > self.deadline:
            raise Ended("SetupFailed", "set-up took longer than %d s" % self.limits["setup"])

    def _cancelled(self) -> Optional[str]:
        cancel = self.slot.content.get("cancel")
        return cancel["reason"] if cancel and cancel["n"] == self.run["n"] else None

    # -------------------------------------------------------- the command runs
    def _wait(self) -> Json:
        self.logs.thread.start()
        begun: Json = load(self.path("started.json")) or {}
        while True:
            ending = self.command.exit()
            if ending is not None:
                break
            running = self.command.running()
            if self.pulse.phase == 0 and running is not None:
                self.pulse.phase, self.pulse.since = 1, running["at"]
                self.pulse.message = ""
                threading.Thread(target=self.pulse.beat, daemon=True).start()
            if running is not None:
                self._enforce(running["at"])
            lost = "RunnerLost" if begun["boot"] == boot_id() else "Rebooted"
            if self.command.abandon(lost):
                continue
            time.sleep(0.1)
        if "lost" in ending:
            self.command.kill_strays()
        self.pulse.since = ending.get("started", self.pulse.since)
        return ending

    def _enforce(self, started: float) -> None:
        """Ends a command that has to: TERM, grace, KILL. The reason is on disk first."""
        stop = self.stop
        if stop is None:
            stop = self.stop = self._why_stop(started)
            if stop is None:
                return
            try_save(self.path("stop.json"), stop)
            log("ending the command: %s" % stop["reason"])
            self.command.signal(signal.SIGTERM)
        elif boottime() >= stop["at"] + stop["grace"]:
            self.command.signal(signal.SIGKILL)

    def _why_stop(self, started: float) -> Optional[Json]:
        now, grace = boottime(), float(self.limits["grace"])
        if self._cancelled() is not None:
            return {
                "reason": "Cancelled", "message": self._cancelled(), "at": now, "grace": grace
            }  # fmt: skip
        if self.spot.noticed is not None:
            self.pulse.spot = True
            grace = min(grace, SPOT_GRACE)
            return {"reason": "SpotReclaimed", "message": "", "at": now, "grace": grace}
        if now >= started + self.limits["command"]:
            message = "ran longer than %d s" % self.limits["command"]
            return {"reason": "TimedOut", "message": message, "at": now, "grace": grace}
        return None

    # -------------------------------------------------------- delivery
    def _result(self, reason: str, message: str, ending: Json) -> Json:
        """R9: exit first, then logs, then everything that may take long."""
        self.pulse.phase = 2
        self.pulse.exit = ending.get("exit")
        self.pulse.message = "delivering"
        log("run ended: %s" % reason)
        if self.command.started():
            self.pulse.beat_until(boottime() + 60)
        end = boottime() + self.limits["upload"]
        if reason != "DuplicateStart" and not self.logs.finish(end):
            log("the log is not complete in the bucket")
        outputs: Json = {"state": "Skipped", "files": 0, "bytes": 0}
        if "exit" in ending and reason != "SpotReclaimed":
            outputs, problem = self._outputs(reason, end)
            if problem and reason == "Completed":
                spot = self.spot.noticed is not None
                reason, message = "SpotReclaimed" if spot else "OutputsFailed", problem
            elif problem:
                message = "; ".join(part for part in (message, problem) if part)
        result = self._record(reason, message, ending, outputs)
        try_save(self.path("result.json"), result)
        return result

    def _outputs(self, reason: str, end: float) -> Tuple[Json, str]:
        """Delivers redirects, outputs and the manifest; what went wrong in words, or ''."""
        delivery = Delivery(self.data, self.task, self._absolute, self.run["env"])

        def guard() -> None:
            if boottime() > end:
                raise DataError("delivery took longer than %d s" % self.limits["upload"])
            noticed = self.spot.noticed
            if noticed is not None and boottime() > noticed + SPOT_DELIVERY:
                raise DataError("the machine is being taken back")

        self.data.guard = guard
        problem = delivery.deliver(reason == "Completed", self.logs)
        outputs: Json = {"state": "Partial" if problem else "Delivered"}
        outputs["files"] = len(delivery.files)
        outputs["bytes"] = sum(file["size"] for file in delivery.files)
        if not delivery.wanted:
            outputs["state"] = "Partial" if problem else "Skipped"
            return outputs, problem
        manifest = delivery.manifest(self.slot["mid"], self.run["n"], self.run["A"])
        status = self.mailbox.put_until("manifest", 0, manifest, max(end, boottime() + 60))
        if fine(status) or status == 409:
            outputs["manifestSha"] = hashlib.sha256(manifest).hexdigest()
        return outputs, problem

    def _record(self, reason: str, message: str, ending: Json, outputs: Json) -> Json:
        begun = load(self.path("started.json")) or {}
        taken = self.slot["taken"]

        def since(moment: Optional[float]) -> Optional[float]:
            if moment is None or moment < taken:
                return None
            return float(round(moment - taken, 3))

        running = self.command.running() or {}
        return {
            "v": PROTOCOL,
            "mid": self.slot["mid"],
            "n": self.run["n"],
            "A": self.run["A"],
            "outcome": "Succeeded" if reason == "Completed" else "Failed",
            "reason": reason,
            "message": message[:512],
            "exit": ending.get("exit"),
            "elapsed": {
                "setup": since(begun.get("setup")),
                "start": since(running.get("at")),
                "exit": since(ending.get("at")),
                "end": since(boottime()),
            },
            "usage": ending.get("usage"),
            "outputs": outputs,
            "log": {stream: self.logs.sizes(stream) for stream in ("out", "err")},
            "runner": VERSION,
        }

    def _publish(self, result: Json) -> None:
        """The same bytes however often: write-once keys that are ours already are success."""
        CGroup((load(self.path("command.json")) or {}).get("cgroup", [])).remove()
        body = compact(result)
        if result["reason"] != "DuplicateStart":
            self.mailbox.put_until("result", 0, body)
        tries = 0
        while True:
            self.pulse.end_with(lambda: self.mailbox.put("done", 0, body))
            if self.pulse.over:
                break
            self.mailbox.read_box()
            time.sleep(backoff(tries))
            tries += 1
        try_save(self.path("delivered.json"), {"at": boottime()})
        log("done: %s" % result["reason"])


class Delivery:
    """Uploads what the task declared; remembers what arrived."""

    def __init__(
        self, data: Data, task: Json, absolute: Callable[[str], str], env: Dict[str, str]
    ) -> None:
        self.data = data
        self.task = task
        self.absolute = absolute
        self.env = env
        self.files: List[Json] = []
        self.wanted = False

    def deliver(self, success: bool, logs: LogPump) -> str:
        """The first problem, or ''. One file's failure does not keep the others back."""
        problems: "queue.Queue[str]" = queue.Queue()
        with ThreadPoolExecutor(int(self.task.get("workers", 4))) as pool:
            for item, key, source, name in self._jobs(success, logs):
                pool.submit(self._one, item, key, source, name, problems)
        self.files.sort(key=lambda file: str(file["key"]))
        return problems.get() if not problems.empty() else ""

    def _jobs(self, success: bool, logs: LogPump) -> Iterator[Tuple[Json, str, Source, str]]:
        for item in self.task.get("redirects", []):
            key = re.sub(r"\$\{(BATCH_\w+)\}", lambda m: self.env.get(m.group(1), ""), item["key"])
            yield item, key, logs.source(item["stream"]), "std" + item["stream"]
        for item in self.task.get("outputs", []):
            if not success and item["when"] == "OnSuccess":
                continue
            self.wanted = True
            for name, path, size in files_under(self.absolute(item["path"])):
                yield item, item["prefix"] + name, [(path, size)], name

    def _one(
        self, item: Json, key: str, source: Source, name: str, problems: "queue.Queue[str]"
    ) -> None:
        try:
            file = self.data.upload(item, key, source, int(self.task.get("partSize", 16 * MIB)))
        except Exception as error:  # whatever it was: this file has not arrived
            problems.put("output %s: %s" % (name[:200], error or type(error).__name__))
            return
        file["host"] = item["host"]
        self.files.append(file)

    def manifest(self, mid: str, n: int, attempt: str) -> bytes:
        """The list of delivered objects; a list over 5 MiB is cut, and says so."""
        content: Json = {"v": PROTOCOL, "mid": mid, "n": n, "A": attempt, "cut": False}
        content["files"] = self.files
        body = compact(content)
        while len(body) > MANIFEST_LIMIT:
            content["cut"] = True
            content["files"] = content["files"][: len(content["files"]) // 2]
            body = compact(content)
        return body


# ---------------------------------------------------------------- the machine
class Machine:
    """Finds this machine's run, does it, then waits to be terminated."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.transport = Transport()
        self.metadata = Metadata()

    def main(self) -> None:
        os.umask(0o022)
        if not self._only_one():
            log("another runner works here")
            return
        self._protect()
        slot = self._slot()
        run = Run(self.state, slot, self.transport, self.metadata)
        run.go()
        while True:
            time.sleep(3600)

    def _only_one(self) -> bool:
        """The boot script may run twice; one runner works, the lock ends with its process."""
        self._lock = open(os.path.join(self.state, "runner.lock"), "a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    @staticmethod
    def _protect() -> None:
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write("-900")
        except OSError as error:
            log("not protected from the OOM killer: %s" % error.strerror)

    def _slot(self) -> Slot:
        path = os.path.join(self.state, "slot.json")
        kept = load(path)
        if kept is not None:
            if kept["boot"] != boot_id():
                kept["boot"], kept["taken"] = boot_id(), boottime()
            return Slot(path, kept)
        slot = Slot(path, self._join())
        save(path, slot.content)
        return slot

    def _join(self) -> Json:
        """Polls the directory until it names this machine; powers off when it never does."""
        boot = self._boot_file()
        instance = self._instance()
        deadline = boottime() + float(boot.get("deadline", BOOT_DEADLINE))
        unnamed: Optional[float] = None
        tries = 0
        while True:
            directory = self._directory(boot["dir"])
            if directory is not None:
                found = self._read(directory, boot, instance)
                if found is not None:
                    return found
                unnamed = unnamed or boottime()
            if boottime() > deadline or (unnamed and boottime() > unnamed + NOT_NAMED):
                self._power_off("no work for %s" % instance)
            time.sleep(2 + random.uniform(0, 0.2) if tries < 5 else 5 + random.uniform(-2, 2))
            tries += 1

    def _boot_file(self) -> Dict[str, str]:
        """``name=value`` lines that the boot script left."""
        with open(os.path.join(self.state, "boot")) as file:
            pairs = [line.rstrip("\n").partition("=") for line in file if "=" in line]
        return {name: value for name, _, value in pairs}

    def _instance(self) -> str:
        tries = 0
        while True:
            found = self.metadata.get("instance-id")
            if found:
                return found
            log("the metadata service does not tell the instance id, trying again")
            time.sleep(backoff(tries))
            tries += 1

    def _directory(self, url: str) -> Optional[Json]:
        try:
            reply = self.transport.request("GET", url)
        except NetworkError as error:
            log("directory: %s" % error)
            return None
        if reply.status != 200:
            log("directory: answer %d %s" % (reply.status, reply.code()))
            return None
        try:
            found = json.loads(reply.body.decode())
        except ValueError:
            log("directory: not JSON")
            return None
        return found if isinstance(found, dict) else None

    def _read(self, directory: Json, boot: Dict[str, str], instance: str) -> Optional[Json]:
        if directory.get("v") != PROTOCOL:
            self._refuse(boot, "a directory of version %s; this runner speaks %d" % (
                str(directory.get("v"))[:20], PROTOCOL
            ))  # fmt: skip
        entry = directory.get("slots", {}).get(instance)
        if directory.get("state") != "Bound" or entry is None:
            return None
        if entry.get("kind") != "run":
            self._refuse(boot, "a slot of kind %s; this runner does runs" % entry.get("kind"))
        return slot_of(directory, entry, instance, boot)

    def _refuse(self, boot: Dict[str, str], message: str) -> None:
        log(message)
        if boot.get("fail"):
            try:
                self.transport.request("PUT", boot["fail"], body=("runner: " + message).encode())
            except NetworkError as error:
                log("failure note: %s" % error)
        self._power_off(message)

    @staticmethod
    def _power_off(why: str) -> None:
        log("powering off: %s" % why)
        command = os.environ.get("BATCHCOMPUTE_POWEROFF", "poweroff || shutdown -h now")
        subprocess.call(["/bin/sh", "-c", command])
        time.sleep(60)
        sys.exit(0)


def slot_of(directory: Json, entry: Json, instance: str, boot: Dict[str, str]) -> Json:
    """What is kept of a directory: this machine's part, and the prefix of all keys."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(boot["dir"]).path)[1:]
    prefix = path[: -len("dir/" + directory["launch"])]
    run = entry["run"]
    return {
        "host": directory["host"],
        "prefix": prefix,
        "instance": instance,
        "mid": entry["mid"],
        "beat": directory["beat"],
        "put": directory["put"],
        "get": directory["get"],
        "boxGet": entry["boxGet"],
        "rev": 0,
        "run": run,
        "task": directory["tasks"][run["tkey"]],
        "taken": boottime(),
        "boot": boot_id(),
    }


def main(arguments: List[str]) -> int:
    if arguments[:1] == ["shim"]:
        return Shim(arguments[1]).run()
    state = os.environ.get("BATCHCOMPUTE_STATE", "/var/lib/batchcompute")
    Machine(state).main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
