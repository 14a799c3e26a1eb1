"""User data of a launch: the boot script with its three URLs, the same for all its machines.

Pure: the same launch gives the same bytes, which are part of the ledger record (R1). The
runner's source and its sha256 are read once, from this package.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..mailbox.grants import BootUrls

LIMIT = 16 * 1024
"""Bytes of base64 that RunInstances takes."""

_TOKEN = "&x-cos-security-token="  # noqa: S105 - the name of a parameter


class UserDataTooLargeError(ValueError):
    """User data over the cloud's limit; the message holds sizes alone."""


@lru_cache(maxsize=1)
def runner_source() -> bytes:
    """The runner: what lies under ``boot/runner-<sha256>.py``."""
    return files(__package__).joinpath("runner.py").read_bytes()


@lru_cache(maxsize=1)
def runner_sha256() -> str:
    """The hex sha256 of ``runner_source()``: its version in keys and user data."""
    return sha256(runner_source()).hexdigest()


def render(launch: str, urls: BootUrls, boot_deadline: int, sha: str) -> bytes:
    """The script. ``boot_deadline`` in seconds; ``sha`` of the runner that ``urls`` names.

    A temporary key's token stands in it once per signer, not once per URL.
    """
    runner, _, get_token = urls.runner.partition(_TOKEN)
    fail, _, put_token = urls.fail.partition(_TOKEN)
    values = {
        "LAUNCH": launch,
        "SHA256": sha,
        "DEADLINE": str(boot_deadline),
        "GET_TOKEN": _TOKEN + get_token if get_token else "",
        "PUT_TOKEN": _TOKEN + put_token if put_token else "",
        "RUNNER": runner,
        "DIR": urls.directory.partition(_TOKEN)[0],
        "FAIL": fail,
    }
    script = _template()
    for name, value in values.items():
        if "'" in value or "\n" in value:
            raise ValueError(f"{name} does not fit into a shell word")
        script = script.replace(f"@{name}@", value)
    return script.encode()


def user_data(launch: str, urls: BootUrls, boot_deadline: int, sha: str) -> str:
    """``UserData`` of RunInstances: the script in base64.

    Raises:
        UserDataTooLargeError: over 16 KB.
    """
    text = base64.b64encode(render(launch, urls, boot_deadline, sha)).decode()
    if len(text) > LIMIT:
        raise UserDataTooLargeError(f"user data of {launch}: {len(text)} of {LIMIT} bytes")
    return text


@lru_cache(maxsize=1)
def _template() -> str:
    return files(__package__).joinpath("boot.sh").read_text("utf-8")
