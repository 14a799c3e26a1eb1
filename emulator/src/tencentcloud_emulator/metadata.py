"""The instance metadata service: plain text over HTTP, told apart by whose socket was used.

Directories list one name a line, those of directories with a `/` at the end; whatever is not
there is 404. There is no authentication, as in the cloud.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from .account import Account, Principal
from .clock import Clock, iso
from .http import RawRequest, RawResponse
from .record import MachineRecord

VERSIONS = ("1.0", "2017-09-19", "latest")
ROLE_SECONDS = 3600.0
BEIJING = timezone(timedelta(hours=8))


@dataclass(slots=True)
class Metadata:
    """Answers machines. Keys of a role live `role_seconds` and are renewed at half of that."""

    account: Account
    clock: Clock
    role_seconds: float = ROLE_SECONDS
    _keys: dict[str, Principal] = field(default_factory=dict)

    async def handle(self, request: RawRequest, record: MachineRecord) -> RawResponse:
        """The answer to `record`'s machine: 200, 404, or 405 for anything but GET and HEAD."""
        if request.method not in ("GET", "HEAD"):
            return _reply(405, b"Method Not Allowed\n")
        found = find(self._files(record), request.path)
        return _reply(404, b"Not Found\n") if found is None else _reply(200, found)

    def _files(self, record: MachineRecord) -> dict[str, bytes]:
        """Every file there is now, by its path below a version."""
        spec = record.spec
        texts = {
            "instance-id": spec.instance_id,
            "instance-name": spec.instance_name,
            "uuid": spec.uuid,
            "local-ipv4": spec.private_ip,
            "app-id": spec.app_id,
            "placement/region": spec.region,
            "placement/zone": spec.zone,
            "payment/charge-type": spec.charge_type,
        }
        if record.reclaim_at is not None:
            texts["spot/termination-time"] = beijing_time(record.reclaim_at)
        if spec.cam_role in self.account.roles:
            texts[f"cam/security-credentials/{spec.cam_role}"] = self._credentials(record)
        files = {f"meta-data/{name}": text.encode() for name, text in texts.items()}
        if spec.user_data is not None:
            files["user-data"] = spec.user_data
        return files

    def _credentials(self, record: MachineRecord) -> str:
        now, keys = self.clock.now(), self._keys
        current = keys.get(record.instance_id)
        if current is None or (current.expires or 0) - now < self.role_seconds / 2:
            role = self.account.roles[record.spec.cam_role or ""]
            current = self.account.assume(role, record.instance_id, None, self.role_seconds, now)
            keys[record.instance_id] = current
        expires = current.expires or 0
        return json.dumps(
            {
                "TmpSecretId": current.secret_id,
                "TmpSecretKey": current.secret_key,
                "ExpiredTime": int(expires),
                "Expiration": iso(expires),
                "Token": current.token,
                "Code": "Success",
            },
            indent=2,
        )


def find(files: Mapping[str, bytes], path: str) -> bytes | None:
    """The file at `path` (`/latest/meta-data/uuid`), or a directory's listing, or None.

    A directory is found with and without the slash at its end, a file only without.
    """
    version, _, rest = path.lstrip("/").partition("/")
    if not version:
        return "\n".join(VERSIONS).encode()
    if version not in VERSIONS:
        return None
    if rest in files:
        return files[rest]
    below = f"{rest.rstrip('/')}/" if rest else ""
    names: dict[str, None] = {}
    for name in files:
        if name.startswith(below):
            first, slash, _ = name[len(below) :].partition("/")
            names[first + slash] = None
    return "\n".join(names).encode() if names else None


def beijing_time(at: float) -> str:
    """`2026-01-31 20:00:00`, in UTC+8, the form of the time of a spot reclaim."""
    return datetime.fromtimestamp(at, BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _reply(status: int, body: bytes) -> RawResponse:
    return RawResponse(status, [("Content-Type", "text/plain")], body)
