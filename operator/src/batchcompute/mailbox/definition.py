"""What a task does on a machine: the values of ``dir.tasks`` and ``box.task``.

The form is between the operator and its runner (section 6 leaves it open)::

    {command, env: {NAME: value}, inputs: [{host, prefix, path, mode, credential}],
     outputs: [{path, host, prefix, when, credential}], workers, partSize,
     redirects: [{stream, host, key, credential}],
     data: {<credential>: {ak, key, token?, expires?}}}

``host`` is ``scheme://<bucket>.cos.<region>.myqcloud.com``. ``prefix`` is an object prefix
that ends in ``/`` or is empty. ``path`` is absolute, or relative to the work directory.
``data`` holds temporary keys narrowed to the declared paths, never a user's key pair (R22).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..cloud.credential import Credential

DEFAULT_WORKERS = 4
DEFAULT_PART_MIB = 16


class InputMode(StrEnum):
    """How an input reaches the machine."""

    COPY = "Copy"


class DeliverWhen(StrEnum):
    """Whether a failed command's outputs are delivered too."""

    ON_SUCCESS = "OnSuccess"
    ALWAYS = "Always"


@dataclass(frozen=True, slots=True)
class Input:
    """A prefix that is downloaded before the command."""

    host: str
    prefix: str
    path: str
    credential: str
    mode: InputMode = InputMode.COPY

    def as_json(self) -> dict[str, object]:
        """One item of ``inputs``."""
        return {
            "host": self.host,
            "prefix": self.prefix,
            "path": self.path,
            "mode": self.mode,
            "credential": self.credential,
        }


@dataclass(frozen=True, slots=True)
class Output:
    """A directory or file that is uploaded under a prefix after the command."""

    path: str
    host: str
    prefix: str
    credential: str
    when: DeliverWhen = DeliverWhen.ALWAYS

    def as_json(self) -> dict[str, object]:
        """One item of ``outputs``."""
        return {
            "path": self.path,
            "host": self.host,
            "prefix": self.prefix,
            "when": self.when,
            "credential": self.credential,
        }


@dataclass(frozen=True, slots=True)
class Redirect:
    """A whole stream that is uploaded as one object at the end.

    ``key`` may hold the placeholders of api.md, ``${BATCH_JOB_ID}`` and so on; the runner
    fills them in from the environment of the run.
    """

    stream: str
    host: str
    key: str
    credential: str

    def as_json(self) -> dict[str, object]:
        """One item of ``redirects``."""
        return {
            "stream": self.stream,
            "host": self.host,
            "key": self.key,
            "credential": self.credential,
        }


@dataclass(frozen=True, slots=True)
class Definition:
    """One task as its machines see it; shared by all instances of the task."""

    command: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    workers: int = DEFAULT_WORKERS
    part_mib: int = DEFAULT_PART_MIB
    data: Mapping[str, Credential] = field(default_factory=dict, repr=False)

    def as_json(self) -> dict[str, object]:
        """The value of ``dir.tasks[tkey]`` or ``box.task``."""
        return {
            "command": self.command,
            "env": {name: self.env[name] for name in sorted(self.env)},
            "inputs": [item.as_json() for item in self.inputs],
            "outputs": [item.as_json() for item in self.outputs],
            "redirects": [item.as_json() for item in self.redirects],
            "workers": self.workers,
            "partSize": self.part_mib * 1024 * 1024,
            "data": data_json(self.data),
        }


def data_json(data: Mapping[str, Credential]) -> dict[str, object]:
    """``data`` of a definition and of a box: temporary keys by the name mappings use."""
    return {name: _key_json(data[name]) for name in sorted(data)}


def _key_json(credential: Credential) -> dict[str, object]:
    whole: dict[str, object] = {"ak": credential.secret_id, "key": credential.secret_key}
    if credential.token:
        whole["token"] = credential.token
    if credential.expires is not None:
        whole["expires"] = int(credential.expires)
    return whole
