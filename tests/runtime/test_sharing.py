"""Layers shared among processes, or among threads where there are none: who does what, and what happens on failure."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import Array
from edgeconv.errors import EdgeconvError, UsageError
from edgeconv.runtime import Interpreter, processes, sharing, threads
from edgeconv.runtime.processes import Processes, Team
from edgeconv.runtime.sharing import Balance
from edgeconv.runtime.threads import Threads
from tests.runtime.test_memory_and_threads import network, samples

MODEL, X = network((40, 60)), samples((40, 60))
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")


add = Balance.add


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine of this test is, layers are shared."""
    monkeypatch.setattr(Balance, "add", lambda balance, gain: None)


def everything_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (processes, threads):
        monkeypatch.setattr(module, "worthwhile", lambda sharing: 0)


def children(of: int) -> list[int]:
    """The processes that a process has forked and that have not ended, zombies included."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
        except OSError:
            continue
        if fields and int(fields[1]) == of:
            found.append(int(entry.name))
    return found


def wait_until(is_so: Callable[[], bool]) -> bool:
    """Whether it came true within half a minute."""
    end = time.monotonic() + 30
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)
    return is_so()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_small_layers_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """What sharing costs is measured; no layer here takes as long as a million times that."""
    assert 0 < Threads(2).worthwhile < 10**12
    for module in (processes, threads):
        monkeypatch.setattr(module, "worthwhile", lambda sharing: 10**12)
    monkeypatch.setattr(sharing.Sharing, "parallel", lambda sharing, parts: pytest.fail("a layer was shared"))
    interpreter = Interpreter(MODEL, threads=2)
    interpreter(X)


def test_who_keeps_the_caller_waiting_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Balance, "add", add)
    now = [100.0]
    monkeypatch.setattr(sharing, "perf_counter", lambda: now[0])
    balance = Balance()
    balance.add(1.0)
    for _ in range(2):
        balance.add(-4e-3)
    assert not balance.rests, "two turns of a scheduler are lost by chance"
    balance.add(-4e-3)
    assert balance.rests
    now[0] += 29 * 4e-3
    assert balance.rests, "most of the time is not lost"
    now[0] += 2 * 4e-3
    assert not balance.rests, "it is tried again"
    balance.add(-1e-3)
    assert balance.rests, "and left at once where it loses again"
    balance.stop()
    now[0] += 1e9
    assert balance.rests


def test_while_the_caller_is_alone_it_does_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    everything_is_shared(monkeypatch)
    seen: list[int] = []
    crew = Threads(2)
    kernel = crew.parallel([lambda: None, lambda: seen.append(threading.get_ident())])
    kernel()
    crew._balance.stop()
    kernel()
    assert seen[0] != threading.get_ident() and seen[1] == threading.get_ident()


def test_what_fails_in_a_thread_reaches_the_caller_and_the_thread_goes_on() -> None:
    def fail() -> None:
        raise MemoryError("in a thread")

    crew, ran = Threads(3), [0, 0, 0]
    with pytest.raises(MemoryError, match="in a thread"):
        crew.parallel([partial(ran.__setitem__, 0, 1), fail, partial(ran.__setitem__, 2, 1)])()
    crew.parallel([partial(ran.__setitem__, index, 2) for index in range(3)])()
    assert ran == [2, 2, 2]


def test_a_part_whose_caller_was_interrupted_is_over_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    crew, order = Threads(2), []
    first = crew.parallel([partial(_interrupted, order), partial(_slowly, order.append, "first")])
    with monkeypatch.context() as patched:
        patched.setattr(crew._others[0], "_is_busy", False)
        with pytest.raises(KeyboardInterrupt):
            first()
    crew.parallel([partial(order.append, "own"), partial(order.append, "second")])()
    assert order.index("first") < order.index("second")


def _interrupted(order: list[str]) -> None:
    raise KeyboardInterrupt


def _slowly(job: Callable[[str], None], name: str) -> None:
    time.sleep(0.05)
    job(name)


@linux
class TestProcesses:
    def test_another_process_computes_its_part(self) -> None:
        team = Team(3)
        seen = team.block(24).view(np.int64)
        kernel = team.parallel([partial(_note_process, seen, index) for index in range(3)])
        kernel()
        assert seen[0] == os.getpid() and len(set(seen.tolist())) == 3
        assert set(seen[1:].tolist()) <= set(children(os.getpid()))

    def test_it_ends_with_its_plan(self, monkeypatch: pytest.MonkeyPatch) -> None:
        everything_is_shared(monkeypatch)
        gc.collect()
        before = set(children(os.getpid()))
        interpreter = Interpreter(MODEL, threads=2)
        interpreter(X)
        (own,) = set(children(os.getpid())) - before
        del interpreter
        gc.collect()
        assert own not in children(os.getpid())

    def test_what_fails_there_is_told_here_and_it_goes_on(self) -> None:
        team = Team(2)
        seen = team.block(8).view(np.int64)
        fails, works = (team.parallel([_nothing, part]) for part in (_fail, partial(_note_process, seen, 0)))
        with pytest.raises(EdgeconvError, match="a process that shares this layer failed: ValueError: in a process"):
            fails()
        works()
        assert seen[0] in children(os.getpid())

    def test_one_that_is_killed_costs_one_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        everything_is_shared(monkeypatch)
        before = set(children(os.getpid()))
        interpreter, plain = Interpreter(MODEL, threads=2), Interpreter(MODEL)
        interpreter(X)
        (own,) = set(children(os.getpid())) - before
        os.kill(own, signal.SIGKILL)
        with pytest.raises(EdgeconvError, match=f"process {own}, which shares layers with this one, has ended"):
            interpreter(X)
        for found, wanted in zip(interpreter(X), plain(X), strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_an_interrupted_caller_waits_for_the_part_before_the_next(self) -> None:
        team = Team(2)
        seen = team.block(16).view(np.int64)
        interrupted = team.parallel([_nothing, partial(_count_slowly, seen)])
        again = team.parallel([_nothing, partial(_copy, seen)])
        team._helpers[0].start(0)  # and the caller does not come back for it
        again()
        assert seen.tolist() == [1, 1]
        interrupted()
        assert seen.tolist() == [2, 1]

    def test_a_forked_copy_of_an_interpreter_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        everything_is_shared(monkeypatch)
        interpreter = Interpreter(MODEL, threads=2)
        wanted = interpreter(X)[0]
        monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a process that the user has forked
        with pytest.raises(UsageError, match="make one in each process"):
            interpreter(X)
        monkeypatch.undo()
        np.testing.assert_array_equal(interpreter(X)[0], wanted)

    @pytest.mark.parametrize("name", ["fork", "urandom"])
    def test_threads_take_over_where_there_are_no_processes(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, name, lambda *given: _refuse())
        with pytest.raises(OSError, match="no process can be forked here"):
            Processes(2)
        interpreter = Interpreter(MODEL, threads=2)
        assert isinstance(interpreter._workers, Threads)
        for found, wanted in zip(interpreter(X), Interpreter(MODEL)(X), strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_one_that_does_not_start_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processes, "_READY", 0.2)
        monkeypatch.setattr(processes._Child, "_serve", lambda *given: time.sleep(60))
        before, team = children(os.getpid()), Team(2)
        seen = team.block(8).view(np.int64)
        team.parallel([_nothing, partial(_note_process, seen, 0)])()
        assert team.is_alone and seen[0] == os.getpid()
        assert children(os.getpid()) == before

    @pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), signal.SIGKILL)"])
    def test_it_ends_with_the_program(self, end: str) -> None:
        program = (
            "import os, signal\nfrom edgeconv.runtime.processes import Team\n"
            "team = Team(2)\nteam.parallel([int, int])()\n"
            f"print(team._helpers[0]._child._pid, flush=True)\n{end}"
        )
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False, text=True)
        pid = int(done.stdout)
        assert wait_until(lambda: not is_running(pid))

    def test_interrupting_the_program_is_left_to_the_caller(self) -> None:
        team = Team(2)
        seen = team.block(8).view(np.int64)
        kernel = team.parallel([_nothing, partial(_note_process, seen, 0)])
        kernel()
        first = int(seen[0])
        os.kill(first, signal.SIGINT)
        kernel()
        assert seen[0] == first


def _nothing() -> None:
    pass


def _fail() -> None:
    raise ValueError("in a process")


def _note_process(seen: Array, index: int) -> None:
    seen[index] = os.getpid()


def _count_slowly(seen: Array) -> None:
    time.sleep(0.05)
    seen[0] += 1


def _copy(seen: Array) -> None:
    seen[1] = seen[0]


def _refuse() -> int:
    raise OSError("not here")
