"""Every object of every case before other people's judges: a policy checker, and the Prometheus operator's own schemas."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.chart import CASES, of_kind, render, values_of
from tests.live.tools import CACHE, tool

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

# What checkov finds and why it stays.
ACCEPTED = {
    "CKV_K8S_11": "no CPU limit: throttling would add latency to the app's requests; the observer has a nice value instead",
    "CKV_K8S_15": "IfNotPresent: the tag is a version, which stays what it is; a registry that is down must not stop a restart",
    "CKV_K8S_35": "a secret as environment, in one case, where the user asks for it (sidecar.envFrom)",
    "CKV_K8S_43": "a digest is the user's to give (image.digest); a chart in a repository cannot know it",
}

# Of the pod of `helm test` alone, which runs once and ends: probes say nothing of it, nobody calls it.
ENDS = {(check, "Pod.mon.rel-sidewatch-test") for check in ("CKV_K8S_8", "CKV_K8S_9", "CKV2_K8S_6")}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    for case in CASES:
        (folder / f"{case.stem}.yaml").write_text(yaml.safe_dump_all(render(values_of(case))))
    return folder


def checked(folder: Path) -> dict[str, Any]:
    command = [tool("checkov"), "--directory", ".", "--framework", "kubernetes", "--skip-download", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, check=False)
    return dict(json.loads(done.stdout))


def test_the_policy_checker_finds_nothing_but_what_is_meant(rendered: Path) -> None:
    report = checked(rendered)
    assert report["summary"]["passed"] > 500
    found = [(one["check_id"], one["resource"], one["check_name"]) for one in report["results"]["failed_checks"]]
    failed = [one for one in found if one[:2] not in ENDS]
    assert [one for one in failed if one[0] not in ACCEPTED] == []
    assert {one[0] for one in failed} == set(ACCEPTED)  # a reason that is no longer needed goes


def test_the_policy_checker_would_find_a_privileged_container(tmp_path: Path) -> None:
    (deployment,) = of_kind(render({"upstream": "https://a.example"}), "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(deployment))
    assert "CKV_K8S_16" in {one["check_id"] for one in checked(tmp_path)["results"]["failed_checks"]}


OPERATOR = CACHE / "npm/node_modules/@kubernetes-models/prometheus-operator"
# Reads objects from standard input, prints what each one's schema has against it.
JUDGE = """
import { readFileSync } from 'node:fs';
import * as m from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
const found = JSON.parse(readFileSync(0)).map((doc) => {
  try { new m[doc.kind](doc).validate(); return null; } catch (error) { return error.message; }
});
console.log(JSON.stringify(found));
"""


def judged(objects: list[dict[str, Any]]) -> list[str | None]:
    if not OPERATOR.is_dir():
        pytest.skip("the Prometheus operator's schemas are missing: run tests/live/fetch-tools.sh")
    done = subprocess.run(
        [tool("node"), "--input-type=module", "-e", JUDGE],
        input=json.dumps(objects),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=CACHE / "npm",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def monitors() -> list[dict[str, Any]]:
    kinds = ("PodMonitor", "ServiceMonitor", "PrometheusRule")
    return [one for case in CASES for kind in kinds for one in of_kind(render(values_of(case)), kind)]


def test_the_operator_takes_every_monitor_and_rule() -> None:
    objects = monitors()
    assert {one["kind"] for one in objects} == {"PodMonitor", "ServiceMonitor", "PrometheusRule"}
    assert judged(objects) == [None] * len(objects)


def test_the_operator_would_refuse_a_wrong_one() -> None:
    (first, *_) = monitors()
    assert judged([first | {"spec": {"podMetricsEndpoints": "all", "endpoints": 1}}]) != [None]
