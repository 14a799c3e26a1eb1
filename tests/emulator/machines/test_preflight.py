"""What `make demo` says before anything is built, on a host where machines cannot run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tencentcloud_emulator.machines import preflight as module
from tencentcloud_emulator.machines.preflight import preflight

SOURCES = Path(__file__).parents[3] / "emulator" / "src"

ADVICE = {
    "no user namespaces": (
        "unshare: Operation not permitted",
        "User namespaces are not permitted here (unshare: Operation not permitted): set",
    ),
    "too many user namespaces": (
        "unshare: No space left on device",
        "User namespaces are not permitted here (unshare: No space left on device): set",
    ),
    "a map that is refused": (
        "[Errno 1] Operation not permitted: '/proc/7/uid_map'",
        "User namespaces are not permitted here",
    ),
    "no overlay": (
        "[Errno 19] mount overlay on usr: No such device",
        "There is no overlay file system ([Errno 19] mount overlay on usr: No such device): load",
    ),
    "a container that hides parts of /proc": (
        "[Errno 1] mount proc on proc: Operation not permitted",
        "A machine cannot be assembled here ([Errno 1] mount proc on proc: Operation not",
    ),
}


@pytest.mark.parametrize(("problem", "advice"), ADVICE.values(), ids=ADVICE)
def test_advice(problem: str, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "trial", lambda: problem)
    (sentence,) = preflight()
    assert sentence.startswith(advice)
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_another_system_than_linux() -> None:
    assert preflight(platform="darwin") == [module.NO_LINUX]


def test_no_python_in_usr() -> None:
    assert preflight(python="/usr/bin/no-python3") == [module.NO_PYTHON]


def test_nothing_is_missing_here_and_the_trial_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)  # longer than a unix socket's path may be
    deep.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    mounts = Path("/proc/self/mounts").read_text()
    assert preflight() == []
    assert list(deep.iterdir()) == []
    assert Path("/proc/self/mounts").read_text() == mounts


FORBID = """
import resource, sys
from pathlib import Path
limit = Path("/proc/sys/user/max_user_namespaces")
from tencentcloud_emulator.machines import kernel
kernel.unshare(kernel.CLONE_NEWUSER)
limit.write_text("0")
from tencentcloud_emulator.machines.preflight import preflight
print(preflight()[0])
"""


def test_where_user_namespaces_are_used_up_that_is_the_answer() -> None:
    """In a user namespace of the test's own, where none may be made below."""
    told = subprocess.run(
        [sys.executable, "-c", FORBID],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(SOURCES), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert told.stdout.startswith("User namespaces are not permitted here ("), told.stderr
