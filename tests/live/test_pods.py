"""The chart's own pods under podman: the gateway as rendered, and an app with the classic sidecar as the webhook patches it in.

podman is not a kubelet. Taken out for it, and nothing else: declared ports (it would publish them on the host) with the
names that probes call them by, and the pull policy. It has no native sidecars, no volume of the pod's own annotations
and takes none of over 63 characters, so that the injected pod's configuration comes from a ConfigMap
(sidewatch.dev/config-map). Limits, users, mounts and capabilities are the chart's.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import msgspec
import pytest
import yaml

from sidecar.injector.patch import injection
from sidecar.injector.template import Template
from tests.helm.chart import of_kind, render
from tests.live.containers import (
    UPSTREAM_PORT,
    build,
    inside,
    logs,
    model_beside,
    podman,
    python,
    streaming,
    wait_until_ready,
)
from tests.live.slow_model import CHUNKS

pytestmark = [pytest.mark.live, pytest.mark.timeout(3600)]
UPSTREAM = f"http://127.0.0.1:{UPSTREAM_PORT}"
GIB = 1024 * 1024 * 1024


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    repository, _, tag = build().rpartition(":")
    return {
        "upstream": UPSTREAM,
        "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
        "sidecar": {"gracePeriodSeconds": 20},
        "gateway": {"replicas": 1},
    }


def for_podman(pod_spec: dict[str, Any]) -> None:
    """Take out what podman would do otherwise than a kubelet."""
    for box in pod_spec["containers"]:
        ports = {port["name"]: port["containerPort"] for port in box.pop("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in box:
                box[probe]["httpGet"]["port"] = ports[box[probe]["httpGet"]["port"]]


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Any]:
    """Return a function that runs objects with `podman kube play`; they are taken down at the end."""
    file = tmp_path / "pod.yaml"

    def play(objects: list[dict[str, Any]]) -> None:
        file.write_text(yaml.safe_dump_all(objects))
        podman("kube", "play", "--network", "none", str(file), seconds=120)

    yield play
    podman("kube", "down", str(file), check=False, seconds=120)
    podman("pod", "rm", "--force", "rel-sidewatch-pod-0", "shop", check=False)
    podman("volume", "rm", "sidewatch-tmp", "rel-sidewatch", "own", check=False)


def confined(container: str) -> None:
    """Assert what the restricted profile and the limits come to in the running process."""
    assert python(container, "import os; print(os.getuid())") == "65532"
    status = python(container, "print(open('/proc/1/status').read())")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"
    refused = "try: open('/etc/x', 'w')\nexcept OSError as error: print(error.strerror)"
    assert python(container, refused) == "Read-only file system"
    limit = "import pathlib; print(*(p.read_text().strip() for p in pathlib.Path('/sys/fs/cgroup').glob(n)))"
    assert str(GIB) in [
        python(container, limit.replace("(n)", "('memory.max')")),
        python(container, limit.replace("(n)", "('memory/memory.limit_in_bytes')")),
    ]


def test_the_gateway_pod_runs_and_drains(played: Any, values: dict[str, Any]) -> None:
    objects = [one for one in render(values) if one["kind"] in ("ConfigMap", "Deployment")]
    (deployment,) = of_kind(objects, "Deployment")
    for_podman(deployment["spec"]["template"]["spec"])
    played(objects)
    box = "rel-sidewatch-pod-0-sidewatch"
    wait_until_ready(box)
    confined(box)
    model_beside(box)
    assert inside(box, "plain", "http://127.0.0.1:8080").splitlines()[-1] == "1 False"
    with streaming(box, "http://127.0.0.1:8080") as client:
        assert client.stdout
        assert client.stdout.read().strip() == f"{CHUNKS + 1} True"
    podman("stop", "--time", "40", box, seconds=90)
    assert '"event": "drained"' in logs(box)


def test_an_app_with_the_classic_sidecar_runs_through_it(played: Any, values: dict[str, Any]) -> None:
    injector = {"injector": {"enabled": True, "certificates": {"mode": "self-signed"}}}
    maps = of_kind(render(values | injector, "1.28"), "ConfigMap")
    (text,) = [one["data"]["template.yaml"] for one in maps if "template.yaml" in one["data"]]
    template = msgspec.convert(yaml.safe_load(text), Template)
    assert template.kind == "classic"
    image = template.containers["classic"]["image"]
    app = {"name": "app", "image": image, "imagePullPolicy": "Never", "command": ["sleep", "600"], "ports": []}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "shop",
            "annotations": {"sidewatch.dev/inject": "true", "sidewatch.dev/config-map": "own"},
        },
        "spec": {"containers": [app]},
    }
    operations, warnings = injection(copy.deepcopy(pod), "shop", template)
    assert warnings == []
    patched = jsonpatch.apply_patch(pod, operations)
    for_podman(patched["spec"])
    del patched["metadata"]["annotations"]["sidewatch.dev/effective-config"]
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}}
    played([config | {"data": {"sidewatch.yaml": yaml.safe_dump(template.config)}}, patched])
    wait_until_ready("shop-sidewatch", 19090)
    confined("shop-sidewatch")
    model_beside("shop-app")
    url = python("shop-app", "import os; print(os.environ['OPENAI_BASE_URL'])")
    assert url == "http://127.0.0.1:18080/v1"
    assert inside("shop-app", "plain", url.removesuffix("/v1")).splitlines()[-1] == "1 False"
    with streaming("shop-app", url.removesuffix("/v1")) as client:
        assert client.stdout
        assert client.stdout.read().strip() == f"{CHUNKS + 1} True"
    code = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:19090/metrics').read().decode())"
    seen = [line for line in python("shop-app", code).splitlines() if line.startswith("sidewatch_seen_exchanges_total")]
    assert seen == ["sidewatch_seen_exchanges_total 2.0"]
