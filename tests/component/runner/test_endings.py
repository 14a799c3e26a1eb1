"""How a command ends, and what the bucket then says."""

from __future__ import annotations

import json
import time

import pytest

from batchcompute.mailbox.definition import Definition
from batchcompute.mailbox.inbound import Outcome, OutputState, Reason
from batchcompute.mailbox.records import Deadlines
from tests.support.bucket import Request
from tests.support.runner import ATTEMPT, LAUNCH, LAYOUT, MID, RID, WS, Host, alive, wait_for

SCRIPT = 'echo "index $BATCH_TASK_INSTANCE_INDEX of $GREETING"; echo oops >&2; pwd; ls -A'


def test_success(host: Host) -> None:
    host.direct(Definition(SCRIPT, env={"GREETING": "world"}))
    result = host.finish()
    assert (result.outcome, result.reason) == (Outcome.SUCCEEDED, Reason.COMPLETED)
    assert result.exit is not None and result.exit.code == 0
    work = f"{host.state}/work/0"
    assert host.stream("out") == f"index 3 of world\n{work}\n".encode()
    assert host.stream("err") == b"oops\n"
    assert (result.log.out, result.log.err) == ([len(host.stream("out"))], [5])
    assert result.outputs.state is OutputState.SKIPPED
    assert (result.mid, result.n, result.A) == (MID, 0, ATTEMPT)
    times = result.elapsed
    assert times.setup is not None and times.start is not None
    assert times.exit is not None and times.end is not None
    assert 0 <= times.setup <= times.start <= times.exit <= times.end
    assert host.bucket.get(WS, LAYOUT.result(ATTEMPT)) == host.bucket.get(WS, LAYOUT.done(RID))


def test_everything_is_written_in_the_order_of_section_six(host: Host) -> None:
    host.direct(Definition("echo hi; sleep 0.5"))
    host.finish()
    order = host.order()
    wanted = [f"live/{RID}.0", f"{ATTEMPT}start", f"live/{RID}.1", f"live/{RID}.2"]
    wanted += [f"{ATTEMPT}out.00", f"{ATTEMPT}result.json", f"done/{RID}"]
    assert [key for key in order if key in wanted] == wanted
    last = host.beats(2)[0]
    assert last.line.exit is not None and last.line.exit.code == 0
    assert last.tail == b"hi\n"


def test_exit_code_three(host: Host) -> None:
    host.direct(Definition("exit 3"))
    result = host.finish()
    assert (result.outcome, result.reason) == (Outcome.FAILED, Reason.NON_ZERO_EXIT)
    assert result.exit is not None and result.exit.code == 3


def test_a_signal(host: Host) -> None:
    host.direct(Definition("kill -SEGV $$"))
    result = host.finish()
    assert result.reason is Reason.SIGNAL
    assert result.exit is not None and (result.exit.code, result.exit.signal) == (None, 11)


def test_a_timeout_ends_a_child_that_ignores_term(host: Host) -> None:
    command = "trap '' TERM; (trap '' TERM; echo child; sleep 60) & echo parent; wait; sleep 60"
    host.direct(Definition(command), Deadlines(30, 1, 30, 1))
    host.start()
    pid = wait_for("the command runs", host.running)
    result = host.result()
    assert result.reason is Reason.TIMED_OUT
    assert result.exit is not None and result.exit.status == 137
    assert result.message == "ran longer than 1 s"
    assert result.elapsed.exit is not None and result.elapsed.start is not None
    assert 2 <= result.elapsed.exit - result.elapsed.start < 5
    assert sorted(host.stream("out").split()) == [b"child", b"parent"]
    assert not alive(pid)


def test_term_comes_first_and_its_log_is_kept(host: Host) -> None:
    command = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.1; done"
    host.direct(Definition(command), Deadlines(30, 1, 30, 20))
    result = host.finish()
    assert result.reason is Reason.TIMED_OUT
    assert result.exit is not None and result.exit.code == 7
    assert host.stream("out") == b"up\nbye\n"


def test_cancel_while_it_runs(host: Host) -> None:
    host.direct(Definition("echo up; sleep 60"))
    host.start()
    wait_for("the command runs", host.running)
    host.cancel()
    result = host.result()
    assert (result.reason, result.message) == (Reason.CANCELLED, "Terminated")
    assert result.exit is not None and result.exit.status == 143
    assert host.stream("out") == b"up\n"


def test_cancel_before_it_runs(host: Host) -> None:
    host.direct(Definition("echo up"), gang=True)
    host.cancel()
    result = host.finish()
    assert result.reason is Reason.CANCELLED
    assert result.exit is None
    assert host.running() is None


def test_a_gang_waits_for_go(host: Host) -> None:
    host.direct(Definition('cat "$BATCH_TASK_HOSTFILE"'), gang=True)
    host.start()
    wait_for("ready", lambda: any(beat.line.ready for beat in host.beats(0)))
    assert host.running() is None
    host.box(go=["10.0.0.1", "10.0.0.2"])
    assert host.result().reason is Reason.COMPLETED
    assert host.stream("out") == b"10.0.0.1\n10.0.0.2\n"


def test_a_daemon_that_left_its_session_is_ended_with_the_command(host: Host) -> None:
    pids, daemon = host.folder / "pids", host.folder / "daemon"
    daemon.write_text(f"echo $$ > {pids}; exec sleep 300")
    leaving = f"setsid sh -c '(setsid sh {daemon} &); exit 0' >/dev/null 2>&1"
    host.direct(Definition(f"{leaving}; while ! [ -s {pids} ]; do sleep 0.1; done; sleep 1"))
    host.start()
    pid = int(wait_for("the daemon runs", lambda: pids.exists() and pids.read_text()))
    assert alive(pid)
    assert host.result().reason is Reason.COMPLETED
    assert not alive(pid)


def test_a_background_child_that_holds_the_pipe_keeps_nothing_waiting(host: Host) -> None:
    host.direct(Definition("echo one; sleep 300 & exit 4"))
    result = host.finish(8)
    assert result.exit is not None and result.exit.code == 4
    assert host.stream("out") == b"one\n"


def test_a_spot_notice(host: Host) -> None:
    host.metadata.values["payment/charge-type"] = "SPOTPAID"
    host.direct(Definition("trap 'echo saved; exit 0' TERM; echo up; while :; do sleep 0.1; done"))
    host.start()
    wait_for("the command runs", host.running)
    host.metadata.values["spot/termination-time"] = "2026-01-01 00:00:00"
    result = host.result()
    assert result.reason is Reason.SPOT_RECLAIMED
    assert result.exit is not None and result.exit.code == 0
    assert host.stream("out") == b"up\nsaved\n"
    assert host.beats(2)[0].line.spot


def test_nothing_of_the_runners_environment_reaches_the_command(host: Host) -> None:
    host.direct(Definition("env", env={"MINE": "1"}))
    host.finish()
    names = {line.split("=")[0] for line in host.stream("out").decode().splitlines()}
    known = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "_", "SHLVL", "OLDPWD", "MINE"}
    assert names - known == {"BATCH_JOB_ID", "BATCH_TASK_INSTANCE_INDEX", "BATCH_TASK_ATTEMPT"}


def test_the_runners_own_log_holds_no_signature_and_no_secret(host: Host) -> None:
    host.bucket.fault = lambda request: "503" if request.nth == 1 else None
    host.direct(Definition("true", env={"TOKEN": "very-secret"}))
    host.finish()
    assert "very-secret" not in host.log() and "q-signature" not in host.log()
    assert "answer 503" in host.log()


def test_a_directory_of_another_version_is_told_and_powers_off(host: Host) -> None:
    host.direct(Definition("true"))
    body = json.loads(host.bucket.get(WS, LAYOUT.directory(LAUNCH)) or b"")
    host.bucket.put(WS, LAYOUT.directory(LAUNCH), json.dumps({**body, "v": 2}).encode())
    host.start()
    wait_for("power off", (host.folder / "powered-off").exists)
    assert host.bucket.get(WS, LAYOUT.boot_fail(LAUNCH)) == (
        b"runner: a directory of version 2; this runner speaks 1"
    )


@pytest.mark.parametrize(
    ("task", "message"),
    [
        pytest.param(Definition("true\0"), "null byte", id="a command with a null byte"),
        pytest.param(
            Definition("true", env={f"V{n}": "x" * 32768 for n in range(100)}),
            "Argument list too long",
            id="more environment than the kernel takes",
        ),
    ],
)
def test_a_command_that_cannot_be_started_is_told(
    host: Host, task: Definition, message: str
) -> None:
    host.direct(task)
    result = host.finish()
    assert result.reason is Reason.SETUP_FAILED
    assert "the command cannot be started" in result.message and message in result.message


def test_nothing_follows_done(host: Host) -> None:
    """The operator deletes the beats of a handled run: a late one would stay for ever."""

    def slow(request: Request) -> None:
        if request.key == LAYOUT.done(RID):
            time.sleep(2)

    host.bucket.fault = slow
    host.direct(Definition("true"))
    host.finish()
    time.sleep(2.5)
    keys = [request.key for request in host.bucket.requests]
    assert keys[-1] == LAYOUT.done(RID)


def test_a_spot_machine_is_known_as_soon_as_metadata_answers(host: Host) -> None:
    host.direct(Definition("trap 'exit 0' TERM; while :; do sleep 0.1; done"))
    host.start()
    wait_for("the command runs", host.running)
    host.metadata.values["payment/charge-type"] = "SPOTPAID"
    host.metadata.values["spot/termination-time"] = "2026-01-01 00:00:00"
    assert host.result().reason is Reason.SPOT_RECLAIMED
