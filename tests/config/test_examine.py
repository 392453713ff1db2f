"""A configuration that another machine will load: every mistake but those of files."""

from typing import Any

import pytest

from sidecar.config import examine

OK: dict[str, Any] = {"upstream": "https://api.openai.com"}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"prices": {"file": "/etc/sidewatch/prices/prices.yaml"}},
        {"drift": {"reference": "/etc/sidewatch/drift/reference.json"}},
        {"watchers": {"pack": "/packs/own", "enabled": ["pii"]}},
        {"observer": {"memory_limit_bytes": "768MiB"}},
        {"routes": [{"name": "a", "prefix": "/a", "upstream": "https://a", "tls": {"ca_file": "/etc/ca.crt"}}]},
        {
            "routes": [
                {"name": "a", "prefix": "/a", "upstream": "https://a", "add_request_headers": {"X-Key": "${KEY}"}}
            ]
        },
    ],
)
def test_files_and_variables_of_the_other_machine_are_no_mistake(more: dict[str, Any]) -> None:
    assert examine(OK | more) == []


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({}, "upstream: not set"),
        ({"upstream": "api.openai.com"}, "expected http:// or https://"),
        (OK | {"wachers": {}}, "wachers"),
        (OK | {"watchers": {"enabled": ["pi"]}}, "did you mean pii"),
        (OK | {"workers": "many"}, "workers"),
        (OK | {"log": "none"}, "log"),
    ],
)
def test_every_other_mistake_is_told(tree: dict[str, Any], message: str) -> None:
    assert message in " ".join(str(problem) for problem in examine(tree))
