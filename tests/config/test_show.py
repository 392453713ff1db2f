"""What is shown of a configuration."""

import yaml

from sidecar.config import load
from sidecar.config.show import to_yaml

ROUTE = (
    '[{name: a, upstream: "https://x.example", proxy: "http://me:hunter2@proxy:3128",'
    ' add_request_headers: {Authorization: "Bearer hunter2"}, tls: {key_file: /dev/null, cert_file: /dev/null}}]'
)


def shown() -> str:
    environ = {
        "SIDEWATCH_ROUTES": ROUTE.replace("/dev/null", __file__),
        "SIDEWATCH_DRIFT__REFERENCE": "https://me:hunter2@files.example/ref?sig=hunter2",
        "SIDEWATCH_WATCHERS__SETTINGS__JUDGE__TYPE": "pii",
        "SIDEWATCH_WATCHERS__SETTINGS__JUDGE__OPTIONS": "{api_key: hunter2, url: 'https://t:hunter2@j.example/v1'}",
    }
    return to_yaml(load(None, environ))


def test_secrets_are_hidden() -> None:
    text = shown()
    assert "hunter2" not in text
    tree = yaml.safe_load(text)
    assert tree["routes"][0]["add_request_headers"] == {"Authorization": "[hidden]"}
    assert tree["routes"][0]["proxy"] == "http://[hidden]@proxy:3128"
    assert tree["drift"]["reference"] == "https://[hidden]@files.example/ref?[hidden]"
    assert tree["watchers"]["settings"]["judge"]["options"]["url"] == "https://[hidden]@j.example/v1"


def test_everything_else_is_shown_with_defaults() -> None:
    tree = yaml.safe_load(shown())
    assert tree["routes"][0]["tls"]["key_file"] == __file__
    assert tree["capture"]["queue_bytes"] == 33_554_432
    assert tree["listen"] == "127.0.0.1:8080"
