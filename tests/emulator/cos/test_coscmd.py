"""coscmd, unmodified, with the emulator as its HTTP proxy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cos_server import BUCKET
from tests.support.emulator import Emulator, emulator_fixture

ROOT = Path(__file__).parents[3]
emulator = emulator_fixture(scope="module")
Coscmd = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def program() -> str:
    """coscmd in an environment of its own."""
    made = subprocess.run([ROOT / "dev/env", "coscmd"], check=True, stdout=subprocess.PIPE)
    return f"{made.stdout.decode().strip()}/bin/coscmd"


@pytest.fixture
def coscmd(emulator: Emulator, program: str, tmp_path: Path) -> Coscmd:
    """Runs one command in `tmp_path`; fails unless it exits with `code`."""
    emulator.reset()
    environment = {**os.environ, "HOME": str(tmp_path), "http_proxy": emulator.endpoint}
    for name in ("no_proxy", "NO_PROXY"):
        environment.pop(name, None)

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [program, "-c", "cos.conf", "-l", "cos.log", *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stdout
        return done

    run(
        *("config", "-a", emulator.secret_id, "-s", emulator.secret_key, "-b", BUCKET),
        *("-r", "ap-guangzhou", "--do-not-use-ssl", "-p", "1"),
    )
    return run


def test_a_file_goes_up_and_comes_back(coscmd: Coscmd, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    coscmd("upload", "text", "a/b c/文")
    assert "a/b c/文" in coscmd("list", "-ar").stdout
    assert "5d41402abc4b2a76b9719d911017c592" in coscmd("info", "a/b c/文").stdout
    coscmd("download", "a/b c/文", "back")
    assert (tmp_path / "back").read_text() == "hello"
    coscmd("delete", "-f", "a/b c/文")
    assert "NoSuchResource" in coscmd("info", "a/b c/文", code=255).stdout


def test_a_folder_goes_up_is_copied_and_deleted(
    coscmd: Coscmd, emulator: Emulator, tmp_path: Path
) -> None:
    for number in range(3):
        path = tmp_path / "folder" / str(number) / "file"
        path.parent.mkdir(parents=True)
        path.write_text(str(number))
    coscmd("upload", "-r", "folder", "/")
    host = f"{BUCKET}.cos.ap-guangzhou.myqcloud.com"
    coscmd("copy", "-r", f"{host}/folder/", "copied/")
    coscmd("delete", "-rf", "folder")
    coscmd("download", "-r", "copied", "back")
    found = sorted(path.read_text() for path in (tmp_path / "back").rglob("file"))
    assert found == ["0", "1", "2"]
    assert emulator.counts()["cos:DeleteMultipleObjects"] == {"OK": 1}
    assert emulator.counts()["cos:PutObjectCopy"] == {"OK": 3}


def test_a_file_above_its_threshold_goes_up_in_parts(
    coscmd: Coscmd, emulator: Emulator, tmp_path: Path
) -> None:
    conf = tmp_path / "cos.conf"
    conf.write_text(conf.read_text() + "multiupload_threshold = 20\n")
    body = os.urandom(20 * 1024 * 1024 + 5)
    (tmp_path / "big").write_bytes(body)
    coscmd("upload", "big", "big")
    assert emulator.counts()["cos:UploadPart"] == {"OK": 21}
    coscmd("download", "big", "back")
    assert (tmp_path / "back").read_bytes() == body


def test_a_wrong_key_is_told_and_nothing_is_stored(
    coscmd: Coscmd, emulator: Emulator, tmp_path: Path
) -> None:
    conf = tmp_path / "cos.conf"
    conf.write_text(conf.read_text().replace(emulator.secret_key, "wrong"))
    (tmp_path / "text").write_text("hello")
    assert "SignatureDoesNotMatch" in coscmd("upload", "text", "k", code=255).stdout
    assert emulator.counts() == {"cos:PutObject": {"SignatureDoesNotMatch": 1}}
