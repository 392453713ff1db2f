"""Two real replicas with one shared reference, scraped by a real Prometheus: the fleet's drift is the pooled data's."""

import contextlib
import json
import random
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboards import rules
from sidecar.observer.usage_estimate import tokens
from tests.live.stack import Outside, free_port, get, running, wait_for, written
from tests.live.tools import tool
from watchers.drift import measures
from watchers.drift.baseline import Baseline, from_bytes
from watchers.drift.effect import jensen_shannon
from watchers.drift.fleet import occupancy
from watchers.drift.samples import Sample, tabulate
from watchers.encoder import PackEncoder
from watchers.pack import BUNDLED

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

USUAL = ["tent", "boot", "jacket", "stove", "map", "rope", "lamp", "bag", "hat", "glove", "hiker", "trail"]
OTHER = ["invoice", "tax", "refund", "receipt", "bank", "payment", "bill", "account", "loan", "interest"]


def texts(words: list[str], count: int, seed: int) -> list[str]:
    wild = random.Random(seed)
    return [" ".join(wild.choices(words, k=wild.randint(3, 12))) for _ in range(count)]


def rows(said: list[str]) -> list[dict[str, Any]]:
    return [{"text": text, "tokens": tokens([text]), "turns": 1} for text in said]


def ask(proxy: str, said: list[str]) -> None:
    for text in said:
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
        request = urllib.request.Request(f"{proxy}/v1/chat/completions", body, {"Content-Type": "application/json"})
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    (folder / "usual.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(texts(USUAL, 150, 1))))
    command = [sys.executable, "-m", "sidecar.cli", "baseline", "build", "--from", str(folder / "usual.jsonl")]
    subprocess.run([*command, "--output", str(folder / "usual.baseline")], check=True, timeout=120)
    return folder / "usual.baseline"


@contextlib.contextmanager
def replicas(folder: Path, baseline: Path, number: int) -> Iterator[tuple[list[str], list[int]]]:
    """Run replicas; yield their proxies and the ports of their admin pages. The model API answers with errors."""
    outside = Outside()
    with contextlib.ExitStack() as opened:
        opened.callback(outside.server.shutdown)
        proxies, admins = [], []
        for replica in range(number):
            proxy, admin = free_port(), free_port()
            tree = {
                "listen": f"127.0.0.1:{proxy}", "admin": f"127.0.0.1:{admin}", "upstream": outside.url,
                "watchers": {"enabled": ["repetition"]}, "drift": {"reference": str(baseline)},
            }  # fmt: skip
            config = written(folder, f"replica-{replica}", tree)
            opened.enter_context(running([sys.executable, "-m", "sidecar.cli", "serve", "--config", config], folder))
            proxies.append(f"http://127.0.0.1:{proxy}")
            admins.append(admin)
        for admin in admins:
            wait_for(
                lambda at=admin: "reference_usable 1.0" in get(f"http://127.0.0.1:{at}/metrics"), 90, "a reference"
            )
        yield proxies, admins


def prometheus(folder: Path, admins: list[int], port: int) -> list[str]:
    written(folder, "rules", rules.render())
    targets = [
        {"targets": [f"127.0.0.1:{admin}"], "labels": {"namespace": "shop", "pod": f"app-{number}"}}
        for number, admin in enumerate(admins)
    ]
    tree = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "sidewatch", "static_configs": targets}],
    }
    where = [f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={folder}/tsdb"]
    return [tool("prometheus"), f"--config.file={written(folder, 'prometheus', tree)}", *where]


def pooled(reference: Baseline, said: list[str]) -> dict[str, np.ndarray]:
    """Return the bins of all replicas' texts together, counted here."""
    encoded = PackEncoder(BUNDLED).encode(said)
    samples = [
        Sample(one.embedding, {"tokens": float(tokens([text])), "turns": 1.0}, {}, "", 0.0)
        for text, one in zip(said, encoded, strict=True)
    ]
    return occupancy(reference.bins, tabulate(samples))


def test_the_fleets_drift_is_that_of_the_pooled_data(tmp_path: Path, baseline: Path) -> None:
    said = [texts(USUAL, 60, 2), texts(OTHER, 40, 3)]
    reference = from_bytes(baseline.read_bytes())
    with replicas(tmp_path, baseline, 2) as (proxies, admins):
        port = free_port()
        with running(prometheus(tmp_path, admins, port), tmp_path, cwd=tmp_path):

            def query(expr: str) -> dict[str, float]:
                address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
                found = get(address)["data"]["result"]
                return {
                    one["metric"].get("bin", one["metric"].get("feature", "")): float(one["value"][1]) for one in found
                }

            for proxy, part in zip(proxies, said, strict=True):
                ask(proxy, part[:1])
            born = 'count(sidewatch_drift_bins_total{feature="tokens",bin="00"})'
            wait_for(lambda: query(born).get("") == 2, 60, "the bins of both replicas at 0")
            for proxy, part in zip(proxies, said, strict=True):
                ask(proxy, part[1:])
            wait_for(
                lambda: query('sum(sidewatch_drift_bins_total{feature="tokens"})').get("") == 100, 240, "all counts"
            )
            expected = pooled(reference, said[0] + said[1])
            for feature, counts in expected.items():
                summed = query(f'sum by (bin) (sidewatch_drift_bins_total{{feature="{feature}"}})')
                assert [summed[f"{place:02}"] for place in range(len(counts))] == counts.tolist()
            usual = occupancy(reference.bins, reference.table)

            def close() -> bool:
                # increase() extrapolates each replica's last second: that weighs them a little unlike.
                psi, js = query("sidewatch:drift_fleet:psi1h"), query("sidewatch:drift_fleet:js1h")
                assert set(psi) == set(js) == {"cluster", "tokens", "turns"}
                for feature, counts in expected.items():
                    shares = usual[feature] / usual[feature].sum(), counts / counts.sum()
                    wanted = measures.population_stability(*shares), float(jensen_shannon(shares[1], shares[0]))
                    if (psi[feature], js[feature]) != pytest.approx(wanted, rel=0.03, abs=1e-9):
                        return False
                return True

            wait_for(close, 60, "the pooled data's figures")
            assert query("sidewatch:drift_fleet:psi1h")["cluster"] > 0.25
