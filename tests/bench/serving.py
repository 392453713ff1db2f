"""What the benches of a whole Sidewatch share: the real processes in front of a fast upstream, and their figures."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Served:
    """One running `sidewatch serve`; its logs go nowhere."""

    def __init__(self, upstream: str, *arguments: str, cores: set[int] | None = None) -> None:
        command = [sys.executable, "-m", "sidecar.cli", "serve", "--upstream", upstream]
        command += ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores) if cores else None,
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.fullmatch(r"sidewatch: proxy http://\S+:(\d+) → \S.*  admin http://(\S+)\n", line):
                self.port, self.admin = int(found[1]), found[2]
                break
        else:
            raise SystemExit("sidewatch did not start")
        self._drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    @property
    def observer(self) -> int:
        """The observer's process id."""
        pid = self.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"sidecar.observer" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        raise SystemExit("there is no observer")

    async def status(self) -> dict[str, Any]:
        """Return the status page."""
        return json.loads(await asyncio.to_thread(self.page, "/status"))

    async def metrics(self) -> str:
        return (await asyncio.to_thread(self.page, "/metrics")).decode()

    def page(self, path: str) -> bytes:
        """Return a page of the admin port. Raises OSError."""
        with urllib.request.urlopen(f"http://{self.admin}{path}", timeout=60) as page:
            return page.read()


@contextmanager
def served(upstream: str, *arguments: str, cores: set[int] | None = None) -> Iterator[Served]:
    """Start Sidewatch, and end it."""
    with tempfile.TemporaryDirectory(prefix="sw-") as directory:
        before, os.environ["TMPDIR"] = os.environ.get("TMPDIR"), directory
        running = Served(upstream, *arguments, cores=cores)
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before
        try:
            yield running
        finally:
            running.process.terminate()
            running.process.wait(90)


def resident_mb(pid: int, what: str = "VmRSS") -> float:
    """Return a process's resident memory, or with `VmHWM` the most that it ever was."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1024
