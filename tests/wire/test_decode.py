"""The one entry: times, providers, cut and odd captures, and what it never does: raise."""

import gzip
import json
import zlib

import pytest

from sidecar.wire import decode as decode_module
from sidecar.wire.capture import Body, Capture, Ending
from sidecar.wire.decode import decode
from sidecar.wire.decoder import Decoder
from sidecar.wire.exchange import Operation, ProviderError, Timings

ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def delta(text):
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def test_each_event_has_the_time_of_the_chunk_that_completed_it(capture_of, sse):
    stream = sse(delta("a"), delta("b"), delta("c"))
    first = stream.index(b"\n\n") + 2
    pieces = [stream[: first - 1], stream[first - 1 : first + 5], stream[first + 5 :]]
    exchange = decode(capture_of(pieces, ASK))
    assert exchange.timings == Timings(100.0, 1.0, 2.0, (2.0, 3.0, 3.0))


def test_times_go_through_compression(capture_of, sse):
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(sse(delta(text), done=False)) + packer.flush(zlib.Z_SYNC_FLUSH) for text in "abc"]
    pieces.append(packer.compress(sse(done=True)) + packer.flush())
    exchange = decode(capture_of(pieces, ASK, response_headers=(("Content-Encoding", "gzip"),)))
    assert exchange.timings.output_chunk_seconds == (1.0, 2.0, 3.0)
    assert exchange.choices[0].text == "abc"
    assert exchange.complete


def test_a_whole_answer_has_no_token_times(capture_of):
    exchange = decode(capture_of([b'{"choices": [{"message"', b': {"content": "x"}}]}'], ASK))
    assert exchange.timings == Timings(100.0, 1.0, None, ())


def test_times_without_a_body_are_those_of_the_head():
    capture = Capture(
        "1", "r", "POST", "/v1/chat/completions", status=200, response_head_seconds=0.5, ended_seconds=2.0
    )
    assert decode(capture).timings == Timings(2.0, 0.5)


def test_output_times_are_bounded(capture_of, sse):
    exchange = decode(capture_of(sse(*(delta("x") for _ in range(9000))), ASK))
    assert len(exchange.timings.output_chunk_seconds) == 8192
    assert len(exchange.choices[0].text) == 9000


def test_a_compressed_request_is_read(capture_of):
    request = gzip.compress(json.dumps(ASK).encode())
    exchange = decode(capture_of(b"{}", request, request_headers=(("content-encoding", "gzip"),)))
    assert exchange.messages[0].text == "hi"


def test_who_answers(capture_of):
    capture = capture_of(b'{"x_groq": {}}', ASK)
    assert decode(capture).provider == "groq"
    assert decode(capture, upstream_host="api.mistral.ai").provider == "mistral_ai"
    assert decode(capture, upstream_host="gateway.internal:8080").provider == "groq"
    assert decode(capture, upstream_host="api.mistral.ai", provider="mine").provider == "mine"
    assert decode(capture_of(b"{}", ASK)).provider == "openai"


def test_request_ids(capture_of):
    headers = (("X-Amzn-RequestId", "a"), ("X-Request-ID", "x"))
    assert decode(capture_of(b"{}", ASK, response_headers=headers)).request_id == "x"
    assert decode(capture_of(b"{}", ASK)).request_id is None


@pytest.mark.parametrize("ending", [ending for ending in Ending if ending is not Ending.COMPLETE])
def test_what_was_cut_is_not_complete(ending, capture_of):
    exchange = decode(capture_of(b'{"choices": [{"message": {"content": "half of', ASK, ending=ending))
    assert not exchange.complete
    assert exchange.choices[0].text == "half of"
    assert exchange.decode_error is None


def test_no_answer_at_all(capture_of):
    exchange = decode(capture_of(b"", ASK | {"stream": True}, status=None, ending=Ending.CLIENT_GONE))
    assert (exchange.stream, exchange.choices, exchange.error, exchange.decode_error) == (True, (), None, None)
    assert exchange.messages[0].text == "hi"


def test_the_proxys_own_answer_is_an_error(capture_of):
    body = b'{"error": {"type": "sidewatch_upstream_unreachable", "message": "no connection"}}'
    exchange = decode(capture_of(body, ASK, status=502, ending=Ending.UPSTREAM_UNREACHABLE))
    assert exchange.error == ProviderError("sidewatch_upstream_unreachable", "no connection")


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (b'{"choices": [{"message": {"content": "x"}}], oops}', "bad_json"),
        (b"<html>hello</html>", "not_json"),
        (b'data: {"choices": []}\n\ndata: nope\n\ndata: [DONE]\n\n', "bad_event"),
    ],
)
def test_malformed_answers_say_why(response, reason, capture_of):
    exchange = decode(capture_of(response, ASK))
    assert exchange.decode_error == reason
    assert exchange.messages[0].text == "hi"


def test_malformed_requests_say_why(capture_of):
    exchange = decode(capture_of(b"{}", b'{"messages": [{"role": "user", "content": "hi"}], nope'))
    assert exchange.decode_error == "bad_json"
    assert exchange.messages[0].text == "hi"


def test_a_long_request_keeps_its_first_and_last_messages(capture_of, body_of):
    messages = [{"role": "user", "content": f"message {n} " + "x" * 200} for n in range(200)]
    data = json.dumps({"model": "m", "messages": messages, "temperature": 0}).encode()
    for at in range(600, 900, 7):
        body = body_of([data[:at]], tail=data[-3000:], size=len(data))
        exchange = decode(capture_of(b"{}", body))
        texts = [message.text for message in exchange.messages]
        assert texts[0].startswith("message 0 ")
        assert texts[-1].startswith("message 199 ")
        assert len(texts) > 12
        assert exchange.parameters == (("temperature", "0"),)
        assert not exchange.complete
        assert exchange.decode_error is None


def test_a_huge_image_in_a_long_request_leaves_its_text(capture_of, body_of):
    content = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}},
        {"type": "text", "text": "What is this?"},
    ]
    data = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode()
    exchange = decode(capture_of(b"{}", body_of([data[:5000]], tail=data[-2000:], size=len(data))))
    assert exchange.messages[0].text == "What is this?"
    assert exchange.messages[0].media[0].mime_type == "image/png"


def test_a_decompression_bomb_is_data(capture_of):
    bomb = gzip.compress(b'{"choices": [{"message": {"content": "' + b"x" * 50_000_000)
    exchange = decode(
        capture_of(bomb, ASK, response_headers=(("content-encoding", "gzip"),)), max_decoded_bytes=1_000_000
    )
    assert exchange.decode_error == "too_large"
    assert not exchange.complete
    assert len(exchange.choices[0].text) < 1_000_000


def test_too_many_events_are_given_up(capture_of):
    exchange = decode(capture_of(b"data:{}\n\n" * 140_000, ASK))
    assert exchange.decode_error == "too_many_events"


class Broken(Decoder):
    name = "broken"
    operation = Operation.CHAT

    def request(self, body):
        self.exchange.request_model = "m"

    def response(self, body):
        raise RuntimeError


def test_a_failing_decoder_is_noticed_by_nobody(capture_of, monkeypatch):
    monkeypatch.setitem(decode_module.FORMATS, "broken", Broken)
    exchange = decode(capture_of(b"{}", ASK), hint="broken")
    assert (exchange.request_model, exchange.decode_error) == ("m", "decoder_failed")


def test_a_capture_that_makes_no_sense_is_data():
    capture = Capture("1", "r", "POST", "/v1/chat/completions", request=Body(b"{}", b"", 2), status="?")  # type: ignore[arg-type]
    assert decode(capture).decode_error == "decoder_failed"


def test_queries_and_repeated_headers_are_read(capture_of):
    seen = {}

    class Looking(Decoder):
        name = "looking"

        def request(self, body):
            seen["query"] = dict(self.call.query)
            seen["headers"] = dict(self.call.response_headers)

    decode_module.FORMATS["looking"] = Looking
    try:
        headers = (("X-A", "1"), ("x-a", "2"), ("Content-Encoding", "identity"))
        decode(capture_of(b"{}", {}, target="/x?a=1&a=%2F&b&=&c=+d", response_headers=headers), hint="looking")
    finally:
        del decode_module.FORMATS["looking"]
    assert seen == {
        "query": {"a": "/", "b": "", "c": " d"},
        "headers": {"x-a": "1,2", "content-encoding": "identity"},
    }
