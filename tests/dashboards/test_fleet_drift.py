"""The fleet's drift by the recording rules equals the figure of the pooled data."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from dashboards import rules
from tests.live.tools import tool
from watchers.drift.fleet import fleet_drift

STREAM = 'namespace="shop",route="r",model="m",direction="prompt"'


def growing(pod: str, feature: str, counts: np.ndarray) -> dict[str, str]:
    """Return a replica's counters: born at 0, growing by these counts a minute."""
    name = 'sidewatch_drift_bins_total{{{},pod="{}",feature="{}",bin="{:02}"}}'
    return {name.format(STREAM, pod, feature, i): f"0+{int(count)}x70" for i, count in enumerate(counts)}


@pytest.mark.live
def test_replicas_add_up_to_the_pooled_figure(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    reference = {"cluster": rng.multinomial(500, rng.dirichlet(np.ones(24))), "tokens": np.full(10, 50)}
    reference = {name: counts.astype(float) for name, counts in reference.items()}
    pods = [
        {name: rng.multinomial(300, rng.dirichlet(np.ones(len(p)))).astype(float) for name, p in reference.items()}
        for _ in range(3)
    ]
    series: dict[str, str] = {}
    for number, counts in enumerate(pods):
        for feature, values in counts.items():
            series |= growing(f"app-{number}", feature, values)
            for place, share in enumerate(reference[feature] / reference[feature].sum()):
                labels = f'namespace="shop",pod="app-{number}",direction="prompt",feature="{feature}",bin="{place:02}"'
                series[f"sidewatch_drift_reference_share{{{labels}}}"] = f"{share}x70"
    checks = []
    for feature, (psi, js) in fleet_drift(reference, pods).items():
        assert psi > 0.1
        for name, value in (("psi1h", psi), ("js1h", js)):
            expr = f'abs(sidewatch:drift_fleet:{name}{{feature="{feature}"}} - {value}) < bool 1e-9'
            labels = "{" + STREAM + f',feature="{feature}"' + "}"
            checks.append({"expr": expr, "eval_time": "65m", "exp_samples": [{"labels": labels, "value": 1}]})
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "1m", "input_series": inputs, "promql_expr_test": checks}
    (tmp_path / "rules.yaml").write_text(rules.render())
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run([tool("promtool"), "test", "rules", str(file)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
