"""make demo in a clone of its own: its result, and what it leaves when it is interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest

from tests.support.clone import Clone
from tests.support.leftovers import Watch


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return Clone(tmp_path_factory.mktemp("clones") / "demo")


class Demo:
    """A running `make demo` in a process group of its own, as a terminal would start it."""

    def __init__(self, clone: Clone, *words: str) -> None:
        argv, env = clone.command("demo", *words)
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def until(self, pattern: str) -> None:
        """Reads its output up to a line that matches."""
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            if re.search(pattern, line):
                return
        raise AssertionError(f"no line says {pattern!r}:\n" + "\n".join(self.lines))

    def interrupt(self) -> None:
        os.killpg(self._process.pid, signal.SIGINT)

    def end(self) -> int:
        """Its exit code."""
        assert self._process.stdout
        with self._process:
            self.lines += self._process.stdout.read().splitlines()
            return self._process.wait(60)


def assert_nothing_left(watch: Watch, clone: Clone) -> None:
    assert watch.leftovers() == []
    assert [p.name for p in clone.run_folder.glob("demo-*") if p.name != "demo-logs"] == []


def test_it_counts_the_words_on_machines_that_are_gone_afterwards(clone):
    began = time.monotonic()
    with Watch() as watch:
        demo = Demo(clone)
        assert demo.end() == 0, "\n".join(demo.lines)
        assert_nothing_left(watch, clone)
        assert watch.saw_a_machine
    assert time.monotonic() - began < 60
    said = "\n".join(demo.lines)
    attempts = re.findall(
        r"^(split|count|merge) +(\d+) +(\d+) +(ins-\w+) +(\d+) .*\d\d:\d\d:\d\d", said, re.M
    )
    assert sorted((task, int(i), int(a), int(code)) for task, i, a, _, code in attempts) == sorted(
        [
            ("split", 0, 0, 0),
            *(("count", i, 0, 0) for i in range(7)),
            ("count", 7, 0, 3),
            ("count", 7, 1, 0),
            ("merge", 0, 0, 0),
        ]
    )
    assert len({machine for *_, machine, _ in attempts}) == 11
    assert "the same as a plain count of the text" in said
    assert "DescribeInstances lists no CVM instance any more" in said
    assert "\x1b" not in said
    assert [line for line in demo.lines if len(line) > 100] == []


def test_any_text_in_any_number_of_shards(clone, tmp_path):
    text = tmp_path / "a text.txt"
    text.write_bytes("Größe 三体 to be, or not to be\n".encode() * 50)
    demo = Demo(clone, f"TEXT={text}", "SHARDS=2")
    assert demo.end() == 0, "\n".join(demo.lines)
    assert "(2 shards)" in "\n".join(demo.lines)


MOMENTS = {
    "while the cluster starts": "starting a Kubernetes",
    "while the operator starts": "emulated cloud ready",
    "when the job has been applied": "kubectl apply",
    "while instances run": r"count (Starting|Running)",
    "when the result is there": "the same as a plain count",
}


@pytest.mark.parametrize("line", MOMENTS.values(), ids=MOMENTS.keys())
def test_ctrl_c_leaves_nothing(clone, line):
    with Watch() as watch:
        demo = Demo(clone)
        demo.until(line)
        demo.interrupt()
        assert demo.end() != 0
        assert "stopped by SIGINT" in "\n".join(demo.lines)
        assert_nothing_left(watch, clone)


def test_a_second_ctrl_c_does_not_cut_the_clean_up(clone):
    with Watch() as watch:
        demo = Demo(clone)
        demo.until(r"count (Starting|Running)")
        demo.interrupt()
        time.sleep(0.3)
        demo.interrupt()
        assert demo.end() != 0
        assert_nothing_left(watch, clone)


def test_a_failure_on_the_way_leaves_nothing_but_logs(clone):
    with Watch() as watch:
        demo = Demo(clone)
        demo.until("kubectl apply")
        (operator,) = [p for p in watch.processes() if "batchcompute" in p.cmdline()]
        operator.kill()
        assert demo.end() != 0
        assert "operator ended early with signal SIGKILL" in "\n".join(demo.lines)
        assert_nothing_left(watch, clone)
    assert (clone.run_folder / "demo-logs" / "operator.log").exists()


REFUSED = {
    "a text that is not there": (["TEXT=/nonexistent"], "No such file"),
    "no shards": (["SHARDS=0"], "SHARDS is a number from 1 to 9999"),
    "shards that are no number": (["SHARDS=many"], "many"),
}


@pytest.mark.parametrize(("words", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_before_anything_is_started(clone, words, sentence):
    demo = Demo(clone, *words)
    assert demo.end() != 0
    assert sentence in "\n".join(demo.lines)
    assert "starting" not in "\n".join(demo.lines)
