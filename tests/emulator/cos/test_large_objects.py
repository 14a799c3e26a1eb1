"""Large objects stream through the emulator: its memory stays where it was."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from qcloud_cos import CosConfig, CosS3Client

from tencentcloud_emulator.cos.body import Spool
from tests.support.cos_server import BUCKET
from tests.support.emulator import Emulator, emulator_fixture

emulator = emulator_fixture(scope="module")

MIB = 1024 * 1024
SIZE = 200 * MIB
PIECE = bytes(range(256)) * (MIB // 256)
ALLOWED_GROWTH = 40 * MIB


class Broken(Exception):
    """The sender dies."""


def client_of(emulator: Emulator) -> CosS3Client:
    config = CosConfig(
        SecretId=emulator.secret_id,
        SecretKey=emulator.secret_key,
        Scheme="http",
        Domain=f"{emulator.address}/{BUCKET}",
    )
    return CosS3Client(config, retry=0)


def pieces() -> Iterator[bytes]:
    for _ in range(SIZE // MIB):
        yield PIECE


def memory(emulator: Emulator) -> int:
    """The most memory that the process ever had, in bytes."""
    status = Path(f"/proc/{emulator.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def put(client: CosS3Client) -> None:
    url = client.get_presigned_url(BUCKET, "big", "PUT")
    reply = requests.put(url, data=pieces(), timeout=60)
    assert reply.status_code == 200
    digest = hashlib.md5()
    for piece in pieces():
        digest.update(piece)
    assert reply.headers["ETag"] == f'"{digest.hexdigest()}"'


def upload_in_parts(client: CosS3Client) -> None:
    upload = client.create_multipart_upload(BUCKET, "big")["UploadId"]
    parts = []
    for number in range(1, 5):
        etag = client.upload_part(BUCKET, "big", PIECE * 50, number, upload)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    client.complete_multipart_upload(BUCKET, "big", upload, {"Part": parts})


@pytest.mark.parametrize(
    "store",
    [
        pytest.param(put, id="sent in one chunked PUT"),
        pytest.param(upload_in_parts, id="sent in parts"),
    ],
)
def test_200_mb_come_and_go_in_bounded_memory(
    emulator: Emulator, store: Callable[[CosS3Client], None]
) -> None:
    client = client_of(emulator)
    client.put_object(BUCKET, b"warm", "k")
    before = memory(emulator)
    store(client)
    got = requests.get(client.get_presigned_url(BUCKET, "big", "GET"), stream=True, timeout=60)
    assert int(got.headers["Content-Length"]) == SIZE
    assert sum(map(len, got.iter_content(MIB))) == SIZE
    assert memory(emulator) - before < ALLOWED_GROWTH
    client.copy_object(BUCKET, "copy", {"Bucket": BUCKET, "Key": "big", "Region": "ap-guangzhou"})
    assert stored_bytes(emulator) == SIZE
    for key in ("big", "copy"):
        client.delete_object(BUCKET, key)
    assert stored_bytes(emulator) == 0
    assert len(list(Path(f"/proc/{emulator.process.pid}/fd").iterdir())) < 100


def stored_bytes(emulator: Emulator) -> int:
    return sum(path.stat().st_size for path in (emulator.state_dir / "objects").iterdir())


def test_a_body_that_breaks_off_leaves_no_object_and_no_file(emulator: Emulator) -> None:
    client = client_of(emulator)
    url = client.get_presigned_url(BUCKET, "broken", "PUT")

    def broken() -> Iterator[bytes]:
        yield from (PIECE, PIECE)
        raise Broken

    with pytest.raises(Broken):
        requests.put(url, data=broken(), timeout=60)
    deadline = time.monotonic() + 10
    while "IncompleteBody" not in emulator.counts().get("cos:PutObject", {}):
        assert time.monotonic() < deadline, (emulator.state_dir / "emulator.log").read_text()
    assert not client.object_exists(BUCKET, "broken")
    assert stored_bytes(emulator) == 0
    assert "Traceback" not in (emulator.state_dir / "emulator.log").read_text()


def test_what_a_killed_emulator_left_behind_is_removed(tmp_path: Path) -> None:
    (tmp_path / "00000001").write_bytes(b"left over")
    Spool(tmp_path)
    assert list(tmp_path.iterdir()) == []
