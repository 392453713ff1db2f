"""Upgrades by Helm's own engine against an API server in memory: from the chart version before, and of this one.

`data/sidewatch-0.1.0.tgz` is that version as it was released (without its dashboards, which are large).
"""

import base64
from collections.abc import Iterator
from typing import Any

import helm_python
import pytest
from cryptography import x509

from tests.helm.api import Objects, api_server
from tests.helm.chart import CHART

PREVIOUS = "tests/helm/data/sidewatch-0.1.0.tgz"
SELF_SIGNED = {"upstream": "https://a.example", "injector": {"enabled": True, "certificates": {"mode": "self-signed"}}}
# What a release of the version before may have been given.
VALUES = [
    {"upstream": "https://a.example"},
    SELF_SIGNED,
    {"upstream": "https://a.example", "injector": {"enabled": True}, "metrics": {"podMonitor": {"enabled": True}}},
    {
        "config": {"routes": [{"name": "a", "prefix": "/a", "upstream": "https://a.example"}]},
        "gateway": {
            "autoscaling": {"enabled": True, "targetQueueAgeSeconds": 5},
            "networkPolicy": {"enabled": True},
        },
        "files": {"driftReference": {"configMap": "reference"}},
        "metrics": {"serviceMonitor": {"enabled": True}},
        "rules": {"enabled": True},
    },
]


@pytest.fixture
def cluster() -> Iterator[tuple[helm_python.Config, Objects]]:
    with api_server() as (url, objects):
        with helm_python.Config(kube_apiserver=url, storage_driver="memory", namespace="mon") as config:
            yield config, objects


@pytest.mark.parametrize("values", VALUES, ids=["gateway", "self-signed", "cert-manager", "everything"])
def test_a_release_of_the_version_before_can_be_upgraded(
    cluster: tuple[helm_python.Config, Objects], values: dict[str, Any]
) -> None:
    config, objects = cluster
    assert config.install(PREVIOUS, "rel", values)["chart_version"] == "0.1.0"
    before = set(objects.stored)
    release = config.upgrade(CHART, "rel", values)
    assert (release["status"], release["revision"], release["chart_version"]) == ("deployed", 2, "0.2.0")
    assert objects.refused == []
    assert before <= set(objects.stored)  # nothing changed its name: that would be a gap in service
    new = ("podmonitors/rel-sidewatch-injector", "services/rel-sidewatch-metrics", "rel-sidewatch-injector-ca")
    assert before == {path for path in objects.stored if not path.endswith(new)}


def test_a_self_signed_certificate_stays_across_upgrades_and_covers_the_service(
    cluster: tuple[helm_python.Config, Objects],
) -> None:
    config, objects = cluster
    config.install(CHART, "rel", SELF_SIGNED)
    (secret,) = objects.of_kind("Secret")
    first = dict(secret["data"])
    for _ in range(2):
        config.upgrade(CHART, "rel", SELF_SIGNED)
        (secret,) = objects.of_kind("Secret")
        assert secret["data"] == first
        (hook,) = objects.of_kind("MutatingWebhookConfiguration")
        assert {one["clientConfig"]["caBundle"] for one in hook["webhooks"]} == {first["ca.crt"]}
    certificate = x509.load_pem_x509_certificate(base64.b64decode(first["tls.crt"]))
    ca = x509.load_pem_x509_certificate(base64.b64decode(first["ca.crt"]))
    certificate.verify_directly_issued_by(ca)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "rel-sidewatch-injector.mon.svc" in names.get_values_for_type(x509.DNSName)


def test_without_its_secret_the_certificate_is_made_anew(cluster: tuple[helm_python.Config, Objects]) -> None:
    # What the runbook says to do when a self-signed certificate ends: delete the secret and upgrade.
    config, objects = cluster
    config.install(CHART, "rel", SELF_SIGNED)
    (path,) = [path for path in objects.stored if "/secrets/" in path]
    first = objects.stored.pop(path)["data"]
    config.upgrade(CHART, "rel", SELF_SIGNED)
    second = objects.stored[path]["data"]
    assert second["tls.crt"] != first["tls.crt"]
    (hook,) = objects.of_kind("MutatingWebhookConfiguration")
    assert {one["clientConfig"]["caBundle"] for one in hook["webhooks"]} == {second["ca.crt"]}


def test_an_uninstall_leaves_nothing(cluster: tuple[helm_python.Config, Objects]) -> None:
    config, objects = cluster
    config.install(CHART, "rel", SELF_SIGNED)
    assert objects.stored
    config.uninstall("rel")
    assert objects.stored == {}


def test_the_server_refuses_what_a_real_one_would(cluster: tuple[helm_python.Config, Objects]) -> None:
    config, objects = cluster
    config.install(CHART, "rel", SELF_SIGNED)
    with pytest.raises(helm_python.HelmError, match="immutable"):
        config.upgrade(CHART, "rel", SELF_SIGNED | {"nameOverride": "other", "fullnameOverride": "rel-sidewatch"})
    assert "spec.selector" in objects.refused[0]
