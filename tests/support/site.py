"""A running stack as its user, its cloud and its administrator see it.

What a test decides by: the objects that the API server stores, the calls and machines that the
cloud saw, the objects in the buckets. Waiting is on a condition, with a deadline.
"""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from dev.cluster.cluster import Cluster
from dev.stack.demo.account import Bucket
from dev.stack.operator_process import merged
from dev.stack.stack import Stack
from tests.support.emulator import Emulator

Object = dict[str, Any]
T = TypeVar("T")

GROUP = "/apis/batchcompute.io/v1alpha1"
NAMESPACE_TAG = "batchcompute.io/namespace"
OPERATOR_NAMESPACE = "batchcompute-system"
LOOK_SECONDS = 0.1


class ListedBucket(Bucket):
    """A bucket that also tells what it holds."""

    def list_keys(self) -> list[str]:
        """All keys, ascending."""
        keys: list[str] = []
        marker, more = "", True
        while more:
            page = self._client.list_objects(Bucket=self.name, Marker=marker)
            keys += [entry["Key"] for entry in page.get("Contents", [])]
            more, marker = page["IsTruncated"] == "true", page.get("NextMarker", "")
        return keys


@dataclass
class Site:
    """`cluster` is the stack's own, `cloud` its control API; a namespace is a test's own."""

    stack: Stack
    cluster: Cluster
    cloud: Emulator
    _connection: http.client.HTTPSConnection | None = field(default=None, repr=False)

    @classmethod
    def of(cls, stack: Stack) -> Site:
        assert isinstance(stack.cluster, Cluster)
        ready = json.loads((stack.directory / "cloud-ready.json").read_text())
        child = stack.cloud.child
        emulator = Emulator(ready, stack.directory / "cloud", child)  # type: ignore[arg-type]
        return cls(stack, stack.cluster, emulator)

    # -- the user ------------------------------------------------------------------------

    def kubectl(self, *args: str, input: str | None = None) -> str:
        """Its output; a refusal fails the test with kubectl's own words."""
        said = self.cluster.kubectl(*args, input=input)
        assert said.returncode == 0, f"kubectl {' '.join(args)}: {said.stderr.strip()}"
        return said.stdout

    def apply(self, *manifests: Mapping[str, Any]) -> str:
        """`kubectl apply` of all of them at once."""
        whole = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        return self.kubectl("apply", "-f", "-", input=json.dumps(whole))

    def namespace(self, name: str) -> str:
        """Makes it; the name again."""
        self.kubectl("create", "namespace", name)
        return name

    # -- the API server -------------------------------------------------------------------

    def get(self, path: str) -> Object | None:
        """The object or list at an absolute path; None for 404."""
        status, body = self._ask(path)
        if status == 404:
            return None
        assert status == 200, f"GET {path}: {status} {body[:300]!r}"
        found: Object = json.loads(body)
        return found

    def metrics(self) -> str:
        """The API server's own."""
        return self._ask("/metrics")[1].decode()

    def job(self, namespace: str, name: str) -> Object:
        """As stored; empty when there is none."""
        return self.get(f"{GROUP}/namespaces/{namespace}/jobs/{name}") or {}

    def instance(self, namespace: str, name: str) -> Object:
        """A TaskInstance by `<job>.<task>.<index>`; empty when there is none."""
        return self.get(f"{GROUP}/namespaces/{namespace}/taskinstances/{name}") or {}

    def instances(self, namespace: str, job: str = "") -> list[Object]:
        """The TaskInstances of a namespace, or of one job in it."""
        listed = self.get(f"{GROUP}/namespaces/{namespace}/taskinstances")
        assert listed is not None
        return [one for one in listed["items"] if job in ("", one["spec"]["job"])]

    def events(self, namespace: str, name: str) -> list[Object]:
        """Those about one object, by name."""
        listed = self.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
        assert listed is not None
        return [one for one in listed["items"] if one["regarding"]["name"] == name]

    def secrets(self) -> list[str]:
        """Names of all Secrets of the operator: records of the ledger, copied credentials."""
        listed = self.get(f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/secrets")
        assert listed is not None
        return [one["metadata"]["name"] for one in listed["items"]]

    def _ask(self, path: str) -> tuple[int, bytes]:
        for last in (False, True):
            connection = self._connection or self._connect()
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                self._connection = None
                connection.close()
                if last:
                    raise
        raise AssertionError("unreachable")

    def _connect(self) -> http.client.HTTPSConnection:
        where = urlsplit(self.cluster.url)
        context: ssl.SSLContext = self.cluster.admin_client_config.ssl_context()
        assert where.hostname and where.port
        self._connection = http.client.HTTPSConnection(
            where.hostname, where.port, timeout=30, context=context
        )
        return self._connection

    # -- waiting ---------------------------------------------------------------------------

    def until(self, look: Callable[[], T], what: str, seconds: float = 60.0) -> T:
        """The first true answer of `look`; fails with `what` and the operator's last words."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            self.stack.check()
            if time.monotonic() > deadline:
                log = self.stack.operator.tail()
                raise AssertionError(f"not within {seconds:.0f} s: {what}: {found!r}\n{log}")
            time.sleep(LOOK_SECONDS)
        return found

    def condition(self, namespace: str, name: str, kind: str, status: str = "True") -> Object:
        """The condition of a Job as it stands, if it has this status; else empty."""
        conditions = self.job(namespace, name).get("status", {}).get("conditions", [])
        found = {c["type"]: c for c in conditions}.get(kind, {})
        return found if found.get("status") == status else {}

    def until_condition(
        self, namespace: str, name: str, kind: str, status: str = "True", seconds: float = 90.0
    ) -> Object:
        """Waits for it; the Job then."""

        def look() -> Object:
            job = self.job(namespace, name)
            conditions = job.get("status", {}).get("conditions", [])
            holds = any(c["type"] == kind and c["status"] == status for c in conditions)
            return job if holds else {}

        try:
            return self.until(look, f"{namespace}/{name} is {kind}={status}", seconds)
        except AssertionError as error:
            status_now = json.dumps(self.job(namespace, name).get("status"), indent=1)
            raise AssertionError(f"{error}\n{status_now}") from None

    def until_released(self, namespace: str, name: str, seconds: float = 90.0) -> Object:
        """Waits until the cloud has no machine of the Job; the Job then."""
        return self.until_condition(namespace, name, "ResourcesReleased", seconds=seconds)

    # -- the cloud -------------------------------------------------------------------------

    def machines(self, namespace: str) -> list[Object]:
        """All machines that were ever made for a namespace, oldest first."""
        found = [
            one for one in self.cloud.machines() if one["tags"].get(NAMESPACE_TAG) == namespace
        ]
        return sorted(found, key=lambda one: float(one["states"][0]["time"]))

    def launches(self, namespace: str) -> list[Object]:
        """The RunInstances calls for a namespace, whatever came of them."""
        return [c for c in self.cloud.calls("RunInstances") if tag_of(c) == namespace]

    def until_process(
        self, namespace: str, text: str, seconds: float = 60.0
    ) -> tuple[Object, Object]:
        """Waits until a machine runs a process with `text` in its arguments: both."""
        return self.until(
            lambda: next(
                (
                    (machine, process)
                    for machine in self.machines(namespace)
                    for process in machine["processes"]
                    if any(text in word for word in process["argv"]) and process["end"] is None
                ),
                None,
            ),
            f"a machine of {namespace} runs {text}",
            seconds,
        )  # type: ignore[return-value]

    def read(self, url: str) -> bytes | None:
        """The object at a `cos://` URL; None when there is none."""
        bucket, _, key = url.removeprefix("cos://").partition("/")
        return self.bucket(bucket).get(key)

    def bucket(self, name: str) -> ListedBucket:
        return ListedBucket(self.stack.cloud, name)

    def workspace_keys(self, text: str = "") -> list[str]:
        """The keys in the workspace bucket that contain `text`."""
        keys = self.bucket(self.stack.cloud.workspace_bucket).list_keys()
        return [key for key in keys if text in key]

    def uploads(self, url: str) -> list[float]:
        """When the object at a `cos://` URL was written, by the cloud's call log."""
        bucket, _, key = url.removeprefix("cos://").partition("/")
        return [
            float(call["time"])
            for call in self.cloud.calls("cos:PutObject")
            if call["code"] == "OK"
            and call["parameters"]["Bucket"] == bucket
            and call["parameters"]["Key"] == key
        ]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    # -- the operator ----------------------------------------------------------------------

    def kill_operator(self) -> None:
        """As a crash does."""
        assert self.stack.operator.signal(signal.SIGKILL) == -signal.SIGKILL

    def start_operator(self, **settings: Any) -> None:
        """(Again,) with settings on top of the stack's own, and from now on."""
        self.stack._overrides = merged(self.stack._overrides, settings)
        self.stack.start_operator()

    def restart_operator(self, **settings: Any) -> None:
        self.kill_operator()
        self.start_operator(**settings)


def tag_of(call: Mapping[str, Any]) -> str:
    """The namespace that a RunInstances call was made for."""
    specs = call["parameters"].get("TagSpecification") or []
    tags = {tag["Key"]: tag["Value"] for spec in specs for tag in spec["Tags"]}
    return str(tags.get(NAMESPACE_TAG, ""))


def ran(machine: Mapping[str, Any], last_word: str) -> list[Object]:
    """The processes that a machine has had whose last argument is this, in order of start."""
    found = [p for p in machine["processes"] if p["argv"][-1:] == [last_word]]
    return sorted(found, key=lambda process: float(process["start"]))


def ended_with(processes: Iterable[Mapping[str, Any]], *codes: int) -> bool:
    """Whether they all ended, with these exit codes; an ordinary user's kernel tells none."""
    ends = [process for process in processes if process["end"] is not None]
    told = [process["exitCode"] for process in ends]
    return len(ends) == len(codes) and told in (list(codes), [None] * len(codes))


def state_time(machine: Mapping[str, Any], state: str) -> float:
    """When a machine entered a state first."""
    return next(float(one["time"]) for one in machine["states"] if one["state"] == state)


def job_manifest(namespace: str, name: str, *tasks: Mapping[str, Any], **spec: Any) -> Object:
    """A Job; a task without `compute` gets the smallest machine of the image with cloud-init."""
    compute = {"imageId": "img-batch001", "instanceType": "S5.MEDIUM4"}
    whole = [
        dict(task) if "compute" in task or "templateRef" in task else {"compute": compute, **task}
        for task in tasks
    ]
    return {
        "apiVersion": "batchcompute.io/v1alpha1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"tasks": whole, **spec},
    }


def command(name: str, text: str, **task: Any) -> Object:
    """A task that runs a shell command."""
    return {"name": name, "application": {"command": text}, **task}
