"""Renders the example chart that has the container written out; `python -m tests.helm.example` keeps the result as plain YAML."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import helm_python
import yaml
from helm_python import _native

from tests.helm.chart import CHART

EXAMPLE = Path("helm/examples/app")
PLAIN = Path("helm/examples/sidecar.yaml")
_HEAD = """\
# A Deployment with Sidewatch as a native sidecar (Kubernetes 1.29 and newer), and its configuration: no Helm, no webhook.
# Made from helm/examples/app by `make chart`. Change the upstream, the app's image and the two names "shop".
"""


def rendered(version: str = "1.30") -> list[dict[str, Any]]:
    """Return the example's objects, with the chart as its dependency."""
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder, "app")
        shutil.copytree(EXAMPLE, app)
        shutil.copytree(CHART, app / "charts/sidewatch")
        chart = helm_python.Chart.load(str(app))
        options = {"name": "shop", "namespace": "default", "kube_version": f"v{version}.0"}
        values = json.dumps({})
        texts = json.loads(_native.call_string("helm_render", chart._raw(), values, json.dumps(options)))
    return [
        one for path, text in sorted(texts.items()) if path.endswith(".yaml") for one in yaml.safe_load_all(text) if one
    ]


def plain() -> str:
    """Return the objects as YAML without what only Helm needs."""
    objects = rendered()
    for one in objects:
        one["metadata"].pop("namespace", None)
        if one["kind"] == "ConfigMap":
            one["metadata"].pop("labels")
    return _HEAD + yaml.dump_all(objects, Dumper=_Block, sort_keys=False, width=120)


class _Block(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


_Block.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


if __name__ == "__main__":
    PLAIN.write_text(plain())
