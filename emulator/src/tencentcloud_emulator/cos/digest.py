"""MD5 sums: what the client says its body is, and ETags."""

from __future__ import annotations

import base64
import binascii
import hashlib

from .errors import CosError


def declared_md5(header: str | None) -> str | None:
    """The digest in hex; raises CosError InvalidDigest for what is none."""
    if header is None:
        return None
    try:
        digest = base64.b64decode(header.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CosError("InvalidDigest") from error
    if len(digest) != 16:
        raise CosError("InvalidDigest")
    return digest.hex()


def check_md5(declared: str | None, actual: str) -> None:
    """Raises CosError BadDigest."""
    if declared is not None and declared != actual:
        raise CosError("BadDigest")


def md5_hex(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
