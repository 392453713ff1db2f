"""boto3 with Bedrock: signatures hold for the name that the request was signed for, or with the client's Host kept."""

from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config

from tests.e2e import signature
from tests.e2e.server import Provider
from tests.e2e.watched import Both, Sidewatch

TEXT = 'Héllo, wörld! 你好 🌍 "q"\n— e\u0301 done.'
MODEL = "anthropic.claude-3-5-sonnet-20240620-v1:0"
ASK: Any = {
    "modelId": MODEL,
    "system": [{"text": "Be terse."}],
    "messages": [{"role": "user", "content": [{"text": "Hallo"}]}],
}
TOOLS: Any = {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": {"type": "object"}}}}]}


def client(endpoint: str, through: str | None = None) -> Any:
    """Return a client that signs for `endpoint` and connects to it, or to `through`."""
    made = boto3.client(
        "bedrock-runtime",
        endpoint_url=endpoint,
        region_name=signature.REGION,
        aws_access_key_id=signature.KEY,
        aws_secret_access_key=signature.SECRET,
        config=Config(retries={"total_max_attempts": 1}),
    )

    def reroute(request: AWSPreparedRequest, **_: Any) -> None:
        request.headers["Host"] = urlsplit(endpoint).netloc
        request.url = request.url.replace(endpoint, through or endpoint)

    made.meta.events.register("before-send.bedrock-runtime.*", reroute)
    return made


@pytest.fixture
def endpoint(provider: Provider) -> str:
    return f"http://localhost:{provider.port}"


def test_converse_signed_for_the_upstream(both: Both, endpoint: str) -> None:
    call = both(lambda url: client(endpoint, url).converse(**ASK))
    (served,) = call.served
    assert signature.verify(served.request)
    assert served.request.target == "/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse"
    assert call.result["output"]["message"]["content"] == [{"text": TEXT}]
    line = call.line
    assert (line["format"], line["provider"], line["request_model"]) == ("bedrock-converse", "aws.bedrock", MODEL)
    assert (call.completion, line["finish_reasons"]) == (TEXT, ["end_turn"])
    assert line["usage"] == {"source": "provider", "input": 56, "output": 14}
    assert signature.KEY not in str(line)


def test_converse_with_the_clients_host_kept(provider: Provider, keeping_host: Sidewatch) -> None:
    call = Both(provider, keeping_host)(lambda url: client(url).converse(**ASK)["output"])
    (served,) = call.served
    assert signature.verify(served.request)
    assert served.request.header("host") == f"127.0.0.1:{keeping_host.tap.port}"
    assert call.line["route"] == "bedrock"


def test_another_host_breaks_the_signature(both: Both) -> None:
    """What the options are for: signed for the proxy's own name, and sent on with the upstream's."""
    (served,) = both(lambda url: client(url).converse(**ASK)["output"]).served
    assert not signature.verify(served.request)


def test_streamed_converse_with_tools(both: Both, endpoint: str) -> None:
    def stream(url: str) -> Any:
        return list(client(endpoint, url).converse_stream(**ASK, toolConfig=TOOLS)["stream"])

    call = both(stream)
    assert call.result[0] == {"messageStart": {"role": "assistant"}}
    assert signature.verify(call.served[0].request)
    assert call.line["tool_calls"] == ["get_weather", "get_time"]
    assert (call.line["stream"], call.line["complete"], call.line["finish_reasons"]) == (True, True, ["tool_use"])
    assert call.line["usage"] == {"source": "provider", "input": 56, "output": 32}


def test_invoke_model_stream(both: Both, endpoint: str) -> None:
    def stream(url: str) -> Any:
        body = (
            '{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hallo"}]}'
        )
        answer = client(endpoint, url).invoke_model_with_response_stream(modelId=MODEL, body=body)
        return [event["chunk"]["bytes"] for event in answer["body"]]

    call = both(stream)
    assert len(call.result) == 6
    assert (call.line["format"], call.completion) == ("bedrock-invoke", "Grüezi!")
    assert call.line["usage"] == {"source": "provider", "input": 5, "output": 3}


def test_exception_in_a_stream(both: Both, endpoint: str) -> None:
    ask = {**ASK, "modelId": "amazon.throttled-v1:0"}
    call = both.refused(lambda url: list(client(endpoint, url).converse_stream(**ask)["stream"]))
    assert call.result[0] == "EventStreamError"
    assert (call.line["error_type"], call.line["complete"]) == ("throttlingException", False)
