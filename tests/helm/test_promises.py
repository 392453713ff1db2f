"""What the chart promises beyond valid objects: scaling, restarts, memory, grace, monitors, dashboards."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import helm_python
import promql_parser
import pytest
import yaml

from dashboards.rules import Objectives, groups
from sidecar.channel import DURATION_BOUNDS
from sidecar.config.reload import RESTART
from sidecar.config.units import maybe_bytes
from sidecar.observer.metric_table import METRICS
from tests.helm.chart import CASES, CHART, of_kind, pod_specs, render, values_of
from tests.injector.webhook import running_webhook

UPSTREAM = {"upstream": "https://api.openai.com"}
MIB = 1024 * 1024


def case(name: str) -> dict[str, Any]:
    return values_of(Path(CHART, "ci", f"{name}-values.yaml"))


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            found[key] = merged(found.get(key, {}), value) if isinstance(value, dict) else value
    return found


def pod_template(values: dict[str, Any]) -> dict[str, Any]:
    (deployment,) = of_kind(render(values), "Deployment")
    return dict(deployment["spec"]["template"])


def config_of(values: dict[str, Any]) -> dict[str, Any]:
    maps = [one["data"] for one in of_kind(render(values), "ConfigMap") if "sidewatch.yaml" in one["data"]]
    return dict(yaml.safe_load(maps[0]["sidewatch.yaml"]))


def hpa_and_keda(values: dict[str, Any]) -> tuple[int, int]:
    objects = render(values)
    return len(of_kind(objects, "HorizontalPodAutoscaler")), len(of_kind(objects, "ScaledObject"))


def test_one_autoscaler_at_most_and_then_no_fixed_number_of_pods() -> None:
    assert hpa_and_keda(UPSTREAM) == (0, 0)
    assert hpa_and_keda(case("gateway-everything")) == (1, 0)
    assert hpa_and_keda(case("gateway-keda")) == (0, 1)
    for name in ("gateway-everything", "gateway-keda"):
        (deployment,) = of_kind(render(case(name)), "Deployment")
        assert "replicas" not in deployment["spec"]


def test_keda_asks_prometheus_for_a_metric_that_there_is() -> None:
    (scaled,) = of_kind(render(case("gateway-keda")), "ScaledObject")
    assert scaled["spec"]["scaleTargetRef"]["name"] == "rel-sidewatch"
    cpu, queue = scaled["spec"]["triggers"]
    assert cpu == {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}
    promql_parser.parse(queue["metadata"]["query"])
    (name,) = set(re.findall(r"sidewatch_\w+", queue["metadata"]["query"]))
    assert name in {metric.name for metric in METRICS}
    assert queue["metadata"]["threshold"] == "10"
    pods = re.search(r'pod=~"([^"]+)"', queue["metadata"]["query"])
    assert pods
    assert re.fullmatch(pods[1], "rel-sidewatch-6d4cf56db6-x7k2p")
    assert not re.fullmatch(pods[1], "rel-sidewatch-injector-6d4cf56db6-x7k2p")


@pytest.mark.parametrize(
    ("autoscaling", "message"),
    [
        ({"minReplicas": 5, "maxReplicas": 2}, "minReplicas is 5 and maxReplicas is 2"),
        ({"kind": "keda", "targetQueueAgeSeconds": 5}, "set gateway.autoscaling.prometheusUrl"),
        ({"kind": "vpa"}, "/gateway/autoscaling/kind"),
        ({"targetCPUUtilizationPercentage": 0}, "targetCPUUtilizationPercentage"),
    ],
)
def test_an_autoscaler_that_cannot_work_is_refused(autoscaling: dict[str, Any], message: str) -> None:
    with pytest.raises(helm_python.HelmError, match=re.escape(message)):
        render(UPSTREAM | {"gateway": {"autoscaling": {"enabled": True} | autoscaling}})


# One value for each setting that only a new start takes over; the rest are flags, which the chart refuses in `config`.
FIXED = {
    "observer.enabled": False,
    "observer.threads": 2,
    "observer.nice": 3,
    "observer.memory_limit_bytes": "900MiB",
}


def checksum(config: dict[str, Any]) -> str:
    return str(pod_template(UPSTREAM | {"config": config})["metadata"]["annotations"]["checksum/config"])


@pytest.mark.parametrize("key", sorted(set(RESTART) - {"listen", "admin", "workers"}))
def test_pods_are_replaced_for_settings_that_need_a_restart(key: str) -> None:
    section, _, name = key.rpartition(".")
    changed = {section: {name: FIXED[key]}} if section else {name: FIXED[key]}
    assert checksum(changed) != checksum({})


def test_pods_are_not_replaced_for_settings_that_reload() -> None:
    reloading = {"log": {"text": "none"}, "watchers": {"enabled": ["pii"]}, "observer": {"batch_exchanges": 4}}
    assert checksum(reloading) == checksum({})


@pytest.mark.parametrize("path", CASES, ids=lambda one: one.stem)
def test_the_observer_is_restarted_before_the_kernel_ends_the_container(path: Path) -> None:
    values = values_of(path)
    if "existingConfigMap" in values:
        pytest.skip("the configuration is the user's own")
    if path.stem == "gateway-keda-values":
        assert config_of(values)["observer"]["memory_limit_bytes"] == "2GiB"  # the user's own, as given
        return
    limit = maybe_bytes(config_of(values)["observer"]["memory_limit_bytes"])
    assert limit == 768 * MIB
    for spec in pod_specs(render(values)):
        for box in spec["containers"]:
            if box["name"] == "sidewatch":
                assert box["resources"]["limits"]["memory"] == "1Gi"


@pytest.mark.parametrize("seconds", [1, 60, 300])
def test_a_pod_outlives_its_longest_stream(seconds: int) -> None:
    spec = pod_template(UPSTREAM | {"sidecar": {"gracePeriodSeconds": seconds}})["spec"]
    (box,) = spec["containers"]
    pause = int(re.findall(r"sleep\((\d+)\)", box["lifecycle"]["preStop"]["exec"]["command"][-1])[0])
    assert {"name": "SIDEWATCH_LIMITS__GRACE_SECONDS", "value": str(seconds)} in box["env"]
    # The last workers get 5 seconds more than the streams, then the observer has 10.
    assert spec["terminationGracePeriodSeconds"] >= pause + seconds + 15


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        ({"upstream": "https://api.openai.com"}, [443]),
        ({"upstream": "http://vllm.models.svc:8000/v1"}, [8000]),
        ({"upstream": "http://ollama"}, [80]),
        ({"existingConfigMap": "mine", "upstream": ""}, [443]),
        (
            {
                "upstream": "https://api.openai.com",
                "config": {
                    "watchers": {"remote": {"endpoint": "http://triton.inference.svc:8000"}},
                    "judge": {"endpoint": "http://vllm.models.svc:8001/v1", "model": "judge"},
                },
            },
            [443, 8000, 8001],
        ),
        (
            {
                "config": {
                    "drift": {"reference": "https://references.example:8444/shop.json"},
                    "routes": [
                        {"name": "a", "upstream": "https://a.example", "proxy": "http://proxy.internal:3128"},
                        {"name": "b", "prefix": "/b", "upstream": "https://b.example", "proxy": "none"},
                    ],
                },
                "sidecar": {
                    "env": [
                        {"name": "https_proxy", "value": "http://other.internal:3129"},
                        {"name": "NO_PROXY", "value": "10.0.0.0/8"},
                    ]
                },
            },
            [443, 3128, 3129, 8444],
        ),
        (
            {
                "config": {
                    "routes": [
                        {"name": "a", "prefix": "/a", "upstream": "https://a.example:8443"},
                        {"name": "b", "prefix": "/b", "upstream": "https://b.example"},
                        {"name": "c", "prefix": "/c", "upstream": "https://c.example"},
                    ]
                }
            },
            [8443, 443],
        ),
    ],
)
def test_the_network_policy_lets_out_what_the_upstreams_need(values: dict[str, Any], ports: list[int]) -> None:
    (policy,) = of_kind(render(values | {"gateway": {"networkPolicy": {"enabled": True}}}), "NetworkPolicy")
    dns, upstreams = policy["spec"]["egress"]
    assert [one["port"] for one in dns["ports"]] == [53, 53]
    assert [one["port"] for one in upstreams["ports"]] == ports


def test_the_admin_port_is_not_in_the_service_that_may_leave_the_cluster() -> None:
    # It shows the configuration, and takes what drifted as the new normal.
    values = UPSTREAM | {
        "gateway": {"service": {"type": "LoadBalancer"}},
        "metrics": {"serviceMonitor": {"enabled": True}},
    }
    objects = render(values)
    services = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "Service")}
    assert services["rel-sidewatch"]["type"] == "LoadBalancer"
    assert [port["targetPort"] for port in services["rel-sidewatch"]["ports"]] == ["sw-traffic"]
    assert services["rel-sidewatch-metrics"]["type"] == "ClusterIP"
    assert [port["targetPort"] for port in services["rel-sidewatch-metrics"]["ports"]] == ["sw-admin"]
    (monitor,) = of_kind(objects, "ServiceMonitor")
    assert monitor["spec"]["endpoints"][0]["port"] == services["rel-sidewatch-metrics"]["ports"][0]["name"]


def test_no_pod_is_scraped_twice_and_none_is_left_out() -> None:
    def scraped(monitors: dict[str, Any]) -> tuple[bool, list[str] | None]:
        objects = render(UPSTREAM | {"metrics": monitors})
        (deployment,) = of_kind(objects, "Deployment")
        labelled = "sidewatch.dev/scrape" in deployment["spec"]["template"]["metadata"]["labels"]
        found = [one["spec"]["namespaceSelector"] for one in of_kind(objects, "PodMonitor")]
        return labelled, found[0].get("matchNames") if found else None

    assert scraped({"podMonitor": {"enabled": True}}) == (True, None)
    assert scraped({"podMonitor": {"enabled": True, "namespaces": ["apps"]}}) == (True, ["apps", "mon"])
    both = {"podMonitor": {"enabled": True, "namespaces": ["mon"]}, "serviceMonitor": {"enabled": True}}
    assert scraped(both) == (False, ["mon"])


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]"])
def test_servers_listen_where_they_are_told_and_beside_an_app_on_its_loopback(address: str) -> None:
    values = {"listenAddress": address, "injector": {"enabled": True}} | UPSTREAM
    gateway, webhook = (
        one["spec"]["template"]["spec"]["containers"][0] for one in of_kind(render(values), "Deployment")
    )
    assert {f"--listen={address}:8080", f"--admin={address}:9090"} <= set(gateway["args"])
    assert f"--listen={address}:8443" in webhook["args"]
    for box in injector_template(values)["containers"].values():
        assert {"--listen=127.0.0.1:18080", f"--admin={address}:19090"} <= set(box["args"])


def test_a_renewed_certificate_is_signed_by_a_ca_that_stays() -> None:
    # The API server's caBundle must not change with it: webhooks load a new certificate a minute after it is there.
    objects = render(case("injector-cert-manager"))
    certificates = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "Certificate")}
    issuers = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "Issuer")}
    leaf, authority = certificates["rel-sidewatch-injector"], certificates["rel-sidewatch-injector-ca"]
    assert authority["isCA"] is True
    assert issuers[leaf["issuerRef"]["name"]] == {"ca": {"secretName": authority["secretName"]}}
    assert issuers[authority["issuerRef"]["name"]] == {"selfSigned": {}}
    assert int(authority["duration"][:-1]) >= 10 * int(leaf["duration"][:-1])
    own = merged(case("injector-cert-manager"), {"injector": {"certificates": {"issuerRef": {"name": "mine"}}}})
    assert [one["metadata"]["name"] for one in of_kind(render(own), "Certificate")] == ["rel-sidewatch-injector"]
    assert of_kind(render(own), "Issuer") == []


def test_a_webhook_that_ends_is_asked_no_more_before_it_does() -> None:
    # Until every API server knows, a refused connection would be a pod without Sidewatch.
    (deployment,) = of_kind(render(case("injector-self-signed")), "Deployment")
    (box,) = deployment["spec"]["template"]["spec"]["containers"]
    assert box["lifecycle"]["preStop"]["exec"]["command"] == ["python3", "-c", "import time; time.sleep(5)"]


def test_a_drain_of_nodes_is_never_blocked_for_good() -> None:
    values = UPSTREAM | {"injector": {"enabled": True}}
    for one in of_kind(render(values), "PodDisruptionBudget"):
        assert one["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"  # or broken pods would hold the node
    single = of_kind(render(merged(values, {"injector": {"replicas": 1}})), "PodDisruptionBudget")
    assert [one["metadata"]["name"] for one in single] == ["rel-sidewatch"]


def test_the_test_pod_asks_services_that_there_are_and_gets_through_the_network_policy() -> None:
    values = merged(case("gateway-everything"), {"injector": {"enabled": True}})
    values["gateway"]["networkPolicy"]["scrapeFrom"] = [{"podSelector": {"matchLabels": {"app": "prometheus"}}}]
    objects = render(values)
    (pod,) = of_kind(objects, "Pod")
    script = pod["spec"]["containers"][0]["command"][-1]
    asked = set(re.findall(r"https?://([^/:\"]+):(\d+)|\(\"([^\"]+)\", (\d+)\)", script))
    services = {
        (one["metadata"]["name"], str(port["port"]))
        for one in of_kind(objects, "Service")
        for port in one["spec"]["ports"]
    }
    assert {(one[0] or one[2], one[1] or one[3]) for one in asked} == services
    gateway = next(one for one in of_kind(objects, "NetworkPolicy") if one["metadata"]["name"] == "rel-sidewatch")
    for rule in gateway["spec"]["ingress"]:
        own = rule["from"][-1]["podSelector"]["matchLabels"]
        assert own.items() <= pod["metadata"]["labels"].items()


def test_the_test_pods_script_passes_what_answers_and_fails_what_does_not(tmp_path: Path) -> None:
    values = case("injector-cert-manager")
    (pod,) = of_kind(render(values), "Pod")
    (template,) = [
        one["data"]["template.yaml"] for one in of_kind(render(values), "ConfigMap") if "template.yaml" in one["data"]
    ]
    script = pod["spec"]["containers"][0]["command"][-1]
    with running_webhook(tmp_path, template) as webhook:
        there = script.replace("https://rel-sidewatch-injector:443", webhook.url)
        done = subprocess.run([sys.executable, "-c", there], capture_output=True, text=True, timeout=30)
        assert done.stdout.endswith("/healthz ok\n"), done.stderr
    assert subprocess.run([sys.executable, "-c", there], capture_output=True, timeout=30).returncode != 0


def test_the_webhook_is_called_and_calls_nobody() -> None:
    (policy,) = of_kind(render(case("injector-self-signed")), "NetworkPolicy")
    assert policy["spec"]["egress"] == []
    assert policy["spec"]["ingress"] == [{"ports": [{"port": "https", "protocol": "TCP"}]}]


def test_the_webhook_sees_new_pods_only_so_that_debugging_one_goes_past_it() -> None:
    (hook,) = of_kind(render(case("injector-self-signed")), "MutatingWebhookConfiguration")
    for one in hook["webhooks"]:
        # Ephemeral containers come as an update of pods/ephemeralcontainers.
        assert [(rule["operations"], rule["resources"]) for rule in one["rules"]] == [(["CREATE"], ["pods"])]
        assert one["reinvocationPolicy"] == "IfNeeded"
        assert one["sideEffects"] == "None"


def test_the_webhooks_own_metrics_are_scraped_over_tls() -> None:
    objects = render(case("injector-cert-manager"))
    monitor = next(one for one in of_kind(objects, "PodMonitor") if one["metadata"]["name"].endswith("injector"))
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (deployment,) = of_kind(objects, "Deployment")
    (box,) = deployment["spec"]["template"]["spec"]["containers"]
    assert endpoint["port"] in {port["name"] for port in box["ports"]}
    assert endpoint["scheme"] == "https"
    certificate = next(one for one in of_kind(objects, "Certificate") if "isCA" not in one["spec"])
    assert endpoint["tlsConfig"]["serverName"] in certificate["spec"]["dnsNames"]
    assert endpoint["tlsConfig"]["ca"]["secret"]["name"] == certificate["spec"]["secretName"]


def test_dashboards_carry_the_label_the_folder_and_uids_that_stay() -> None:
    maps = [one for one in of_kind(render(case("gateway-everything")), "ConfigMap") if "dashboard" in str(one["data"])]
    boards = [one for one in maps if "grafana_dashboard" in one["metadata"]["labels"]]
    assert len(boards) >= 5
    uids = []
    for one in boards:
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"] == {"grafana_folder": "Sidewatch"}
        assert one["metadata"]["namespace"] == "grafana"
        (text,) = one["data"].values()
        uids.append(json.loads(text)["uid"])
    assert {"sidewatch-overview", "sidewatch-safety", "sidewatch-drift", "sidewatch-cost", "sidewatch-health"} <= set(
        uids
    )
    assert len(set(uids)) == len(uids)


def test_rules_reach_prometheus_literally() -> None:
    (rule,) = of_kind(render(case("gateway-everything")), "PrometheusRule")
    assert rule["spec"]["groups"] == yaml.safe_load(Path(CHART, "files/rules.yaml").read_text())["groups"]
    assert "{{ $labels.namespace }}" in json.dumps(rule)


def test_the_rules_follow_the_objectives() -> None:
    chosen = {"availability": 0.999, "latencySeconds": 2.56, "flagRate": 5, "budgetPerDay": 50}
    values = merged(case("gateway-everything"), {"rules": {"objectives": chosen}})
    (rule,) = of_kind(render(values), "PrometheusRule")
    expected = Objectives(availability=0.999, latency_seconds=2.56, flag_rate=5, budget_per_day=50)
    assert rule["spec"]["groups"] == groups(expected)


def test_an_objective_is_a_bound_that_the_metric_has() -> None:
    schema = json.loads(Path(CHART, "values.schema.json").read_text())["properties"]["rules"]["properties"][
        "objectives"
    ]
    assert tuple(schema["properties"]["latencySeconds"]["enum"]) == DURATION_BOUNDS
    for bad in ({"availability": 99.9}, {"latencySeconds": 3}, {"flagRate": 0}, {"latency_seconds": 2.56}):
        with pytest.raises(helm_python.HelmError, match=next(iter(bad))):
            render(merged(case("gateway-everything"), {"rules": {"objectives": bad}}))


def test_injected_pods_need_no_object_of_another_namespace() -> None:
    values = merged(case("injector-cert-manager"), {"files": case("gateway-everything")["files"]})
    template = injector_template(values)
    assert [one["name"] for one in template["volumes"]] == ["sidewatch-config", "sidewatch-tmp"]
    assert "reference" not in template["config"].get("drift", {})
    assert "prices" not in template["config"]
    with_files = injector_template(merged(values, {"injector": {"mountFiles": True}}))
    named = [one["name"] for one in with_files["volumes"]]
    assert named == ["sidewatch-config", "sidewatch-tmp", "sidewatch-drift", "sidewatch-prices", "sidewatch-packs"]
    assert with_files["config"]["drift"]["reference"] == "/etc/sidewatch/drift/reference.json"


def test_injected_sidecars_keep_off_the_ports_of_apps_and_meet_the_restricted_profile() -> None:
    for box in injector_template(case("injector-cert-manager"))["containers"].values():
        assert [port["containerPort"] for port in box["ports"]] == [18080, 19090]
        assert box["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert box["securityContext"]["runAsNonRoot"] is True
        assert box["securityContext"]["allowPrivilegeEscalation"] is False
        assert box["securityContext"]["readOnlyRootFilesystem"] is True


def injector_template(values: dict[str, Any]) -> dict[str, Any]:
    maps = [one["data"] for one in of_kind(render(values), "ConfigMap") if "template.yaml" in one["data"]]
    return dict(yaml.safe_load(maps[0]["template.yaml"]))


OPTIONAL = (
    "Certificate",
    "ConfigMap",
    "Deployment/gateway",
    "Deployment/injector",
    "HorizontalPodAutoscaler",
    "Issuer",
    "MutatingWebhookConfiguration",
    "NetworkPolicy/gateway",
    "NetworkPolicy/injector",
    "Pod/test",
    "PodDisruptionBudget/gateway",
    "PodDisruptionBudget/injector",
    "PodMonitor",
    "PrometheusRule",
    "ScaledObject",
    "Secret",
    "ServiceAccount",
    "ServiceMonitor",
)


@pytest.mark.parametrize("what", OPTIONAL)
def test_every_optional_object_is_on_in_one_case_and_off_in_another(what: str) -> None:
    kind, _, component = what.partition("/")
    found = [
        any(not component or one["metadata"]["labels"]["app.kubernetes.io/component"] == component for one in objects)
        for objects in (of_kind(render(values_of(path)), kind) for path in CASES)
    ]
    assert True in found
    assert False in found
