"""Known calls that generate nothing."""

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Operation, ProviderError


@pytest.mark.parametrize(
    ("method", "target", "response"),
    [
        ("GET", "/v1/models", b'{"object": "list", "data": [{"id": "gpt"}]}'),
        ("GET", "/health", b""),
        ("GET", "/metrics", b"# HELP vllm:x y\nvllm:x 1\n"),
        ("GET", "/v1/files/f_1/content", b'{"a": 1}\n{"b": 2}\n'),
        ("POST", "/api/pull", b'{"status": "pulling"}\n{"status": "success"}\n'),
        ("DELETE", "/v1/files/f_1", b'{"deleted": true}'),
    ],
)
def test_answers_are_passed_over(method, target, response, capture_of):
    exchange = decode(capture_of(response, b"", method=method, target=target))
    assert (exchange.format, exchange.operation) == ("auxiliary", Operation.OTHER)
    assert exchange.text_found == ()
    assert exchange.choices == ()
    assert exchange.decode_error is None


def test_texts_that_are_sent_are_found(capture_of):
    request = {"model": "rerank-3", "query": "best cat", "documents": ["a dog", "a cat"]}
    exchange = decode(capture_of(b'{"results": []}', request, target="/v2/rerank"))
    assert exchange.text_found == ("best cat", "a dog", "a cat")
    assert exchange.request_model == "rerank-3"


def test_errors_are_kept(capture_of):
    exchange = decode(capture_of(b'{"error": {"type": "t", "message": "m"}}', b"", target="/v1/models", status=401))
    assert exchange.error == ProviderError("t", "m")
