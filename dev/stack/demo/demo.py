"""The demo from start to end. Whatever happens, it leaves nothing running."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dev.cluster.process import StartError
from dev.stack import clusters
from dev.stack.demo import job, show, words
from dev.stack.demo.account import Bucket, instances
from dev.stack.demo.text import text_of
from dev.stack.install import InstallError
from dev.stack.paths import RUN
from dev.stack.stack import AnyCluster, Stack

BUCKET = "data"
TEXT_KEY = "wordcount/text/text"
RESULT_KEY = "wordcount/result/words.tsv"
TASKS = ("split", "count", "merge")
JOB_SECONDS = 1800.0
GONE_SECONDS = 120.0
LOOK_SECONDS = 0.5


class DemoFailed(Exception):
    """One sentence, and the details below it."""


def demo() -> int:
    """Runs it with TEXT and SHARDS of the environment; 0 when the count is right."""
    printer = show.Printer()
    try:
        text = text_of(os.environ.get("TEXT") or None)
        shards = int(os.environ.get("SHARDS") or job.shards_in_manifest())
        if not 1 <= shards <= 9999:
            raise ValueError("SHARDS is a number from 1 to 9999")
    except (OSError, ValueError) as error:
        printer.bad(f"batchcompute: {error}")
        return 2
    make_cluster = clusters.prepare()
    RUN.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=RUN))
    try:
        _run(printer, folder, text, shards, make_cluster)
    except (DemoFailed, job.JobError, StartError, InstallError) as error:
        printer.bad(f"the demo failed: {error}")
        _keep_logs(printer, folder)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _run(
    printer: show.Printer,
    folder: Path,
    text: bytes,
    shards: int,
    make_cluster: Callable[[Path], AnyCluster],
) -> None:
    began = time.monotonic()

    def say(what: str) -> None:
        printer.line(f"{time.monotonic() - began:5.1f} s  {what}")

    printer.head("starting a Kubernetes, an emulated Tencent Cloud and the operator")
    stack = Stack.start(folder, make_cluster=make_cluster, say=say)
    try:
        bucket = Bucket(stack.cloud, f"{BUCKET}-{stack.cloud.app_id}")
        bucket.put(TEXT_KEY, text)
        say(f"a text of {len(text):,} bytes lies in cos://{bucket.name}/{TEXT_KEY}")
        job.apply(stack.cluster.kubeconfig, shards)
        say(f"kubectl apply -f manifests/demo/job.yaml ({shards} shards)")
        _wait_for_the_job(stack, say)
        _show_instances(printer, stack)
        _check_result(printer, bucket, text)
        _wait_for_the_machines(stack)
        say("DescribeInstances lists no CVM instance any more")
    finally:
        stack.stop()
    printer.good(f"done in {time.monotonic() - began:.0f} s; nothing is left running")


def _wait_for_the_job(stack: Stack, say: Callable[[str], None]) -> None:
    last, deadline = "", time.monotonic() + JOB_SECONDS
    while True:
        stack.check()
        stack.operator.check()
        seen = job.read(stack.cluster.kubeconfig)
        if (line := show.progress(seen)) != last:
            say(line)
            last = line
        if job.is_true(seen, "Complete"):
            return
        if job.is_true(seen, "Failed") or time.monotonic() > deadline:
            raise DemoFailed(f"the job is {seen.get('status', {}).get('phase')}\n{_why(seen)}")
        time.sleep(LOOK_SECONDS)


def _why(seen: job.Json) -> str:
    status = seen.get("status", {})
    lines = [
        f"  {c['type']}={c['status']} {c.get('reason', '')}: {c.get('message', '')}"
        for c in status.get("conditions", [])
    ]
    for task in status.get("tasks", []):
        lines += [f"  {task['name']}: {failure}" for failure in task.get("recentFailures", [])]
    return "\n".join(lines)


def _show_instances(printer: show.Printer, stack: Stack) -> None:
    printer.line()
    for number, line in enumerate(show.table(job.instances(stack.cluster.kubeconfig), TASKS)):
        (printer.line if number else printer.head)(line)
    printer.line()


def _check_result(printer: show.Printer, bucket: Bucket, text: bytes) -> None:
    table = bucket.get(RESULT_KEY)
    if table is None:
        raise DemoFailed(f"there is no cos://{bucket.name}/{RESULT_KEY}")
    found = words.parse(table)
    if wrong := words.difference(found, words.count(text)):
        raise DemoFailed(f"the result is wrong: {wrong}")
    printer.head(f"cos://{bucket.name}/{RESULT_KEY}")
    for line in show.first_words(found):
        printer.line(line)
    total = sum(found.values())
    printer.good(
        f"{total:,} words, {len(found):,} different: the same as a plain count of the text"
    )
    printer.line()


def _wait_for_the_machines(stack: Stack) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while left := instances(stack.cloud):
        if time.monotonic() > deadline:
            raise DemoFailed(f"DescribeInstances still lists {', '.join(left)}")
        stack.check()
        time.sleep(LOOK_SECONDS)


def _keep_logs(printer: show.Printer, folder: Path) -> None:
    kept = RUN / "demo-logs"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for log in folder.glob("**/log/*.log"):
        shutil.copy(log, kept / log.name)
    printer.line(f"logs: {kept}")
