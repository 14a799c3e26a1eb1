"""The headers of an upload: which are kept with the object, and which cannot be honoured."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import CosError

KEPT = (
    "Content-Type",
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Expires",
)
META = "x-cos-meta-"
MAX_META = 2048  # bytes
ACLS = frozenset({"default", "private", "public-read"})
STORAGE_CLASSES = frozenset({"STANDARD", "STANDARD_IA", "MAZ_STANDARD", "MAZ_STANDARD_IA"})
_UNDERSTOOD = frozenset(
    {
        "x-cos-acl",
        "x-cos-copy-source",
        "x-cos-copy-source-if-match",
        "x-cos-copy-source-if-modified-since",
        "x-cos-copy-source-if-none-match",
        "x-cos-copy-source-if-unmodified-since",
        "x-cos-copy-source-range",
        "x-cos-forbid-overwrite",
        "x-cos-metadata-directive",
        "x-cos-sdk-retry",
        "x-cos-security-token",
        "x-cos-server-side-encryption",
        "x-cos-storage-class",
    }
)


def refuse_unknown(headers: Mapping[str, str]) -> None:
    """Raises CosError NotImplemented for an x-cos- header that would have no effect here."""
    for name in headers:
        lower = name.lower()
        if not lower.startswith("x-cos-") or lower.startswith(META):
            continue
        if lower not in _UNDERSTOOD:
            raise CosError("NotImplemented", f"{lower} is not emulated.")


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What comes back with the object; raises CosError for values that cannot be kept."""
    kept = {name: headers[name] for name in KEPT if name in headers}
    if kept.get("Content-Encoding", "").lower() == "aws-chunked":
        raise CosError("NotImplemented", "aws-chunked bodies are not emulated.")
    size = 0
    for name, value in headers.items():
        if name.lower().startswith(META):
            kept[name.lower()] = value
            size += len(name) + len(value)
    if size > MAX_META:
        raise CosError("MetadataTooLarge")
    if not all(_is_text(value) for value in kept.values()):
        raise CosError("InvalidArgument", "A header of the object is not UTF-8.")
    return kept | stored_as(headers)


def stored_as(headers: Mapping[str, str]) -> dict[str, str]:
    """Storage class and encryption; raises CosError for one that is not emulated."""
    kept = {}
    storage_class = headers.get("x-cos-storage-class", "STANDARD")
    if storage_class not in STORAGE_CLASSES:
        raise CosError("NotImplemented", f"The storage class {storage_class} is not emulated.")
    if storage_class != "STANDARD":
        kept["x-cos-storage-class"] = storage_class
    if (encryption := headers.get("x-cos-server-side-encryption")) is not None:
        if encryption != "AES256":
            raise CosError("NotImplemented", f"{encryption} encryption is not emulated.")
        kept["x-cos-server-side-encryption"] = encryption
    return kept


def acl_of(headers: Mapping[str, str]) -> str:
    """The canned ACL asked for; raises CosError for any that is not emulated."""
    acl = headers.get("x-cos-acl", "default")
    if acl not in ACLS:
        raise CosError("NotImplemented", f"The ACL {acl} is not emulated.")
    return acl


def forbids_overwrite(headers: Mapping[str, str]) -> bool:
    """`x-cos-forbid-overwrite: true`; raises CosError InvalidArgument for other than a boolean."""
    value = headers.get("x-cos-forbid-overwrite", "false").lower()
    if value not in ("true", "false"):
        raise CosError("InvalidArgument", "x-cos-forbid-overwrite is neither true nor false.")
    return value == "true"


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)
