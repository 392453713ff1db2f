"""Where the tools of the live tests are: on the PATH, or unpacked by fetch-tools.sh; otherwise the test is skipped."""

import os
import shutil
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("SIDEWATCH_TOOLS", Path.home() / ".cache/sidewatch-tools"))


def tool(name: str) -> str:
    """Return the path of a tool. Skips the calling test, with the reason, when it is not to be had."""
    found = shutil.which(name, path=f"{CACHE}/root/usr/bin:{CACHE}/python/bin:{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: run tests/live/fetch-tools.sh")
    return found
