"""Real AdmissionReviews over TLS, with the template that the chart renders: pods of many shapes on every Kubernetes version.

Every patched pod is valid by that version's schema, keeps what it had, and is left alone when it is reviewed again.
"""

import base64
import copy
import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import kubernetes_validate
import pytest
import yaml

from tests.helm.chart import CHART, VERSIONS, of_kind, render, values_of
from tests.injector.shapes import JOBS, LEFT, TAKEN
from tests.injector.webhook import Webhook, running_webhook

Json = dict[str, Any]


@pytest.fixture(scope="module", params=VERSIONS)
def webhook(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Webhook, str]]:
    folder = tmp_path_factory.mktemp("webhook")
    objects = render(values_of(Path(CHART, "ci/injector-cert-manager-values.yaml")), request.param)
    (text,) = [one["data"]["template.yaml"] for one in of_kind(objects, "ConfigMap") if "template.yaml" in one["data"]]
    with running_webhook(folder, text) as started:
        yield started, request.param


def native(version: str) -> bool:
    return version != "1.28"


def reviewed(webhook: Webhook, pod: Json) -> tuple[Json, list[str]]:
    """Return the pod as the API server would have it after the review, and what the user is told."""
    response = webhook.review(pod)
    assert response["allowed"] is True
    patch = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
    return jsonpatch.apply_patch(copy.deepcopy(pod), patch), response.get("warnings", [])


def injected(webhook: tuple[Webhook, str], pod: Json) -> Json:
    """Review a pod that gets the sidecar; check what holds for all of them."""
    server, version = webhook
    kubernetes_validate.validate(pod, version, strict=True)  # else the shape itself is wrong
    after, _ = reviewed(server, pod)
    kubernetes_validate.validate(after, version, strict=True)
    assert sidecar(after, version)["name"] == "sidewatch"
    volumes = [one["name"] for one in after["spec"]["volumes"]]
    assert len(volumes) == len(set(volumes))
    boxes = after["spec"]["containers"] + after["spec"].get("initContainers", [])
    assert {one["name"] for box in boxes for one in box.get("volumeMounts") or []} <= set(volumes)
    ports = [port["containerPort"] for box in boxes for port in box.get("ports") or []]
    assert len(ports) == len(set(ports))
    assert kept(pod, after)
    assert reviewed(server, after) == (after, [])
    return after


def sidecar(pod: Json, version: str) -> Json:
    boxes = pod["spec"]["initContainers"][:1] if native(version) else pod["spec"]["containers"][-1:]
    return dict(boxes[0])


def kept(before: Any, after: Any) -> bool:
    """Tell whether everything of `before` is in `after`, in order; what was added does not count."""
    if isinstance(before, dict):
        return all(key in after and kept(value, after[key]) for key, value in before.items() if value)
    if isinstance(before, list):
        rest = iter(after)
        return all(any(kept(one, other) for other in rest) for one in before)
    return bool(before == after)


@pytest.mark.parametrize("shape", TAKEN)
def test_a_pod_gets_the_sidecar_and_keeps_what_it_had(webhook: tuple[Webhook, str], shape: str) -> None:
    after = injected(webhook, TAKEN[shape])
    assert after["metadata"]["labels"]["sidewatch.dev/scrape"] == "true"
    config = yaml.safe_load(after["metadata"]["annotations"]["sidewatch.dev/effective-config"])
    assert config["upstream"] == "https://api.openai.com"


@pytest.mark.parametrize("shape", JOBS)
def test_a_job_gets_only_a_sidecar_that_lets_it_finish(webhook: tuple[Webhook, str], shape: str) -> None:
    server, version = webhook
    if native(version):
        assert injected(webhook, JOBS[shape])["spec"]["initContainers"][0]["restartPolicy"] == "Always"
        return
    after, warnings = reviewed(server, JOBS[shape])
    assert after == JOBS[shape]
    assert "keep this Job from finishing" in warnings[0]


@pytest.mark.parametrize("shape", LEFT)
def test_other_pods_start_as_they_are(webhook: tuple[Webhook, str], shape: str) -> None:
    pod, word = LEFT[shape]
    after, warnings = reviewed(webhook[0], pod)
    assert after == pod
    assert warnings == [] if word is None else word in warnings[0]


def test_what_the_user_set_wins_and_the_rest_is_set(webhook: tuple[Webhook, str]) -> None:
    box = injected(webhook, TAKEN["existing variables"])["spec"]["containers"][0]
    values = {one["name"]: one.get("value") for one in box["env"]}
    assert values["OPENAI_BASE_URL"] == "https://elsewhere.example/v1"
    assert values["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:18080"
    assert {
        "OPENAI_API_BASE",
        "AZURE_OPENAI_ENDPOINT",
        "GOOGLE_GEMINI_BASE_URL",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        "OLLAMA_HOST",
    } <= set(values)


def test_a_declared_port_is_left_to_the_app(webhook: tuple[Webhook, str]) -> None:
    after = injected(webhook, TAKEN["several containers"])
    assert "--listen=127.0.0.1:18081" in sidecar(after, webhook[1])["args"]


def test_overrides_reach_the_sidecar(webhook: tuple[Webhook, str]) -> None:
    after = injected(webhook, TAKEN["overridden"])
    box = sidecar(after, webhook[1])
    assert {"--listen=127.0.0.1:15001", "--admin=0.0.0.0:15002"} <= set(box["args"])
    assert box["resources"] == {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "600Mi"}}
    app = next(one for one in after["spec"]["containers"] if one["name"] == "app")
    assert app["env"] == [{"name": "OPENAI_BASE_URL", "value": "http://127.0.0.1:15001/v1"}]


def test_ports_that_probes_and_hooks_call_are_left_to_the_app(webhook: tuple[Webhook, str]) -> None:
    after = injected(webhook, TAKEN["ports seen in probes and hooks"])
    assert "--listen=127.0.0.1:18084" in sidecar(after, webhook[1])["args"]


def test_every_wrong_annotation_is_named_and_the_pod_gets_the_defaults(webhook: tuple[Webhook, str]) -> None:
    pod = TAKEN["wrong in every annotation"]
    plain = sidecar(injected(webhook, TAKEN["one container"]), webhook[1])
    assert sidecar(injected(webhook, pod), webhook[1]) == plain
    warnings = webhook[0].review(pod)["warnings"]
    told = {name for name in pod["metadata"]["annotations"] if any(name in text for text in warnings)}
    unseen = {"sidewatch.dev/upstream", "sidewatch.dev/watchers"}  # one warning for the configuration as a whole
    assert set(pod["metadata"]["annotations"]) - told <= unseen
    assert any("are no configuration" in text for text in warnings)


def test_the_observer_stays_below_the_limit_that_a_pod_gives_the_container(webhook: tuple[Webhook, str]) -> None:
    after = injected(webhook, TAKEN["overridden"])
    config = yaml.safe_load(after["metadata"]["annotations"]["sidewatch.dev/effective-config"])
    assert config["observer"]["memory_limit_bytes"] == 450 * 1024 * 1024  # three quarters of 600Mi


def test_a_pod_with_an_amount_for_all_of_it_shares_that(webhook: tuple[Webhook, str]) -> None:
    # Containers that request more than the pod does would make the API server refuse it.
    server, version = webhook
    pod = copy.deepcopy(TAKEN["one container"])
    pod["spec"]["resources"] = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}
    after, warnings = reviewed(server, pod)
    assert sidecar(after, version)["resources"] == {}
    assert warnings == []
    if version in {"1.33", "1.37"}:  # the first ones that know the field
        kubernetes_validate.validate(after, version, strict=True)


@pytest.mark.parametrize(
    "more",
    [
        {"operation": "UPDATE"},
        {"operation": "UPDATE", "subResource": "ephemeralcontainers"},
        {"operation": "CREATE", "subResource": "eviction"},
        {"operation": "DELETE", "object": None},
        {"operation": "CONNECT", "kind": {"group": "", "version": "v1", "kind": "PodExecOptions"}},
        {"kind": {"group": "apps", "version": "v1", "kind": "Deployment"}},
    ],
)
def test_only_new_pods_are_patched(webhook: tuple[Webhook, str], more: Json) -> None:
    response = webhook[0].review(TAKEN["one container"], **more)
    assert (response["allowed"], "patch" in response, "warnings" in response) == (True, False, False)


def test_a_dry_run_and_a_namespace_in_the_request_alone_make_no_difference(webhook: tuple[Webhook, str]) -> None:
    pod = copy.deepcopy(TAKEN["one container"])
    expected = webhook[0].review(pod)["patch"]
    assert webhook[0].review(pod, dryRun=True)["patch"] == expected
    del pod["metadata"]["namespace"]
    assert webhook[0].review(pod)["patch"] == expected
    assert "payments is excluded" in webhook[0].review(pod, namespace="payments")["warnings"][0]


def test_results_are_counted(webhook: tuple[Webhook, str]) -> None:
    server, _ = webhook
    before = server.counts()
    server.review(TAKEN["one container"])
    server.review(LEFT["host network"][0])
    server.review(LEFT["did not ask"][0])
    server.review({"metadata": {"labels": {"sidewatch.dev/inject": "true"}}, "spec": {"containers": 3}})
    after = server.counts()
    grown = {result: after[result] - before[result] for result in after}
    assert grown == {"injected": 1.0, "obstacle": 1.0, "skipped": 1.0, "error": 1.0}


def test_a_plain_client_is_not_served(webhook: tuple[Webhook, str]) -> None:
    with pytest.raises((OSError, ssl.SSLError)):
        urllib.request.urlopen(webhook[0].url.replace("https", "http") + "/healthz", timeout=5)
