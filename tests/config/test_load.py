"""File, environment and flags become settings."""

from pathlib import Path

import pytest

from sidecar.config import load
from sidecar.settings import BUILT_IN_WATCHERS, OPTIONAL_WATCHERS, Settings
from watchers.registry import FACTORIES

UPSTREAM = ("upstream", "https://api.example.com", "--upstream")


def from_file(text: str, tmp_path: Path, **environ: str) -> Settings:
    file = tmp_path / "sidewatch.yaml"
    file.write_text(text)
    return load(str(file), environ, [UPSTREAM])


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "sidewatch.yaml"
    file.write_text("workers: 2\nlog: {text: none, text_chars: 9}\nlisten: 127.0.0.1:1\n")
    environ = {"SIDEWATCH_LISTEN": "127.0.0.1:2", "SIDEWATCH_LOG__TEXT": "raw"}
    settings = load(str(file), environ, [UPSTREAM, ("listen", "127.0.0.1:3", "--listen")])
    assert (settings.workers, settings.log.text, settings.log.text_chars) == (2, "raw", 9)
    assert (settings.listen, settings.admin) == ("127.0.0.1:3", "127.0.0.1:9090")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("65536", 65_536),
        ("64KiB", 65_536),
        ("64Ki", 65_536),
        ("1 MiB", 1_048_576),
        ("1.5GiB", 1_610_612_736),
        ("10MB", 10_000_000),
        ("7b", 7),
        ("2g", 2_147_483_648),
    ],
)
def test_sizes_have_units(text: str, expected: int, tmp_path: Path) -> None:
    assert from_file(f"capture: {{queue_bytes: {text}}}", tmp_path).capture.queue_bytes == expected
    assert from_file("", tmp_path, SIDEWATCH_CAPTURE__QUEUE_BYTES=text).capture.queue_bytes == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", 30.0),
        ("0.5", 0.5),
        ("30s", 30.0),
        ("250ms", 0.25),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1d", 86_400.0),
        ("1h 30m", 5400.0),
    ],
)
def test_durations_have_units(text: str, expected: float, tmp_path: Path) -> None:
    assert from_file(f"limits: {{grace_seconds: {text}}}", tmp_path).limits.grace_seconds == expected
    assert from_file("", tmp_path, SIDEWATCH_LIMITS__GRACE_SECONDS=text).limits.grace_seconds == expected


def test_no_limit_is_null(tmp_path: Path) -> None:
    text = "routes: [{name: a, prefix: /a, upstream: 'https://x.example', timeouts: {idle_seconds: null}}]"
    assert from_file(text, tmp_path).routes[0].timeouts.idle_seconds is None


def test_an_empty_section_is_its_defaults(tmp_path: Path) -> None:
    assert from_file("capture:\nlog:\n", tmp_path) == from_file("", tmp_path)


def test_environment_reads_lists_mappings_and_booleans(tmp_path: Path) -> None:
    settings = from_file(
        "",
        tmp_path,
        SIDEWATCH_WATCHERS__ENABLED="pii, secrets",
        SIDEWATCH_WATCHERS__SETTINGS__PII__THRESHOLDS__EMAIL="0.25",
        SIDEWATCH_OBSERVER__ENABLED="false",
        SIDEWATCH_ROUTES='[{name: b, prefix: /b, upstream: "https://b.example"}]',
        SIDEWATCH_DRIFT__DIRECTORY="8080",
        SIDEWATCH_CONFIG="ignored",
    )
    assert settings.watchers.enabled == ["pii", "secrets"]
    assert settings.watchers.settings["pii"].thresholds == {"email": 0.25}
    assert settings.observer.enabled is False
    assert settings.routes[0].upstream == "https://b.example"
    assert settings.drift.directory == "8080"


def test_the_variables_kubernetes_sets_for_a_service_called_sidewatch_are_no_settings(tmp_path: Path) -> None:
    service = {
        "SIDEWATCH_SERVICE_HOST": "10.0.0.1",
        "SIDEWATCH_SERVICE_PORT": "80",
        "SIDEWATCH_SERVICE_PORT_HTTP": "80",
        "SIDEWATCH_PORT": "tcp://10.0.0.1:80",
        "SIDEWATCH_PORT_80_TCP_ADDR": "10.0.0.1",
        "SIDEWATCH_GATEWAY_SERVICE_HOST": "10.0.0.2",
    }
    assert from_file("", tmp_path, **service) == from_file("", tmp_path)


def test_variables_in_the_file_are_replaced_and_dollars_can_be_kept(tmp_path: Path) -> None:
    text = (
        "routes:\n- name: a\n  prefix: /a\n  upstream: https://x.example\n"
        "  add_request_headers: {Authorization: 'Bearer ${TOKEN}', X-Price: '$$5', X-Plain: '$5'}\n"
    )
    headers = from_file(text, tmp_path, TOKEN="t0k").routes[0].add_request_headers
    assert headers == {"Authorization": "Bearer t0k", "X-Price": "$5", "X-Plain": "$5"}


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    text = (
        "routes:\n- &a {name: a, prefix: /a, upstream: 'https://x.example', keep_host: true}\n"
        "- {<<: *a, name: b, prefix: /b}\n"
    )
    second = from_file(text, tmp_path).routes[1]
    assert (second.name, second.prefix, second.keep_host) == ("b", "/b", True)


def test_the_names_that_are_known_are_those_that_can_be_built() -> None:
    types_only = {"onnx"}  # nothing without the options of a watcher with a name of its own
    assert {*BUILT_IN_WATCHERS, *OPTIONAL_WATCHERS} == set(FACTORIES) - types_only
