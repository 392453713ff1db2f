"""The patch, applied with a JSON Patch library to pods of many shapes: additive, idempotent, never a refusal."""

import copy
import time
from typing import Any

import jsonpatch
import msgspec
import pytest
import yaml

from sidecar.injector.patch import injection
from sidecar.injector.template import Template

CONTAINER = {
    "name": "sidewatch",
    "image": "ghcr.io/sidewatch/sidewatch:0.1.0",
    "args": ["serve", "--listen=127.0.0.1:8080", "--admin=0.0.0.0:9090"],
    "ports": [{"name": "sw-traffic", "containerPort": 8080}, {"name": "sw-admin", "containerPort": 9090}],
    "volumeMounts": [{"name": "sidewatch-config", "mountPath": "/etc/sidewatch/config"}],
}
NATIVE = Template(
    kind="native",
    version="0.1.0",
    config={"upstream": "https://api.openai.com", "log": {"text": "masked"}},
    base_urls={"OPENAI_BASE_URL": "http://127.0.0.1:{port}/v1", "OLLAMA_HOST": "http://127.0.0.1:{port}"},
    exclude_namespaces=["mon"],
    containers={
        "native": CONTAINER | {"restartPolicy": "Always"},
        "classic": CONTAINER | {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}}},
    },
    volumes=[
        {"name": "sidewatch-config", "configMap": {"name": "sidewatch"}},
        {"name": "sidewatch-tmp", "emptyDir": {"medium": "Memory"}},
    ],
)
CLASSIC = Template(**{name: getattr(NATIVE, name) for name in NATIVE.__struct_fields__} | {"kind": "classic"})


def pod(annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a pod that opted in by annotation."""
    notes = {"sidewatch.dev/inject": "true"} | (annotations or {})
    return {"metadata": {"name": "app", "annotations": notes}, "spec": {"containers": [{"name": "app"}]} | spec}


def patched(before: dict[str, Any], template: Template = NATIVE) -> tuple[dict[str, Any], list[str]]:
    untouched = copy.deepcopy(before)
    operations, warnings = injection(before, "shop", template)
    assert before == untouched
    return jsonpatch.apply_patch(before, operations), warnings


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container["env"]}


def test_a_native_sidecar_is_the_first_init_container_and_restarts() -> None:
    after, warnings = patched(pod(initContainers=[{"name": "migrate"}]))
    assert [one["name"] for one in after["spec"]["initContainers"]] == ["sidewatch", "migrate"]
    assert after["spec"]["initContainers"][0]["restartPolicy"] == "Always"
    assert [one["name"] for one in after["spec"]["containers"]] == ["app"]
    assert warnings == []


def test_a_classic_sidecar_is_a_container_that_ends_after_the_app() -> None:
    after, _ = patched(pod(), CLASSIC)
    sidecar = after["spec"]["containers"][1]
    assert sidecar["name"] == "sidewatch"
    assert "restartPolicy" not in sidecar
    assert "preStop" in sidecar["lifecycle"]


def test_every_container_gets_the_base_urls_that_it_does_not_set_itself() -> None:
    own = {"name": "OPENAI_BASE_URL", "value": "https://elsewhere"}
    secret = {"name": "OLLAMA_HOST", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    after, _ = patched(
        pod(
            containers=[{"name": "a", "env": [own]}, {"name": "b", "env": [secret]}, {"name": "c"}],
            initContainers=[{"name": "i", "env": [{"name": "X", "value": "1"}]}],
        )
    )
    a, b, c = after["spec"]["containers"]
    assert environment(a) == {"OPENAI_BASE_URL": "https://elsewhere", "OLLAMA_HOST": "http://127.0.0.1:8080"}
    assert b["env"] == [secret, {"name": "OPENAI_BASE_URL", "value": "http://127.0.0.1:8080/v1"}]
    assert environment(c) == {"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1", "OLLAMA_HOST": "http://127.0.0.1:8080"}
    assert environment(after["spec"]["initContainers"][1]) == {
        "X": "1",
        "OPENAI_BASE_URL": "http://127.0.0.1:8080/v1",
        "OLLAMA_HOST": "http://127.0.0.1:8080",
    }


def test_init_containers_are_left_alone_by_a_classic_sidecar_that_is_not_running_yet() -> None:
    after, _ = patched(pod(initContainers=[{"name": "i"}]), CLASSIC)
    assert after["spec"]["initContainers"] == [{"name": "i"}]


def test_the_configuration_travels_in_an_annotation_and_is_mounted_from_there() -> None:
    after, _ = patched(pod({"sidewatch.dev/watchers": "pii, secrets", "sidewatch.dev/config": "log: {text: none}"}))
    config = yaml.safe_load(after["metadata"]["annotations"]["sidewatch.dev/effective-config"])
    assert config == {
        "upstream": "https://api.openai.com",
        "log": {"text": "none"},
        "watchers": {"enabled": ["pii", "secrets"]},
    }
    volume = after["spec"]["volumes"][0]
    assert volume["downwardAPI"]["items"] == [
        {
            "path": "sidewatch.yaml",
            "fieldRef": {"fieldPath": "metadata.annotations['sidewatch.dev/effective-config']"},
        }
    ]


def test_the_pod_may_choose_ports_image_upstream_and_its_own_config_map() -> None:
    after, warnings = patched(
        pod(
            {
                "sidewatch.dev/port": "18080",
                "sidewatch.dev/admin-port": "19090",
                "sidewatch.dev/image": "registry.local/sidewatch:1",
                "sidewatch.dev/upstream": "https://api.anthropic.com",
                "sidewatch.dev/config-map": "mine",
            }
        )
    )
    sidecar = after["spec"]["initContainers"][0]
    assert sidecar["args"] == ["serve", "--listen=127.0.0.1:18080", "--admin=0.0.0.0:19090"]
    assert [one["containerPort"] for one in sidecar["ports"]] == [18080, 19090]
    assert sidecar["image"] == "registry.local/sidewatch:1"
    assert environment(after["spec"]["containers"][0])["OPENAI_BASE_URL"] == "http://127.0.0.1:18080/v1"
    assert after["spec"]["volumes"][0] == {"name": "sidewatch-config", "configMap": {"name": "mine"}}
    assert "https://api.anthropic.com" in after["metadata"]["annotations"]["sidewatch.dev/effective-config"]
    assert warnings == []


def test_patching_twice_changes_nothing() -> None:
    for template in (NATIVE, CLASSIC):
        once, _ = patched(pod(initContainers=[{"name": "i"}]), template)
        assert injection(once, "shop", template) == ([], [])


def test_a_pod_that_did_not_opt_in_is_left_alone() -> None:
    silent = {"metadata": {"name": "app"}, "spec": {"containers": [{"name": "app"}]}}
    assert injection(silent, "shop", NATIVE) == ([], [])
    assert injection(pod({"sidewatch.dev/inject": "false"}), "shop", NATIVE) == ([], [])


def test_a_label_opts_in_and_an_annotation_wins_over_it() -> None:
    labelled = {"metadata": {"labels": {"sidewatch.dev/inject": "true"}}, "spec": {"containers": [{"name": "app"}]}}
    after, _ = patched(labelled)
    assert after["metadata"]["labels"] == {"sidewatch.dev/inject": "true", "sidewatch.dev/scrape": "true"}
    labelled["metadata"]["annotations"] = {"sidewatch.dev/inject": "false"}
    assert injection(labelled, "shop", NATIVE) == ([], [])


@pytest.mark.parametrize(
    ("spec", "namespace", "template", "reason"),
    [
        ({"hostNetwork": True}, "shop", NATIVE, "host's network"),
        ({"os": {"name": "windows"}}, "shop", NATIVE, "Windows"),
        ({"nodeSelector": {"kubernetes.io/os": "windows"}}, "shop", NATIVE, "Windows"),
        ({}, "kube-system", NATIVE, "kube-system is excluded"),
        ({}, "mon", NATIVE, "mon is excluded"),
        ({"restartPolicy": "Never"}, "shop", CLASSIC, "Job from finishing"),
    ],
)
def test_a_pod_that_cannot_have_it_starts_unchanged_with_a_warning(
    spec: dict[str, Any], namespace: str, template: Template, reason: str
) -> None:
    operations, warnings = injection(pod(**spec), namespace, template)
    assert operations == []
    assert len(warnings) == 1
    assert reason in warnings[0]


def test_a_job_gets_a_native_sidecar_which_ends_with_it() -> None:
    after, warnings = patched(pod(restartPolicy="Never"))
    assert after["spec"]["initContainers"][0]["name"] == "sidewatch"
    assert warnings == []


@pytest.mark.parametrize(
    ("annotation", "value", "warning"),
    [
        ("port", "80", "expected a port from 1024 to 65535: the default is used"),
        ("port", "many", "expected a port"),
        ("kind", "magic", "expected native or classic"),
        ("upstream", "api.openai.com", "expected http:// or https://"),
        ("watchers", "pi", "did you mean pii?"),
        ("config", "log: {text: everything}", "log.text"),
        ("resources", "limits: {memory: 64MiB}", "not requests and limits of cpu and memory"),
        ("resources", "limits: 1", "not requests and limits of cpu and memory"),
        ("config", "- a list", "not a YAML mapping"),
        ("config", "{", "not a YAML mapping"),
        ("config", "[" * 20_000, "not a YAML mapping"),
        ("config", "a: &a [x]\ndrift: {options: {b: *a}}", "not a YAML mapping"),
        ("config", "x" * 40_000, "has 40000 characters, expected at most 32768"),
        ("config", "{1: 2}", "1: unknown key"),
        ("resources", "{requests: {memory: 1Gi}, limits: {memory: 600Mi}}", "no request above its limit"),
        ("config-map", "Not a name", "expected the name of a ConfigMap"),
        ("image", "two words", "expected an image"),
        ("containers", "app, nobody", "names nobody, which the pod does not have"),
        ("watcher", "pii", "sidewatch.dev/watcher is no annotation of sidewatch"),
        ("base-urls", "NO_SUCH_URL", "expected some of OPENAI_BASE_URL, OLLAMA_HOST"),
    ],
)
def test_a_wrong_override_is_a_warning_and_the_default_stays(annotation: str, value: str, warning: str) -> None:
    after, warnings = patched(pod({f"sidewatch.dev/{annotation}": value}))
    assert after["spec"]["initContainers"][0]["args"][1] == "--listen=127.0.0.1:8080"
    assert len(warnings) == 1
    assert warning in warnings[0]
    config = yaml.safe_load(after["metadata"]["annotations"]["sidewatch.dev/effective-config"])
    assert config == {"upstream": "https://api.openai.com", "log": {"text": "masked"}}


def test_a_configuration_that_would_not_load_is_not_injected() -> None:
    # A native sidecar that ends at once would keep the app from starting.
    broken = msgspec.structs.replace(NATIVE, config={"upstream": "https://api.openai.com", "watcher": {}})
    operations, warnings = injection(pod(), "shop", broken)
    assert operations == []
    assert len(warnings) == 1
    assert "the chart's configuration cannot be used: watcher" in warnings[0]


def test_ports_that_a_pod_asks_for_and_uses_itself_are_left_to_it() -> None:
    notes = {"sidewatch.dev/port": "3000", "sidewatch.dev/admin-port": "15000"}
    after, warnings = patched(pod(notes, containers=[{"name": "app", "ports": [{"containerPort": 3000}]}]))
    assert after["spec"]["initContainers"][0]["args"] == ["serve", "--listen=127.0.0.1:8080", "--admin=0.0.0.0:15000"]
    assert warnings == ["sidewatch.dev/port is 3000, which the pod uses already: the default is used"]
    _, warnings = patched(pod({"sidewatch.dev/port": "15000", "sidewatch.dev/admin-port": "15000"}))
    assert warnings == ["sidewatch.dev/admin-port is 15000, which the pod uses already: the default is used"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 32_000,
        "{a: " * 8_000,
        "- " * 16_000,
        "? " * 16_000,
        "a: &a [x]\nb: &b [*a,*a]\n" * 900,
        "&a " * 10_000,
        "'" * 32_000,
    ],
    ids=["brackets", "braces", "dashes", "keys", "aliases", "anchors", "quotes"],
)
def test_an_annotation_made_to_be_slow_is_not(text: str) -> None:
    began = time.process_time()
    for key in ("config", "resources"):
        _, warnings = injection(pod({f"sidewatch.dev/{key}": text}), "shop", NATIVE)
        assert "is not" in warnings[0]
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("where", ["containers", "initContainers"])
def test_a_port_that_the_app_declares_is_left_to_it(where: str) -> None:
    box = {"name": "web", "ports": [{"containerPort": 8080}, {"containerPort": 8081}, {"containerPort": 9090}]}
    after, warnings = patched(pod(**{where: [box]}))
    sidecar = after["spec"]["initContainers"][0]
    assert sidecar["args"] == ["serve", "--listen=127.0.0.1:8082", "--admin=0.0.0.0:9091"]
    assert [one["containerPort"] for one in sidecar["ports"]] == [8082, 9091]
    urls = [one for one in after["spec"]["containers"] + after["spec"]["initContainers"] if "env" in one]
    assert all(environment(one)["OLLAMA_HOST"] == "http://127.0.0.1:8082" for one in urls)
    assert warnings == []


def test_resources_are_overridden_as_a_whole() -> None:
    after, warnings = patched(pod({"sidewatch.dev/resources": "limits: {cpu: 1, memory: 512Mi}"}))
    assert after["spec"]["initContainers"][0]["resources"] == {"limits": {"cpu": "1", "memory": "512Mi"}}
    assert warnings == []


def test_variables_can_be_chosen_or_refused() -> None:
    after, _ = patched(pod({"sidewatch.dev/base-urls": "OLLAMA_HOST"}))
    assert environment(after["spec"]["containers"][0]) == {"OLLAMA_HOST": "http://127.0.0.1:8080"}
    after, _ = patched(pod({"sidewatch.dev/base-urls": "none"}))
    assert after["spec"]["containers"] == [{"name": "app"}]


def test_only_the_named_containers_get_variables() -> None:
    after, _ = patched(pod({"sidewatch.dev/containers": "b"}, containers=[{"name": "a"}, {"name": "b"}]))
    assert "env" not in after["spec"]["containers"][0]
    assert set(environment(after["spec"]["containers"][1])) == {"OPENAI_BASE_URL", "OLLAMA_HOST"}


def test_env_from_is_overridden_only_with_a_word_about_it() -> None:
    _, warnings = patched(pod(containers=[{"name": "app", "envFrom": [{"secretRef": {"name": "keys"}}]}]))
    assert len(warnings) == 1
    assert "container app: a base URL that comes from envFrom is overridden" in warnings[0]


def test_a_pod_without_metadata_maps_and_without_volumes_is_patched() -> None:
    bare = {
        "metadata": {"labels": {"sidewatch.dev/inject": "true"}},
        "spec": {"containers": [{"name": "app", "env": []}]},
    }
    after, _ = patched(bare)
    assert [one["name"] for one in after["spec"]["volumes"]] == ["sidewatch-config", "sidewatch-tmp"]
