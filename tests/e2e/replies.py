"""What the fake provider says: the golden wire captures, chosen by path and request, and a few of its own.

The model name selects trouble: `flaky…` is refused twice and then answered, `overloaded…` is always refused,
`endless…` streams until the client goes; `packed…` answers in gzip; `failing…` breaks off with an error event.
"""

import base64
import json
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.e2e.server import Reply, Request
from tests.wire.captures import message

GOLDEN = Path(__file__).parents[1] / "wire" / "golden"
HOP_BY_HOP = {"content-length", "transfer-encoding", "connection", "keep-alive"}
SSE = ("Content-Type", "text/event-stream")
JSON = ("Content-Type", "application/json")


def golden(case: str) -> Reply:
    """Return the golden response `format/case` in its own network writes."""
    folder, name = case.split("/")
    meta = json.loads((GOLDEN / folder / f"{name}.meta.json").read_text())
    data = (GOLDEN / folder / meta["response_file"]).read_bytes()
    headers = tuple((k, v) for k, v in meta["response_headers"] if k.lower() not in HOP_BY_HOP)
    chunks = tuple(cut(data, meta["chunks"]))
    return Reply(meta["status"], headers, chunks, chunked=len(chunks) > 1)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, start = [], 0
    for size in sizes:
        pieces.append(data[start : start + size])
        start += size
    return pieces


class Replies:
    """Answers requests; stateful only in how often a `flaky` model was refused."""

    def __init__(self) -> None:
        self._refused: Counter[str] = Counter()

    def __call__(self, request: Request) -> Reply:
        path = request.target.split("?")[0]
        body = json.loads(request.body) if request.body[:1] == b"{" else {}
        model = str(body.get("model", ""))
        if model.startswith("overloaded") or (model.startswith("flaky") and self._refuse(model)):
            return trouble(path)
        reply = answer(path, request, body)
        if "endless" in model:
            return Reply(200, reply.headers, reply.chunks[:5], chunked=True, endless=True)
        return packed(reply) if "packed" in model else reply

    def _refuse(self, model: str) -> bool:
        self._refused[model] += 1
        return self._refused[model] % 3 != 0


def packed(reply: Reply) -> Reply:
    """Return the reply in gzip, flushed after each chunk as providers do it."""
    packer = zlib.compressobj(wbits=31)
    chunks = [packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH) for chunk in reply.chunks]
    return replace(reply, headers=(*reply.headers, ("Content-Encoding", "gzip")), chunks=(*chunks, packer.flush()))


def trouble(path: str) -> Reply:
    """Return a refusal that tells official clients to try again in a millisecond."""
    retry = (JSON, ("retry-after-ms", "1"), ("x-should-retry", "true"), ("request-id", "req_refused"))
    if path.endswith("/messages"):
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        return Reply(529, retry, (json.dumps(error).encode(),))
    error = {"error": {"message": "Slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    return Reply(429, retry, (json.dumps(error).encode(),))


def answer(path: str, request: Request, body: dict[str, Any]) -> Reply:
    """Return the reply of the API that `path` belongs to; 404 for an unknown one."""
    for ending, reply in ANSWERS.items():
        if path.endswith(ending):
            return reply(request, body)
    return Reply(404, (JSON,), (b'{"error":{"message":"no such path","type":"invalid_request_error"}}',))


def chosen(folder: str, body: dict[str, Any], stream: bool) -> Reply:
    """Return json, stream, tools or tools-stream of a format."""
    tools = bool(body.get("tools") or body.get("toolConfig"))
    return golden(
        f"{folder}/" + {(0, 0): "json", (0, 1): "stream", (1, 0): "tools", (1, 1): "tools-stream"}[tools, stream]
    )


def anthropic_message(request: Request, body: dict[str, Any]) -> Reply:
    if "failing" in str(body.get("model")):
        return golden("anthropic/error-mid-stream")
    return chosen("anthropic", body, bool(body.get("stream")))


def gemini_stream(request: Request, body: dict[str, Any]) -> Reply:
    return golden("gemini/sse" if "alt=sse" in request.target else "gemini/array")


def ollama_chat(request: Request, body: dict[str, Any]) -> Reply:
    if body.get("stream", True):
        return golden("ollama/chat-tools-stream" if body.get("tools") else "ollama/chat-stream")
    return golden("ollama/chat")


def literal(reply: dict[str, Any], *headers: tuple[str, str]) -> Reply:
    return Reply(200, (JSON, *headers), (json.dumps(reply).encode(),))


def sse(events: list[dict[str, Any]], named: bool) -> Reply:
    chunks = [(f"event: {each['type']}\n" if named else "") + f"data: {json.dumps(each)}\n\n" for each in events]
    return Reply(200, (SSE,), tuple(chunk.encode() for chunk in chunks), chunked=True)


OPENAI_EMBEDDING = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": "AACAPwAAAEAAAEBA"}],  # 1.0, 2.0, 3.0 as float32
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}
OLLAMA_EMBEDDING = {
    "model": "nomic-embed-text",
    "embeddings": [[0.5, 0.25]],
    "total_duration": 14,
    "prompt_eval_count": 3,
}
COHERE_USAGE = {
    "billed_units": {"input_tokens": 7, "output_tokens": 4},
    "tokens": {"input_tokens": 71, "output_tokens": 6},
}
COHERE_MESSAGE = {
    "id": "c14c80c3-18eb-4519-9460-6c92edd8cfb4",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Grüezi, Zürich."}]},
    "usage": COHERE_USAGE,
}
COHERE_STREAM: list[dict[str, Any]] = [
    {"id": "29f14a5a", "type": "message-start", "delta": {"message": {"role": "assistant", "content": []}}},
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Grüezi, "}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Zürich."}}}},
    {"type": "content-end", "index": 0},
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": COHERE_USAGE}},
]

BEDROCK_METRICS = {"inputTokenCount": 5, "outputTokenCount": 3, "invocationLatency": 9, "firstByteLatency": 4}
ANTHROPIC_EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "msg_bdrk_1", "content": [], "usage": {"input_tokens": 5}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grü"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ezi!"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": BEDROCK_METRICS},
]


INTERACTION_USAGE = {"total_input_tokens": 60, "total_output_tokens": 14, "total_tokens": 74}
INTERACTION = {"id": "int_1", "object": "interaction", "status": "completed", "model": "gemini-3-pro-preview"}
INTERACTION_STEPS = [
    {"type": "thought", "summary": [{"type": "text", "text": "Short."}]},
    {"type": "model_output", "content": [{"type": "text", "text": "Grüezi, Zürich."}]},
]
INTERACTION_EVENTS: list[dict[str, Any]] = [
    {"event_type": "interaction.created", "interaction": {**INTERACTION, "status": "in_progress"}},
    {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
    {
        "event_type": "step.delta",
        "index": 0,
        "delta": {"type": "thought_summary", "content": {"type": "text", "text": "Short."}},
    },
    {"event_type": "step.stop", "index": 0},
    {"event_type": "step.start", "index": 1, "step": {"type": "model_output"}},
    {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "Grüezi, "}},
    {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "Zürich."}},
    {"event_type": "step.stop", "index": 1},
    {"event_type": "interaction.completed", "interaction": {**INTERACTION, "usage": INTERACTION_USAGE}},
]
CONVERSATION_USAGE = {"prompt_tokens": 60, "completion_tokens": 14, "total_tokens": 74}
CONVERSATION = {
    "object": "conversation.response",
    "conversation_id": "conv_1",
    "outputs": [{"type": "message.output", "id": "msg_1", "role": "assistant", "content": "Grüezi, Zürich."}],
    "usage": CONVERSATION_USAGE,
}
CONVERSATION_EVENTS: list[dict[str, Any]] = [
    {"type": "conversation.response.started", "conversation_id": "conv_1"},
    {"type": "message.output.delta", "id": "msg_1", "content": "Grüezi, "},
    {"type": "message.output.delta", "id": "msg_1", "content": {"type": "text", "text": "Zürich."}},
    {"type": "conversation.response.done", "usage": CONVERSATION_USAGE},
]


def interaction(request: Request, body: dict[str, Any]) -> Reply:
    if body.get("stream"):
        return sse(INTERACTION_EVENTS, named=False)
    return literal({**INTERACTION, "steps": INTERACTION_STEPS, "usage": INTERACTION_USAGE})


def conversation(request: Request, body: dict[str, Any]) -> Reply:
    return sse(CONVERSATION_EVENTS, named=True) if body.get("stream") else literal(CONVERSATION)


def invoke_stream(request: Request, body: dict[str, Any]) -> Reply:
    chunks = [{"bytes": base64.b64encode(json.dumps(event).encode()).decode()} for event in ANTHROPIC_EVENTS]
    headers = (
        ("Content-Type", "application/vnd.amazon.eventstream"),
        ("X-Amzn-Bedrock-Content-Type", "application/json"),
    )
    return Reply(200, headers, tuple(message("chunk", chunk) for chunk in chunks), chunked=True)


def converse_stream(request: Request, body: dict[str, Any]) -> Reply:
    if "throttled" in request.target:
        return golden("bedrock-converse/exception-mid-stream")
    return chosen("bedrock-converse", body, stream=True)


ANSWERS = {
    "/chat/completions": lambda request, body: chosen("openai-chat", body, bool(body.get("stream"))),
    "/responses": lambda request, body: chosen("openai-responses", body, bool(body.get("stream"))),
    "/embeddings": lambda request, body: literal(OPENAI_EMBEDDING, ("x-request-id", "req_embedding")),
    "/messages/count_tokens": lambda request, body: literal({"input_tokens": 14}),
    "/messages": anthropic_message,
    ":generateContent": lambda request, body: golden("gemini/tools" if body.get("tools") else "gemini/json"),
    ":streamGenerateContent": gemini_stream,
    ":countTokens": lambda request, body: literal({"totalTokens": 9}),
    "mbedContents": lambda request, body: literal({"embeddings": [{"values": [0.5, 0.25]}]}),
    ":embedContent": lambda request, body: literal({"embedding": {"values": [0.5, 0.25]}}),
    "/interactions": interaction,
    "/conversations": conversation,
    "/converse": lambda request, body: chosen("bedrock-converse", body, stream=False),
    "/converse-stream": converse_stream,
    "/invoke-with-response-stream": invoke_stream,
    "/api/chat": ollama_chat,
    "/api/generate": lambda request, body: golden("ollama/generate-stream"),
    "/api/embed": lambda request, body: literal(OLLAMA_EMBEDDING),
    "/v2/chat": lambda request, body: sse(COHERE_STREAM, named=True) if body.get("stream") else literal(COHERE_MESSAGE),
}
