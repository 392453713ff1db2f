"""Children are kept running, die with the primary, and are ended in time."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sidecar.supervisor import Child, next_delay

# Each start appends its pid to the file named first, then the child does what the second argument says.
CHILD = """
import os, signal, sys, time
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()}\\n")
if sys.argv[2] == "crash":
    sys.exit(3)
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[2] == "greedy":
    held = bytearray(os.urandom(1) * 80_000_000)
with open(sys.argv[1] + ".ready", "w"):
    pass
time.sleep(60)
"""


def pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.01)


async def with_child(
    file: Path, what: str, act: Callable[[Child], Awaitable[None]], memory_limit_bytes: int = 0
) -> Child:
    child = Child("child", ["-c", CHILD, str(file), what], memory_limit_bytes=memory_limit_bytes)
    async with asyncio.TaskGroup() as group:
        group.create_task(child.run())
        await act(child)
        await child.stop(5.0)
    return child


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_killed_child_is_back_within_two_seconds(tmp_path: Path) -> None:
    file = tmp_path / "pids"

    async def act(child: Child) -> None:
        await until(lambda: len(pids(file)) == 1)
        os.kill(pids(file)[0], signal.SIGKILL)
        await until(lambda: len(pids(file)) == 2, 2.0)

    child = await with_child(file, "wait", act)
    assert child.last_exit_code == -signal.SIGTERM
    assert not alive(pids(file)[1])


async def test_a_crash_loop_backs_off_and_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    began = time.monotonic()

    async def act(child: Child) -> None:
        await until(lambda: len(pids(file)) >= 4)
        assert child.last_exit_code == 3

    await with_child(file, "crash", act)
    assert time.monotonic() - began >= 0.1 + 0.2 + 0.4


def test_the_wait_doubles_up_to_thirty_seconds() -> None:
    delays = [0.1]
    for _ in range(10):
        delays.append(next_delay(delays[-1]))
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


async def test_a_child_over_its_memory_limit_is_started_anew(tmp_path: Path) -> None:
    file = tmp_path / "pids"

    async def act(child: Child) -> None:
        await until(lambda: len(pids(file)) == 2)
        assert child.exits == 1
        assert child.last_exit_code == -signal.SIGKILL

    await with_child(file, "greedy", act, memory_limit_bytes=60_000_000)


async def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    child = Child("child", ["-c", CHILD, str(file), "stubborn"])
    async with asyncio.TaskGroup() as group:
        group.create_task(child.run())
        await until((tmp_path / "pids.ready").exists)
        await child.stop(0.2)
    assert child.last_exit_code == -signal.SIGKILL


async def test_a_child_is_first_to_go_when_memory_runs_out(tmp_path: Path) -> None:
    file = tmp_path / "pids"

    async def act(child: Child) -> None:
        await until(lambda: len(pids(file)) == 1)
        (pid,) = pids(file)
        assert oom_score(pid) == 800
        assert os.getpgid(pid) == pid

    await with_child(file, "wait", act)


def oom_score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


PARENT = """
import asyncio, sys
from sidecar.supervisor import Child
asyncio.run(Child("child", ["-c", *sys.argv[1:]]).run())
"""


def test_children_die_with_the_primary(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(file), "wait"])
    asyncio.run(until(lambda: len(pids(file)) == 1))
    parent.kill()
    parent.wait()
    asyncio.run(until(lambda: not alive(pids(file)[0])))
