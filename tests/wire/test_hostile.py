"""Hostile input to every format: never an exception, never unbounded time, never a string that cannot be encoded."""

import gzip
import json
import random
import time

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.wire.capture import Ending
from sidecar.wire.decode import FORMATS, decode
from sidecar.wire.exchange import Exchange

NAMES = sorted(name for name in FORMATS if name)
QUICK = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

# Words of all formats, so that generated documents reach into the decoders.
_KEYS = """
    model messages role content text type choices delta message index finish_reason usage tool_calls function name
    arguments id error output input tools parts candidates contents response item status logprobs done data body
    prompt_tokens input_tokens usageMetadata functionCall args output_index system instructions session source base64
    content_block content_block_delta generation results outputText toolUse contentBlockDelta token details url bytes
    generated_text meta_info message_start event_type chat_history inputs sampling_params promptFeedback image_url
    reasoning_content audio media_type thinking input_json_delta partial_json
"""
_WORDS = """
    user assistant system tool text message function_call tool_use response.completed response.output_text.delta
    message_start content_block_delta text_delta input_json_delta error response.create session.update
    conversation.item.create data:image/png;base64,AAAA é
"""
KEYS = st.sampled_from(_KEYS.split())
WORDS = st.sampled_from([*_WORDS.split(), "\ud83d"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)
OBJECTS = st.dictionaries(KEYS, DOCUMENTS, max_size=8)
FRAMINGS = st.sampled_from(["json", "sse", "lines", "array", "raw"])


def framed(framing: str, documents: list) -> bytes:
    texts = [json.dumps(document) for document in documents]
    if framing == "sse":
        return "".join(f"event: {text[:5]}\ndata: {text}\n\n" for text in texts).encode()
    if framing == "lines":
        return "\n".join(texts).encode()
    return (texts[0] if framing == "json" and texts else json.dumps(documents)).encode()


def check(exchange: Exchange) -> None:
    assert isinstance(exchange, Exchange)
    assert exchange.decode_error != "decoder_failed"
    orjson.dumps(exchange)  # no lone surrogate is left


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(head=st.binary(max_size=200), tail=st.binary(max_size=60), size=st.integers(0, 500), upgraded=st.booleans())
def test_any_bytes(name, head, tail, size, upgraded, capture_of, body_of):
    body = body_of([head], tail=tail, size=max(size, len(head) + len(tail)))
    check(decode(capture_of(body, body, upgraded=upgraded), hint=name))


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(
    request_body=OBJECTS,
    documents=st.lists(OBJECTS, min_size=1, max_size=5),
    framing=FRAMINGS,
    status=st.sampled_from([200, 400]),
)
def test_any_documents(name, request_body, documents, framing, status, capture_of):
    response = framed(framing, documents)
    check(decode(capture_of(response, json.dumps(request_body).encode(), status=status), hint=name))


@pytest.mark.parametrize("name", ["openai-realtime", "openai-responses", "gemini-live", "openai-chat"])
@QUICK
@given(client=st.lists(OBJECTS, max_size=4), server=st.lists(OBJECTS, max_size=4))
def test_any_web_socket_messages(name, client, server, capture_of):
    def frames(documents):
        datas = [json.dumps(document).encode() for document in documents]
        return b"".join(b"\x81\x7e" + len(data).to_bytes(2, "big") + data for data in datas)

    check(decode(capture_of(frames(server), frames(client), status=101, upgraded=True), hint=name))


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with a few bytes changed, doubled, left out or moved."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(out) + 1)
        match chance.randrange(4):
            case 0:
                out[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del out[at : at + chance.randint(1, 30)]
            case 2:
                out[at:at] = out[at : at + chance.randint(1, 60)]
            case _:
                out[at:at] = chance.choice([b'"', b"{", b"}", b"null", b"\n\n", b"\xff", b"\\ud83d", b"[DONE]", b"\r"])
    return bytes(out)


def test_mutations_of_recorded_exchanges(golden, capture_of):
    chance = random.Random(golden.name)
    for _ in range(60):
        response, request = mutated(golden.response, chance), mutated(golden.request, chance)
        check(decode(capture_of(response, request, target=golden.meta["target"], ending=chance.choice(list(Ending)))))


def test_recorded_exchanges_with_a_hole(golden, capture_of, body_of):
    chance = random.Random(golden.name)
    for _ in range(60):
        at, back = chance.randrange(len(golden.response)), chance.randrange(1, 300)
        body = body_of([golden.response[:at]], tail=golden.response[-back:], size=len(golden.response) + 1000)
        exchange = decode(capture_of(body, golden.request, target=golden.meta["target"]))
        check(exchange)
        assert not exchange.complete


def test_packed_rubbish(golden, capture_of):
    chance = random.Random(golden.name)
    packed = mutated(gzip.compress(golden.response), chance)
    for encoding in ("gzip", "br", "zstd", "deflate", "gzip, br", "x"):
        headers = (("Content-Encoding", encoding),)
        check(decode(capture_of(packed, golden.request, target=golden.meta["target"], response_headers=headers)))


SIZE = 200_000
CALL = b'data:{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"%s"}}]}}]}\n\n'
HOSTILE = {
    "brackets": b"[" * SIZE,
    "objects": b'{"a":' * (SIZE // 5),
    "array of objects": b"[" + b"{}," * (SIZE // 3),
    "one line": b"data: " + b"x" * SIZE,
    "data lines": b"data:x\n" * (SIZE // 7),
    "tiny events": b"data:{}\n\n" * (SIZE // 9),
    "carriage returns": b"data:{}\r\r" * (SIZE // 9),
    "comments": b":" + b"\n:" * (SIZE // 2),
    "lines": b"{}\n" * (SIZE // 3),
    "blank": b" " * SIZE,
    "newlines": b"\n" * SIZE,
    "digits": b'{"n":' + b"1" * SIZE,
    "quotes": b'"' * SIZE,
    "backslashes": b'{"a":"' + b"\\" * SIZE,
    "surrogates": b'{"messages":[{"content":"'
    + b"\\ud83d" * (SIZE // 6)
    + b'"}],"choices":[{"message":{"content":"\\ud83d"}}]}',
    "zeros": b"\x00" * SIZE,
    "preludes": b"\x00\x00\x00\x10\x00\x00" * (SIZE // 6),
    "boundaries": b"--b\r\nContent-Disposition: form-data\r\n\r\n" + b"\r\n--b" * (SIZE // 5),
    "invalid utf-8": b'{"messages":"' + b"\xff" * SIZE + b'"}',
    "many choices": b'{"choices":[' + b",".join(b'{"index":%d}' % n for n in range(SIZE // 16)) + b"]}",
    "many calls": b'{"choices":[{"message":{"tool_calls":['
    + b",".join(b'{"id":"%d","function":{"name":"f"}}' % n for n in range(SIZE // 40))
    + b"]}}]}",
    "name in every piece": CALL % b"}" * (SIZE // 100),
    "growing arguments": CALL % b"x" * (SIZE // 100),
    "frames": b"\x81\x00" * (SIZE // 2),
    "fragments": b"\x01\x00" + b"\x00\x00" * (SIZE // 2),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_flood_of_anything_takes_a_moment(case, capture_of, body_of):
    data = HOSTILE[case]
    for name, tail in (("openai-chat", b""), ("openai-chat", data[-SIZE // 4 :]), ("gemini", b""), ("unknown", b"")):
        body = body_of([data], tail=tail, size=len(data) + len(tail))
        start = time.process_time()
        check(decode(capture_of(body, body, upgraded=case in ("frames", "fragments")), hint=name))
        assert time.process_time() - start < 5, (case, name)


@pytest.mark.parametrize(
    "case", ["tiny events", "lines", "many calls", "growing arguments", "one line", "backslashes", "surrogates"]
)
def test_time_grows_with_the_size_and_not_its_square(case, capture_of):
    def seconds(data):
        start = time.process_time()
        decode(capture_of(data, data))
        return time.process_time() - start

    data = HOSTILE[case]
    quarter, whole = (min(seconds(part) for _ in range(2)) for part in (data[: len(data) // 4], data))
    assert whole < max(quarter, 0.01) * 12  # linear is 4, quadratic 16


EDITS = st.lists(
    st.tuples(st.sampled_from(["drop", "repeat", "move", "flip", "nul"]), st.integers(0, 5000), st.integers(1, 300)),
    min_size=1,
    max_size=6,
)


def edited(data: bytes, edits: list[tuple[str, int, int]]) -> bytes:
    """Return `data` with stretches of it dropped, repeated, moved to the front, inverted or blanked."""
    for edit, start, length in edits:
        at = start % (len(data) + 1)
        before, part, after = data[:at], data[at : at + length], data[at + length :]
        changed = {
            "drop": (before, after),
            "repeat": (before, part, part, after),
            "move": (part, before, after),
            "flip": (before, bytes(255 - byte for byte in part), after),
            "nul": (before, bytes(len(part)), after),
        }
        data = b"".join(changed[edit])
    return data


@settings(QUICK, max_examples=40)
@given(edits=EDITS, request_edits=EDITS, hole=st.integers(0, 400), at=st.integers(1, 3000))
def test_damaged_recordings(golden, edits, request_edits, hole, at, capture_of, body_of):
    """Every recording, damaged in both directions, whole and kept in part: no exception, nothing that is no text."""
    response, request = edited(golden.response, edits), edited(golden.request, request_edits)
    head, tail = response[: at % (len(response) + 1)], response[at % (len(response) + 1) + hole :]
    kept = body_of([head], tail=tail, size=len(response) + 1)
    for answer in (response, kept):
        check(decode(capture_of(answer, request, target=golden.meta["target"])))
        check(decode(capture_of(answer, request, target="/", upgraded=True), hint=golden.format))
