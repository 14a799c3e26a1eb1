"""The bytes of objects: short ones in memory, long ones in files, none ever changed.

Parts and copies share segments, so completing a multipart upload and copying move no byte. A
file goes when the last object, part or reader that uses it does.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from aiohttp.web import RequestPayloadError

from .crc64 import combine, crc64
from .errors import CosError

if TYPE_CHECKING:
    from pathlib import Path

    from ..http import Body

IN_MEMORY = 256 * 1024  # bytes; longer bodies go to a file
PIECE = 1024 * 1024  # bytes read or written at a time


class FileSegment:
    """A whole file of ours, removed with the last reference to it."""

    __slots__ = ("__weakref__", "path", "size")

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        weakref.finalize(self, _remove, path, os.getpid())


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child's exit is not the end of the object
        path.unlink(missing_ok=True)


Segment = bytes | FileSegment


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes with their checksums. `md5` is hex, of the whole."""

    segments: tuple[Segment, ...]
    size: int
    md5: str
    crc: int

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to before `end`, in pieces."""
        offset = 0
        for segment in self.segments:
            size = _size(segment)
            first, last = max(start - offset, 0), min(end - offset, size)
            if first < last:
                async for piece in _read(segment, first, last):
                    yield piece
            offset += size

    def in_memory(self, start: int, end: int) -> bytes | None:
        """The same at once, if no file has to be read for it."""
        if len(self.segments) == 1 and isinstance(self.segments[0], bytes):
            whole = self.segments[0]
            return whole if end - start == len(whole) else whole[start:end]
        return b"" if self.size == 0 else None


EMPTY = Content((), 0, hashlib.md5(usedforsecurity=False).hexdigest(), 0)


def joined(contents: Iterable[Content]) -> Content:
    """All of them in a row. The `md5` is not that of the bytes: nobody has it."""
    segments: list[Segment] = []
    size = crc = 0
    for content in contents:
        segments.extend(content.segments)
        crc = combine(crc, content.crc, content.size)
        size += content.size
    return Content(tuple(segments), size, "", crc)


class Spool:
    """Takes request bodies in; makes the names of the files, which no client has a say in."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files = 0
        directory.mkdir(parents=True, exist_ok=True)
        for left_over in directory.glob("[0-9]*"):  # by an emulator that was killed
            left_over.unlink()

    async def receive(self, body: Body, declared: int | None, limit: int) -> Content:
        """Reads a body to its end. `declared` is its Content-Length.

        Raises CosError EntityTooLarge beyond `limit` and IncompleteBody for a short one.
        """
        if declared is not None and declared > limit:
            raise CosError("EntityTooLarge")
        writer = _Writer(self._new_path)
        try:
            while piece := await body.readany():
                if writer.size + len(piece) > limit:
                    raise CosError("EntityTooLarge")
                await writer.write(piece)
            if declared is not None and writer.size < declared:
                raise CosError("IncompleteBody")
            return await writer.finish()
        except (ConnectionError, RequestPayloadError) as error:
            writer.discard()
            raise CosError("IncompleteBody") from error
        except BaseException:
            writer.discard()
            raise

    async def store(self, pieces: AsyncIterator[bytes]) -> Content:
        """Takes in bytes that are known to be wanted (a range that is copied)."""
        writer = _Writer(self._new_path)
        try:
            async for piece in pieces:
                await writer.write(piece)
            return await writer.finish()
        except BaseException:
            writer.discard()
            raise

    def _new_path(self) -> Path:
        self._files += 1
        return self._directory / f"{self._files:08d}"


class _Writer:
    """Collects a piece in memory and hands it to a thread, which sums and writes it."""

    def __init__(self, new_path: Callable[[], Path]) -> None:
        self.size = 0
        self._new_path = new_path
        self._held = bytearray()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self._writing: asyncio.Future[None] | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc = 0

    async def write(self, piece: bytes) -> None:
        self.size += len(piece)
        self._held += piece
        if len(self._held) >= (PIECE if self._file else IN_MEMORY + 1):
            await self._flush()

    async def finish(self) -> Content:
        if self._file is None:
            whole = bytes(self._held)
            self._sum(whole)
            return self._content(whole) if whole else EMPTY
        if self._held:
            await self._flush()
        self._file.close()
        assert self._path is not None
        segment = FileSegment(self._path, self.size)
        self._file = None
        return self._content(segment)

    def discard(self) -> None:
        """Removes the file, after the thread that may still be writing to it."""
        if self._writing is not None and not self._writing.done():
            self._writing.add_done_callback(lambda _: self._remove())
        else:
            self._remove()

    def _remove(self) -> None:
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

    async def _flush(self) -> None:
        if self._file is None:
            self._path = self._new_path()
            self._file = self._path.open("wb", buffering=0)
        held, self._held = bytes(self._held), bytearray()
        writing = asyncio.to_thread(self._sum_and_write, self._file, held)
        self._writing = asyncio.ensure_future(writing)
        await asyncio.shield(self._writing)

    def _sum_and_write(self, file: BinaryIO, data: bytes) -> None:
        self._sum(data)
        view = memoryview(data)
        while view:
            view = view[os.write(file.fileno(), view) :]

    def _sum(self, data: bytes) -> None:
        self._md5.update(data)
        self._crc = crc64(data, self._crc)

    def _content(self, segment: Segment) -> Content:
        return Content((segment,), self.size, self._md5.hexdigest(), self._crc)


class Corrupted:
    """A body whose first byte is not the one that was sent."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._done = False

    async def read(self, n: int = -1) -> bytes:
        return self._changed(await self._body.read(n))

    async def readany(self) -> bytes:
        return self._changed(await self._body.readany())

    def _changed(self, piece: bytes) -> bytes:
        if self._done or not piece:
            return piece
        self._done = True
        return bytes([piece[0] ^ 1]) + piece[1:]


def _size(segment: Segment) -> int:
    return segment.size if isinstance(segment, FileSegment) else len(segment)


async def _read(segment: Segment, first: int, last: int) -> AsyncIterator[bytes]:
    if isinstance(segment, bytes):
        yield segment[first:last]
        return
    file = await asyncio.to_thread(segment.path.open, "rb")
    try:
        file.seek(first)
        while first < last:
            piece = await asyncio.to_thread(file.read, min(PIECE, last - first))
            first += len(piece)
            yield piece
    finally:
        file.close()
