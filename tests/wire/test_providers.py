"""Who answers, by host, path and body."""

import pytest

from sidecar.wire import providers


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("API.OpenAI.com:443", "openai"),
        ("eu.api.openai.com.", "openai"),
        ("my-resource.openai.azure.com", "azure.ai.openai"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("s3.us-east-1.amazonaws.com", None),
        ("us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("api.x.ai", "x_ai"),
        ("fox.ai", None),
        ("not-cohere.com", None),
        ("localhost:11434", None),
        ("10.0.0.1", None),
        ("", None),
        (None, None),
    ],
)
def test_by_host(host, provider):
    assert providers.of_host(host) == provider


@pytest.mark.parametrize(
    ("path", "provider"),
    [
        ("/openai/deployments/gpt/chat/completions", "azure.ai.openai"),
        ("/v1/projects/p/locations/l/publishers/google/models/g:generateContent", "gcp.vertex_ai"),
        ("/model/anthropic.claude%3A0/converse-stream", "aws.bedrock"),
        ("/v1/chat/completions", None),
    ],
)
def test_by_path(path, provider):
    assert providers.of_path(path) == provider


def test_by_marks_in_the_body():
    assert providers.of_body({"x_groq": {"id": "r"}}) == "groq"
    assert providers.of_body({"system_fingerprint": "fp_ollama"}) == "ollama"
    for body in ({}, None, [], "x", {"system_fingerprint": ["fp_ollama"]}):
        assert providers.of_body(body) is None


@pytest.mark.parametrize(
    ("path", "provider"),
    [("/openai/v1/chat/completions", "azure.ai.openai"), ("/models/chat/completions", "azure.ai.inference")],
)
def test_azure_marks_its_answers(path, provider):
    assert providers.of_headers(path, {"apim-request-id": "1"}) == provider
    assert providers.of_headers(path, {"x-request-id": "1"}) is None


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("bedrock-runtime-fips.us-east-1.amazonaws.com", "aws.bedrock"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "aws.bedrock"),
        ("vpce-1-a.bedrock-runtime.us-east-1.vpce.amazonaws.com", "aws.bedrock"),
        ("bedrock-mantle.us-east-1.api.aws", "aws.bedrock"),
        ("bedrock-runtime.us-east-1.amazonaws.com.evil.example", None),
        ("s3.us-east-1.amazonaws.com", None),
    ],
)
def test_hosts_of_bedrock(host, provider):
    assert providers.of_host(host) == provider
