"""Sizes and durations as people write them."""

import pytest

from sidecar.config.units import maybe_bytes, maybe_seconds


@pytest.mark.parametrize(
    ("text", "size"), [("65536", 65536), ("64MiB", 64 << 20), ("1.5 kB", 1500), ("9" * 400, None), ("4 apples", None)]
)
def test_sizes(text: str, size: int | None) -> None:
    assert maybe_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30.0), ("1h30m", 5400.0), ("1 h", 3600.0), ("1 h 30 m", 5400.0), ("inf", None), ("1h x", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert maybe_seconds(text) == seconds
