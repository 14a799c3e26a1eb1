"""Which kinds there are and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object: its group, version, plural and kind, and whether it has a namespace."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The URL path of a collection (no name), an object, or a subresource of one.

        A namespaced resource without ``namespace`` is the collection over all namespaces.
        """
        parts = ["/api" if not self.group else f"/apis/{self.group}", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        elif self.namespaced and name:
            raise ValueError(f"{self.plural} {name}: a namespace is needed")
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


GROUP = "batchcompute.io"
JOBS = Resource(GROUP, "v1alpha1", "jobs", "Job")
TASK_TEMPLATES = Resource(GROUP, "v1alpha1", "tasktemplates", "TaskTemplate")
COMPUTE_ENVS = Resource(GROUP, "v1alpha1", "computeenvs", "ComputeEnv")
TASK_INSTANCES = Resource(GROUP, "v1alpha1", "taskinstances", "TaskInstance")
COMPUTE_NODES = Resource(GROUP, "v1alpha1", "computenodes", "ComputeNode")

SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
CUSTOM_RESOURCE_DEFINITIONS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
)
