"""Every case of ci/ on every Kubernetes version: valid by the schemas, and right where the schemas do not look."""

import re
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import msgspec
import pytest
import yaml

from helm.settings_schema import completed
from sidecar.config import load
from sidecar.injector.patch import injection
from sidecar.injector.template import Template
from tests.helm.chart import CASES, CHART, VERSIONS, of_kind, pod_specs, render, values_of

CUSTOM = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "Certificate", "Issuer", "ScaledObject"}
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)


@cases
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(case: Path, version: str) -> None:
    objects = render(values_of(case), version)
    assert objects
    for one in objects:
        assert NAME.fullmatch(one["metadata"]["name"])
        if one["kind"] not in CUSTOM:
            kubernetes_validate.validate(one, version, strict=True)


@cases
def test_the_linter_finds_nothing(case: Path) -> None:
    found = helm_python.lint(CHART, values_of(case), strict=True, kube_version="v1.30.0")
    assert [one for one in found["messages"] if one["severity"] >= 2] == []


@cases
def test_selectors_match_their_pods_and_ports_exist(case: Path) -> None:
    objects = render(values_of(case))
    deployments = of_kind(objects, "Deployment")
    for one in deployments:
        assert matches(one["spec"]["selector"]["matchLabels"], one)
    for service in of_kind(objects, "Service"):
        targets = [one for one in deployments if matches(service["spec"]["selector"], one)]
        assert len(targets) == 1
        names = {port["name"] for box in targets[0]["spec"]["template"]["spec"]["containers"] for port in box["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    for kind, where in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        for one in of_kind(objects, kind):
            assert sum(matches(one["spec"][where]["matchLabels"], target) for target in deployments) == 1
    for one in of_kind(objects, "HorizontalPodAutoscaler"):
        assert one["spec"]["scaleTargetRef"]["name"] in {target["metadata"]["name"] for target in deployments}
    for one in of_kind(objects, "ServiceMonitor"):
        labels = one["spec"]["selector"]["matchLabels"].items()
        assert any(labels <= service["metadata"]["labels"].items() for service in of_kind(objects, "Service"))


def matches(selector: dict[str, str], deployment: dict[str, Any]) -> bool:
    return selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


@cases
def test_volumes_and_mounts_belong_together(case: Path) -> None:
    for spec in pod_specs(render(values_of(case))):
        declared = {one["name"] for one in spec.get("volumes") or []}
        mounted = {one["name"] for box in spec["containers"] for one in box.get("volumeMounts") or []}
        assert declared == mounted


@cases
def test_quantities_and_probes_are_usable(case: Path) -> None:
    for spec in pod_specs(render(values_of(case))):
        for box in spec["containers"]:
            for amounts in box["resources"].values():
                assert all(QUANTITY.fullmatch(str(amount)) for amount in amounts.values())
            ports = {port["name"] for port in box.get("ports") or []}
            probes = [box[key] for key in ("startupProbe", "livenessProbe", "readinessProbe") if key in box]
            assert all(probe["httpGet"]["port"] in ports for probe in probes)


@cases
def test_pods_meet_the_restricted_profile(case: Path) -> None:
    for spec in pod_specs(render(values_of(case))):
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        for volume in spec.get("volumes") or []:
            assert set(volume) - {"name"} <= {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "downwardAPI"}
        for box in spec["containers"]:
            context = box["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            assert context["runAsUser"] >= 1000


@cases
def test_no_key_stands_in_a_rendered_object(case: Path) -> None:
    text = yaml.safe_dump_all(render(values_of(case)))
    assert not re.search(r"sk-[A-Za-z0-9]{8}|AKIA[0-9A-Z]{16}", text)


@pytest.mark.parametrize(
    "case", [one for one in CASES if one.stem != "gateway-minimal-values"], ids=lambda one: one.stem
)
def test_the_configuration_is_one_that_sidewatch_takes(case: Path, tmp_path: Path) -> None:
    for one in of_kind(render(values_of(case)), "ConfigMap"):
        if "sidewatch.yaml" in one["data"]:
            text = one["data"]["sidewatch.yaml"]
            for folder in ("drift", "prices"):
                (tmp_path / folder).mkdir(exist_ok=True)
                text = text.replace(f"/etc/sidewatch/{folder}", str(tmp_path / folder))
            (tmp_path / "drift" / "reference.json").write_text("{}")
            (tmp_path / "prices" / "prices.yaml").write_text("{}")
            (tmp_path / "sidewatch.yaml").write_text(text)
            load(str(tmp_path / "sidewatch.yaml"), {}, ())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "set `upstream`"),
        ({"upstream": "api.openai.com"}, "/upstream"),
        ({"upstream": "https://a", "upstreams": 1}, "'upstreams' not allowed"),
        ({"upstream": "https://a", "sidecar": {"ports": {"traffic": 80}}}, "/sidecar/ports/traffic"),
        ({"upstream": "https://a", "sidecar": {"resources": {"limits": {"memory": "64MiB"}}}}, "memory"),
        ({"upstream": "https://a", "image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"upstream": "https://a", "image": {"digest": "sha256:short"}}, "digest"),
        ({"upstream": "https://a", "injector": {"certificates": {"mode": "magic"}}}, "mode"),
        ({"upstream": "https://a", "injector": {"timeoutSeconds": 60}}, "timeoutSeconds"),
        (
            {"upstream": "https://a", "injector": {"enabled": True, "certificates": {"mode": "existing"}}},
            "existingSecret",
        ),
        ({"upstream": "https://a", "config": {"watcher": {}}}, "'watcher' not allowed"),
        ({"upstream": "https://a", "config": {"log": {"texts": "none"}}}, "/config/log"),
        ({"config": {"routes": [{"name": "a", "upstrem": "https://a"}]}}, "'upstrem' not allowed"),
        ({"upstream": "https://a", "config": {"listen": "0.0.0.0:80"}}, "set sidecar.ports.traffic"),
        ({"upstream": "https://a", "config": {"admin": "0.0.0.0:80"}}, "set sidecar.ports.admin"),
        ({"upstream": "https://a", "config": {"workers": 4}}, "set sidecar.workers"),
        ({"upstream": "https://a", "sidecar": {"ports": {"traffic": 9090}}}, "sidecar.ports.admin are both 9090"),
        ({"upstream": "https://a", "injector": {"ports": {"admin": 18080}}}, "injector.ports.admin are both 18080"),
        (
            {"upstream": "https://a", "sidecar": {"env": [{"name": "OPENAI_API_KEY", "value": "x"}]}},
            "OPENAI_API_KEY as plain text: take it from an existing Secret",
        ),
        (
            {"upstream": "https://a", "sidecar": {"resources": {"limits": {"memory": "512Mi"}}}},
            "the observer may take 768MiB (sidecar.observerMemoryLimit",
        ),
        ({"upstream": "https://a", "config": {"observer": {"memory_limit_bytes": 1073741824}}}, "container 1Gi"),
        ({"upstream": "https://a", "sidecar": {"observerMemoryLimit": "1.5GiB"}}, "may take 1.5GiB"),
        (
            {"upstream": "https://a", "injector": {"enabled": True, "podDisruptionBudget": {"minAvailable": 2}}},
            "minAvailable is 2 of 2 injector.replicas",
        ),
        ({"upstream": "https://a", "gateway": {"podDisruptionBudget": {"maxUnavailable": "one"}}}, "maxUnavailable"),
        (
            {"upstream": "https://a", "commonLabels": {"app.kubernetes.io/name": "x"}},
            "propertyName 'app.kubernetes.io/name'",
        ),
        ({"upstream": "https://a", "gateway": {"podLabels": {"sidewatch.dev/scrape": "x"}}}, "'sidewatch.dev/scrape'"),
        ({"upstream": "https://a", "fullnameOverride": "Sidewatch_1"}, "/fullnameOverride"),
        ({"upstream": "https://a", "image": {"tag": 1.0}}, "/image/tag"),
        ({"upstream": "https://a", "listenAddress": "::"}, "/listenAddress"),
    ],
)
def test_bad_values_are_refused_with_the_key(values: dict[str, Any], message: str) -> None:
    with pytest.raises(helm_python.HelmError, match=re.escape(message)):
        render(values)


@pytest.mark.parametrize(
    "values",
    [
        {"sidecar": {"resources": {"limits": {"memory": "1.5Gi"}}, "observerMemoryLimit": "1GiB"}},
        {"sidecar": {"resources": {"limits": {"memory": "1G"}}, "observerMemoryLimit": 900000000}},
        {"sidecar": {"env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}]}},
        {"sidecar": {"env": [{"name": "SIDEWATCH_OBSERVER__TEXT_TOKENS", "value": "2048"}]}},
        {"existingConfigMap": "mine", "config": {}, "sidecar": {"resources": {"limits": {"memory": "256Mi"}}}},
        {"config": {"judge": {"rubric": {"tone": {"ask": "Is it rude?"}}}, "watchers": {"settings": {"mine": {}}}}},
        {"config": {"log": None, "drift": {"options": {"any": 1}}}},
    ],
)
def test_good_values_are_not_refused(values: dict[str, Any]) -> None:
    assert render({"upstream": "https://a"} | values)


def test_the_schema_names_the_settings_that_there_are() -> None:
    tree = msgspec.json.decode(Path(CHART, "values.schema.json").read_bytes())
    assert completed(tree) == tree, "run make chart"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ["OPENAI_BASE_URL=http://rel-sidewatch.mon.svc:80/v1", "port-forward svc/rel-sidewatch-metrics 9090"]),
        ({"gateway": {"enabled": False}}, ["Nothing runs of it"]),
        ({"injector": {"enabled": True}}, ["kubectl label namespace", "Nothing scrapes it yet"]),
    ],
)
def test_an_install_says_what_to_do_next(values: dict[str, Any], words: list[str]) -> None:
    with helm_python.Config(storage_driver="memory", namespace="mon") as config:
        release = config.install(CHART, "rel", {"upstream": "https://a.example"} | values, dry_run="client")
    assert [word for word in words if word not in release["notes"]] == []


@pytest.mark.parametrize(("version", "kind"), [("1.28", "classic"), ("1.29", "native"), ("1.37", "native")])
def test_the_kind_of_sidecar_follows_the_cluster(version: str, kind: str) -> None:
    assert template_of("injector-cert-manager", version).kind == kind


def test_the_chart_renders_both_kinds_for_the_webhook() -> None:
    containers = template_of("injector-self-signed", "1.30").containers
    assert containers["native"]["restartPolicy"] == "Always"
    assert "lifecycle" not in containers["native"]
    assert "restartPolicy" not in containers["classic"]
    assert containers["classic"]["lifecycle"]["preStop"]["exec"]["command"][0] == "python3"


def template_of(case: str, version: str) -> Template:
    objects = render(values_of(Path(CHART, "ci", f"{case}-values.yaml")), version)
    maps = [one for one in of_kind(objects, "ConfigMap") if "template.yaml" in one["data"]]
    return msgspec.convert(yaml.safe_load(maps[0]["data"]["template.yaml"]), Template)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"initContainers": [{"name": "init", "image": "busybox"}]},
        {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y", "envFrom": []}]},
        {"volumes": [{"name": "data", "emptyDir": {}}]},
    ],
)
def test_an_injected_pod_is_valid(version: str, spec: dict[str, Any]) -> None:
    import jsonpatch

    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app", "labels": {"sidewatch.dev/inject": "true"}},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]} | spec,
    }
    template = template_of("injector-self-signed", version)
    operations, warnings = injection(pod, "shop", template)
    patched = jsonpatch.apply_patch(pod, operations)
    kubernetes_validate.validate(patched, version, strict=True)
    assert warnings == []
    declared = {one["name"] for one in patched["spec"]["volumes"]}
    boxes = patched["spec"]["containers"] + patched["spec"].get("initContainers", [])
    assert {one["name"] for box in boxes for one in box.get("volumeMounts") or []} <= declared


def test_the_webhook_never_stands_in_the_way() -> None:
    objects = render(values_of(Path(CHART, "ci", "injector-cert-manager-values.yaml")))
    hooks = of_kind(objects, "MutatingWebhookConfiguration")[0]["webhooks"]
    assert [one["failurePolicy"] for one in hooks] == ["Ignore", "Ignore"]
    assert [one["timeoutSeconds"] for one in hooks] == [5, 5]
    for hook in hooks:
        excluded = hook["namespaceSelector"]["matchExpressions"][0]
        assert excluded["values"] == ["kube-system", "kube-public", "kube-node-lease", "mon", "payments"]


def test_values_and_schema_name_the_same_keys() -> None:
    schema = msgspec.json.decode(Path(CHART, "values.schema.json").read_bytes())
    values = yaml.safe_load(Path(CHART, "values.yaml").read_text())
    assert keys_of_schema(schema) - {"global"} == keys_of_values(values, schema)


def keys_of_schema(schema: dict[str, Any], prefix: str = "") -> set[str]:
    keys = set()
    for name, one in schema.get("properties", {}).items():
        keys.add(prefix + name)
        if one.get("additionalProperties") is False and not prefix.count(".") > 1:
            keys |= keys_of_schema(one, f"{prefix}{name}.")
    return {key for key in keys if not re.search(r"^config\.|Probe\.|issuerRef\.|namespaceSelector\.|resources\.", key)}


def keys_of_values(values: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> set[str]:
    keys = set()
    for name, value in values.items():
        keys.add(prefix + name)
        below = schema["properties"][name]
        if isinstance(value, dict) and below.get("additionalProperties") is False:
            keys |= keys_of_values(value, below, f"{prefix}{name}.")
    return {key for key in keys if not re.search(r"^config\.|Probe\.|issuerRef\.|namespaceSelector\.|resources\.", key)}
