"""Embeddings and moderations."""

import json

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Media, Message, Operation, ProviderError, Role, Usage, UsageSource


@pytest.fixture
def decoded(capture_of):
    return lambda request, response, target, **more: decode(
        capture_of(json.dumps(response).encode(), request, target=target, **more)
    )


@pytest.mark.parametrize("embedding", [[0.1, -0.2], "AACAPwAAAEA="])
def test_embeddings(embedding, decoded):
    response = {
        "object": "list",
        "model": "e1",
        "data": [{"index": 0, "embedding": embedding}],
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }
    request = {"model": "e", "input": ["first", "second"], "encoding_format": "base64", "dimensions": 2}
    exchange = decoded(request, response, "/v1/embeddings")
    assert exchange.operation is Operation.EMBEDDINGS
    assert exchange.messages == (Message(Role.USER, "first"), Message(Role.USER, "second"))
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=5)
    assert (exchange.request_model, exchange.response_model) == ("e", "e1")
    assert exchange.parameters == (("dimensions", "2"), ("encoding_format", '"base64"'))
    assert exchange.choices == ()


def test_an_embedding_of_an_azure_deployment(decoded):
    exchange = decoded({"input": "x"}, {}, "/openai/deployments/ada/embeddings?api-version=1")
    assert (exchange.request_model, exchange.provider) == ("ada", "azure.ai.openai")


@pytest.mark.parametrize("value", [[1, 2], [[1], [2]], None, 7, {"a": 1}, []])
def test_inputs_without_text(value, decoded):
    exchange = decoded({"model": "e", "input": value}, {"data": None, "usage": []}, "/v1/embeddings")
    assert exchange.messages == ()
    assert exchange.decode_error is None


def test_moderations(decoded):
    request = {"model": "omni", "input": [
        {"type": "text", "text": "judge "}, {"type": "image_url", "image_url": {"url": "https://x"}}]}  # fmt: skip
    exchange = decoded(request, {"id": "modr-1", "model": "omni-1", "results": [{"flagged": True}]}, "/v1/moderations")
    assert exchange.operation is Operation.MODERATION
    assert exchange.messages == (Message(Role.USER, "judge "), Message(Role.USER, media=(Media("image"),)))
    assert exchange.response_id == "modr-1"


def test_moderation_of_a_chat(decoded):
    request = {"model": "mistral-moderation", "input": [{"role": "user", "content": "judge this"}]}
    assert decoded(request, {}, "/v1/chat/moderations").messages == (Message(Role.USER, "judge this"),)


def test_an_error(decoded):
    body = {"error": {"type": "invalid_request_error", "message": "m"}}
    exchange = decoded({"input": "x"}, body, "/v1/embeddings", status=400)
    assert exchange.error == ProviderError("invalid_request_error", "m")
