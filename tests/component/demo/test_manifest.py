"""The commands of manifests/demo/job.yaml, run by a plain shell against folders."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from dev.stack.demo import job, words
from dev.stack.demo.text import text_of


def run_task(folder: Path, task: dict, index: int = 0, attempt: int = 0) -> int:
    """The task's command as one instance, with /data lying in `folder`."""
    for mapping in task["outputMappings"]:
        (folder / Path(mapping["path"]).name).mkdir(exist_ok=True)
    env = {
        "PATH": os.environ["PATH"],
        "BATCH_TASK_INSTANCE_INDEX": str(index),
        "BATCH_TASK_INSTANCE_NUM": str(task.get("instances", 1)),
        "BATCH_TASK_ATTEMPT": str(attempt),
        **{variable["name"]: variable["value"] for variable in task.get("env", [])},
    }
    command = task["application"]["command"].replace("/data/", f"{folder}/")
    return subprocess.run(["sh", "-c", command], env=env, stderr=subprocess.DEVNULL).returncode


def result_of(folder: Path, text: bytes, shards: int) -> tuple[Counter[bytes], list[int]]:
    """The merged result, and the exit codes of the first attempts of `count`."""
    split, count, merge = job.manifest(shards)["spec"]["tasks"]
    (folder / "text").mkdir()
    (folder / "text" / "text").write_bytes(text)
    assert run_task(folder, split) == 0
    codes = [run_task(folder, count, index) for index in range(shards)]
    for index in (i for i, code in enumerate(codes) if code):
        assert run_task(folder, count, index, attempt=1) == 0
    assert run_task(folder, merge) == 0
    return words.parse((folder / "result" / "words.tsv").read_bytes()), codes


TEXTS = {
    "what Python ships": (text_of(None), 8),
    "nothing": (b"", 3),
    "one line without an end": (b"to be or not to be", 4),
    "fewer lines than shards": (b"a\nb\n", 9),
    "upper and lower case, digits, marks": (b"The the THE 3 x-ray, it's_all\n", 2),
    "bytes that are no ASCII": ("Größe 三体 größe\xa0三体\n".encode(), 2),
    "bytes that are no text": (bytes(range(256)) * 3, 2),
    "one shard": (b"x y\nx\n", 1),
}


@pytest.mark.parametrize(("text", "shards"), TEXTS.values(), ids=TEXTS.keys())
def test_the_job_counts_as_the_plain_count_does(tmp_path, text, shards):
    found, codes = result_of(tmp_path, text, shards)
    assert words.difference(found, words.count(text)) is None
    assert codes == [0] * (shards - 1) + [3], "the last instance fails once"


def test_the_text_is_large_enough_and_the_same_every_time():
    assert len(text_of(None)) > 1_000_000
    assert text_of(None) == text_of(None)


def test_a_difference_is_told_with_a_word():
    assert words.difference(Counter({b"a": 1}), Counter({b"a": 1, b"b": 2})) == (
        "`b` was counted 0 times, it is there 2 times"
    )


def test_another_number_of_shards_changes_nothing_else():
    own = job.shards_in_manifest()
    assert own == 8
    assert job.manifest(own) == job.yaml.safe_load(job.DEMO_JOB.read_text())
