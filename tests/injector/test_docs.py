"""What docs/kubernetes.md says of the webhook is what the webhook has: every annotation, every metric, every count."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from sidecar.injector.pod_request import NOTES
from sidecar.injector.server import Injector
from tests.helm.chart import CHART, of_kind, render, values_of
from tests.injector.shapes import JOBS, LEFT, TAKEN

DOCS = Path("docs/kubernetes.md").read_text()


def test_every_annotation_is_documented_and_every_documented_one_is_read() -> None:
    code = "".join(path.read_text() for path in Path("sidecar/injector").glob("*.py"))
    table = DOCS.split("Annotations of a pod")[1].split("\n\n")[1]
    assert set(re.findall(r"`sidewatch\.dev/([a-z-]+)`", table)) == NOTES
    assert [name for name in NOTES if code.count(f'"{name}"') < 2] == []  # once in NOTES, once where it is read


def test_every_metric_and_result_is_documented(tmp_path: Path) -> None:
    (text,) = [
        one["data"]["template.yaml"]
        for one in of_kind(render(values_of(Path(CHART, "ci/injector-cert-manager-values.yaml"))), "ConfigMap")
        if "template.yaml" in one["data"]
    ]
    (tmp_path / "template.yaml").write_text(text)
    page = Injector(tmp_path / "template.yaml", None).exposition().decode()
    for family in text_string_to_metric_families(page):
        if family.name.endswith("_created"):
            continue  # the client library's own companion of every counter
        assert family.name in DOCS
        for result in {sample.labels["result"] for sample in family.samples if "result" in sample.labels}:
            assert result in DOCS.split("sidewatch_injector_reviews_total{result}")[1].split("\n")[0]


def test_the_number_of_shapes_is_the_one_that_is_told() -> None:
    (number,) = re.findall(r"(\d+) shapes of pods", DOCS)
    assert int(number) == len(TAKEN) + len(JOBS) + len(LEFT)
