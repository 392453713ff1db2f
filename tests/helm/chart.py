"""The chart, rendered by the real Helm engine."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml
from helm_python import _native

CHART = "helm/sidewatch"
CASES = sorted(Path(CHART, "ci").glob("*-values.yaml"))
VERSIONS = ("1.28", "1.29", "1.30", "1.33", "1.37")
_OPERATORS = ["monitoring.coreos.com/v1", "cert-manager.io/v1", "keda.sh/v1alpha1"]


def values_of(case: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(case.read_text()))


def render(values: Mapping[str, Any], version: str = "1.30") -> list[dict[str, Any]]:
    """Return every rendered object. Raises helm_python's errors on refused values."""
    options = {"name": "rel", "namespace": "mon", "kube_version": f"v{version}.0", "api_versions": _OPERATORS}
    chart = helm_python.Chart.load(CHART)
    rendered = json.loads(_native.call_string("helm_render", chart._raw(), json.dumps(values), json.dumps(options)))
    texts = [text for path, text in rendered.items() if path.endswith(".yaml")]
    return [one for text in texts for one in yaml.safe_load_all(text) if one]


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] == kind]


def pod_specs(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the spec of every pod that the objects make."""
    pods = [one["spec"] for one in of_kind(objects, "Pod")]
    return pods + [one["spec"]["template"]["spec"] for one in of_kind(objects, "Deployment")]
