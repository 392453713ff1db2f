"""Another chart that includes the container by hand, and the plain YAML that comes of it."""

from typing import Any

import kubernetes_validate
import pytest

from tests.helm.chart import VERSIONS, of_kind
from tests.helm.example import PLAIN, plain, rendered


def spec(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (deployment,) = of_kind(objects, "Deployment")
    return dict(deployment["spec"]["template"]["spec"])


@pytest.mark.parametrize("version", [one for one in VERSIONS if one != "1.28"])
def test_the_example_is_valid_where_native_sidecars_are_known(version: str) -> None:
    for one in rendered(version=version):
        kubernetes_validate.validate(one, version, strict=True)


def test_the_app_talks_to_the_sidecar_and_every_mount_has_its_volume() -> None:
    objects = rendered()
    pod = spec(objects)
    (sidecar,) = pod["initContainers"]
    (app,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in sidecar["ports"]}
    assert app["env"] == [{"name": "OPENAI_BASE_URL", "value": f"http://127.0.0.1:{ports['sw-traffic']}/v1"}]
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert {one["name"] for one in sidecar["volumeMounts"]} == set(volumes)
    (config,) = of_kind(objects, "ConfigMap")
    assert volumes["sidewatch-config"]["configMap"]["name"] == config["metadata"]["name"]


def test_the_dependency_brings_nothing_but_its_configuration() -> None:
    assert sorted(one["kind"] for one in rendered()) == ["ConfigMap", "Deployment"]


def test_the_plain_yaml_is_what_the_example_renders() -> None:
    assert PLAIN.read_text() == plain(), "run make chart"
