"""Configured labels, from headers and from JSON paths."""

import gzip
from dataclasses import replace

import pytest

from sidecar.observer.labels import Labels, maybe_at, path_steps
from sidecar.settings import Label
from sidecar.wire.capture import Body
from tests.observer.traffic import answer, capture, chat

TENANT = Label(name="tenant", header="x-TENANT")
APP = Label(name="app", json_path="metadata.app", default="none")
USER = Label(name="user", json_path="$.user", hashed=True)


def test_labels_come_from_headers_and_the_request_body() -> None:
    request = chat(("user", "hi"), metadata={"app": "shop"}, user="bob@example.com")
    found = Labels([TENANT, APP, USER], 1_000_000).read(capture(request, answer("hello")))
    assert found == {"tenant": "acme", "app": "shop", "user": "272b51548a7d3d9f"}


def test_a_header_comes_before_the_body() -> None:
    both = Label(name="tenant", header="X-Tenant", json_path="tenant")
    assert Labels([both], 1_000).read(capture(chat(tenant="other"), b"")) == {"tenant": "acme"}


@pytest.mark.parametrize(
    "request_body", [b"", b"not json", b"[1]", chat(), chat(metadata=7), chat(metadata={"app": {}})]
)
def test_without_a_value_the_default_holds(request_body: bytes) -> None:
    assert Labels([APP], 1_000_000).read(capture(request_body, b"")) == {"app": "none"}


def test_a_compressed_body_is_read_and_so_is_one_kept_in_part() -> None:
    packed = gzip.compress(chat(metadata={"app": "shop"}))
    headers = (("Content-Encoding", "gzip"),)
    labels = Labels([APP], 1_000_000)
    assert labels.read(capture(packed, b"", request_headers=headers)) == {"app": "shop"}
    whole = chat(metadata={"app": "shop"}, note="x" * 1_000)
    cut = Body(whole[:-100], size=10_000)
    assert labels.read(replace(capture(b"", b""), request=cut)) == {"app": "shop"}


def test_no_configured_label_reads_nothing() -> None:
    assert Labels([], 1_000).read(capture(chat(), b"")) == {}


def test_long_values_are_cut() -> None:
    request = capture(b"", b"", request_headers=(("X-Tenant", "t" * 1_000),))
    assert len(Labels([TENANT], 1_000).read(request)["tenant"]) == 256


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b", "1"),
        ("list[1].x", "deep"),
        ("$.flag", "true"),
        ("list[9].x", None),
        ("a.b.c", None),
        ("list.x", None),
        ("a[0]", None),
    ],
)
def test_paths(path: str, expected: str | None) -> None:
    body = {"a": {"b": 1}, "list": [{}, {"x": "deep"}], "flag": True}
    assert maybe_at(body, path_steps(path)) == expected
