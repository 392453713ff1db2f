"""A shared reference: from a file or a URL, refused where it cannot be used, its bins counted and exported."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sidecar.observer.instruments import Instruments
from sidecar.observer.shared_reference import FleetBins, maybe_reference
from watchers.drift import DriftMonitor, DriftSettings, Level, StreamKey
from watchers.drift.baseline import Baseline, build, to_bytes
from watchers.drift.fleet import occupancy
from watchers.drift.samples import Sample, tabulate
from watchers.watcher import Direction

KEY = StreamKey("default", "gpt", Direction.PROMPT)


def samples(seed: int, count: int) -> list[Sample]:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [Sample(row, {"tokens": float(rng.lognormal(3))}, {}, "", 0.0) for row in rows]


@pytest.fixture
def baseline() -> Baseline:
    return build(samples(0, 200), "encoder-a")


@contextlib.contextmanager
def served(data: bytes) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/normal.baseline"
    finally:
        server.shutdown()


def test_a_file_and_a_url_give_the_same(baseline: Baseline, tmp_path: Path) -> None:
    file = tmp_path / "normal.baseline"
    file.write_bytes(to_bytes(baseline))
    with served(file.read_bytes()) as url:
        found = [maybe_reference(where, "encoder-a") for where in (str(file), url)]
    assert [None if f is None else to_bytes(f) for f in found] == [file.read_bytes()] * 2


def test_what_cannot_be_used_is_said_and_left(
    baseline: Baseline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "normal.baseline"
    file.write_bytes(to_bytes(baseline))
    assert maybe_reference(str(file), "encoder-b") is None
    assert "of encoder encoder-a, this is encoder-b" in capsys.readouterr().out
    assert maybe_reference(str(tmp_path / "none"), "encoder-a") is None
    assert maybe_reference("http://127.0.0.1:1/x", "encoder-a") is None
    assert maybe_reference("ftp://example.org/x", "encoder-a") is None
    file.write_bytes(b"rubbish")
    assert maybe_reference(str(file), "encoder-a") is None


def test_streams_of_its_direction_are_watched_at_once(baseline: Baseline) -> None:
    watch = DriftMonitor(DriftSettings(), "encoder-a", baseline)
    for key in (KEY, KEY.counterpart()):
        for sample in samples(1, 16):
            watch.observe(key, *sample)
    levels = {key.direction: status.level for key, status in watch.snapshot().items()}
    assert levels == {
        "prompt": Level.STABLE,
        "completion": Level.INSUFFICIENT_DATA,
        "provider": Level.INSUFFICIENT_DATA,
    }


def bins(instruments: Instruments, feature: str, count: int) -> list[float]:
    labels = [("default", "gpt", "prompt", "", feature, f"{place:02}") for place in range(count)]
    return [instruments.value("sidewatch_drift_bins_total", row) for row in labels]


def test_counts_are_exported_after_a_scrape_at_zero_and_none_is_lost(baseline: Baseline) -> None:
    instruments, seen = Instruments(), samples(2, 90)
    fleet = FleetBins(baseline, instruments)
    fleet.count((KEY, sample) for sample in seen[:40])
    fleet.refresh()
    assert bins(instruments, "tokens", 10) == [0.0] * 10
    fleet.count((KEY, sample) for sample in seen[40:])
    fleet.refresh()
    expected = occupancy(baseline.bins, tabulate(seen))
    assert bins(instruments, "tokens", 10) == expected["tokens"].tolist()
    assert bins(instruments, "cluster", len(expected["cluster"])) == expected["cluster"].tolist()
    fleet.refresh()
    assert sum(bins(instruments, "tokens", 10)) == 90
    shares = [instruments.value("sidewatch_drift_reference_share", ("prompt", "tokens", f"{i:02}")) for i in range(10)]
    assert sum(shares) == pytest.approx(1.0)


def test_the_other_direction_and_streams_past_the_bound_are_not_counted(baseline: Baseline) -> None:
    instruments = Instruments()
    fleet = FleetBins(baseline, instruments)
    keys = [KEY.counterpart(), *(StreamKey("default", f"m{i}", Direction.PROMPT) for i in range(20))]
    for _ in range(2):
        fleet.count((key, sample) for key, sample in zip(keys, samples(3, 21), strict=True))
        fleet.refresh()
    cells = instruments._cells["sidewatch_drift_bins_total"]
    assert len({labels[1] for labels in cells}) == 16
    assert sum(cell[0] for labels, cell in cells.items() if labels[4] == "tokens") == 32
