"""Buckets and objects. Every change here is one step of the event loop: it is atomic."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING

from .body import Content, Spool, joined
from .digest import md5_hex
from .errors import CosError
from .keys import SortedKeys
from .lifecycle import Lifecycle

if TYPE_CHECKING:
    from pathlib import Path

MAX_BUCKETS = 200
SWEEP_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object. `headers` are those given at its upload that come back with it."""

    content: Content
    etag: str  # in quotes
    modified: float
    headers: Mapping[str, str]
    acl: str = "default"
    listing: str = ""

    @property
    def last_modified(self) -> str:
        return http_date(int(self.modified))

    @property
    def storage_class(self) -> str:
        return self.headers.get("x-cos-storage-class", "STANDARD")


@dataclass(frozen=True, slots=True)
class Part:
    """An uploaded part."""

    content: Content
    modified: float

    @property
    def etag(self) -> str:
        return f'"{self.content.md5}"'


@dataclass(slots=True)
class Upload:
    """A multipart upload that is under way."""

    id: str
    key: str
    initiated: float
    initiator: str
    headers: Mapping[str, str]
    acl: str
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(slots=True)
class Bucket:
    """A bucket. `versioning` is empty for one that never was versioned."""

    name: str
    region: str
    created: float
    owner: str
    acl: str = "private"
    versioning: str = ""
    lifecycle: Lifecycle | None = None
    swept: float = 0.0
    objects: dict[str, StoredObject] = field(default_factory=dict)
    keys: SortedKeys = field(default_factory=SortedKeys)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def object(self, key: str) -> StoredObject:
        """Raises CosError NoSuchKey."""
        found = self.objects.get(key)
        if found is None:
            raise CosError("NoSuchKey")
        return found

    def put(self, key: str, new: StoredObject, *, forbid_overwrite: bool = False) -> None:
        """Makes or replaces an object; raises CosError FileAlreadyExists."""
        if key not in self.objects:
            self.keys.add(key)
        elif forbid_overwrite:
            raise CosError("FileAlreadyExists")
        self.objects[key] = new

    def delete(self, key: str) -> None:
        """Removes an object; one that is not there is no error."""
        if self.objects.pop(key, None) is not None:
            self.keys.remove(key)

    def set_acl(self, key: str, acl: str) -> None:
        """Raises CosError NoSuchKey."""
        self.objects[key] = replace(self.object(key), acl=acl)

    def sweep(self, now: float) -> None:
        """Does what the lifecycle rules say; at most once an hour, so call it at leisure."""
        if self.lifecycle is None or now < self.swept + SWEEP_SECONDS:
            return
        self.swept = now
        for key in [
            k for k, o in self.objects.items() if self.lifecycle.expired(k, o.modified, now)
        ]:
            self.delete(key)
        for upload in list(self.uploads.values()):
            if self.lifecycle.abandoned(upload.key, upload.initiated, now):
                del self.uploads[upload.id]

    def upload(self, upload_id: str, key: str) -> Upload:
        """Raises CosError NoSuchUpload."""
        found = self.uploads.get(upload_id)
        if found is None or found.key != key:
            raise CosError("NoSuchUpload")
        return found

    def begin(self, upload: Upload) -> None:
        self.uploads[upload.id] = upload

    def complete(self, upload: Upload, parts: list[Part], now: float) -> StoredObject:
        """The object that the parts make, in order. It is not yet in the bucket."""
        return stored(
            joined(part.content for part in parts),
            multipart_etag(parts),
            now,
            upload.headers,
            upload.acl,
            self.owner,
        )


class Store:
    """All buckets of the account; long bodies as files in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.spool = Spool(directory)
        self.buckets: dict[str, Bucket] = {}
        self._uploads = itertools.count(1)

    def bucket(self, name: str, region: str | None) -> Bucket:
        """The bucket; raises CosError NoSuchBucket, as for one asked for in another region."""
        found = self.buckets.get(name)
        if found is None or (region is not None and region != found.region):
            raise CosError("NoSuchBucket")
        return found

    def create(self, name: str, region: str, owner: str, now: float) -> Bucket:
        """Raises CosError BucketAlreadyOwnedByYou, BucketAlreadyExists or TooManyBuckets."""
        if (found := self.buckets.get(name)) is not None:
            same = found.region == region
            raise CosError("BucketAlreadyOwnedByYou" if same else "BucketAlreadyExists")
        if len(self.buckets) >= MAX_BUCKETS:
            raise CosError("TooManyBuckets")
        bucket = self.buckets[name] = Bucket(name, region, now, owner)
        return bucket

    def remove(self, bucket: Bucket) -> None:
        """Raises CosError BucketNotEmpty."""
        if bucket.objects or bucket.uploads:
            raise CosError("BucketNotEmpty")
        del self.buckets[bucket.name]

    def new_upload_id(self, now: float) -> str:
        return f"{int(now)}{secrets.token_hex(24)}{next(self._uploads):08x}"


def stored(
    content: Content, etag: str, now: float, headers: Mapping[str, str], acl: str, owner: str
) -> StoredObject:
    """An object with its part of a LIST reply made ready."""
    listing = (
        f"<LastModified>{iso_milliseconds(now)}</LastModified><ETag>{etag}</ETag>"
        f"<Size>{content.size}</Size>"
        f"<Owner><ID>{owner}</ID><DisplayName>{owner}</DisplayName></Owner>"
        f"<StorageClass>{headers.get('x-cos-storage-class', 'STANDARD')}</StorageClass></Contents>"
    )
    return StoredObject(content, etag, now, headers, acl, listing)


def multipart_etag(parts: list[Part]) -> str:
    """`"<md5 of the parts' md5s>-<number of parts>"`."""
    digests = b"".join(bytes.fromhex(part.content.md5) for part in parts)
    return f'"{md5_hex(digests)}-{len(parts)}"'


@lru_cache(maxsize=4096)
def http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def iso_milliseconds(at: float) -> str:
    """`2026-01-31T12:00:00.000Z`; COS's times have full seconds."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
