"""The format by the end of the path, else by content."""

import pytest

from sidecar.wire import recognise
from sidecar.wire.decode import FORMATS, decode


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "openai-chat"),
        ("/openai/v1/chat/completions/", "openai-chat"),
        ("/v1beta/openai/chat/completions", "openai-chat"),
        ("/inference/v1/chat/completions", "openai-chat"),
        ("/openai/deployments/gpt%2F4/chat/completions", "openai-chat"),
        ("/v1/chat/completions/c1", "openai-chat"),
        ("/v1/projects/p/locations/l/endpoints/openapi/chat/completions", "openai-chat"),
        ("/v1/completions", "openai-completions"),
        ("/v1/fim/completions", "openai-completions"),
        ("/completion", "openai-completions"),
        ("/v1/responses", "openai-responses"),
        ("/v1/responses/resp_1", "openai-responses"),
        ("/v1/responses/resp_1/cancel", "openai-responses"),
        ("/v1/embeddings", "openai-embeddings"),
        ("/v1/moderations", "openai-moderations"),
        ("/v1/audio/translations", "openai-transcriptions"),
        ("/v1/audio/speech", "openai-speech"),
        ("/v1/images/edits", "openai-images"),
        ("/v1/threads/t_1/messages", "openai-assistants"),
        ("/v1/threads/runs", "openai-assistants"),
        ("/openai/realtime", "openai-realtime"),
        ("/v1/realtime/sessions", "auxiliary"),
        ("/v1/messages", "anthropic"),
        ("/anthropic/v1/messages", "anthropic"),
        ("/v1/messages/count_tokens", "anthropic"),
        ("/v1/complete", "anthropic-complete"),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/claude@1:streamRawPredict", "anthropic"),
        ("/v1/projects/p/locations/l/publishers/mistralai/models/m:rawPredict", "openai-chat"),
        ("/v1beta/models/gemini-2.0-flash:streamGenerateContent", "gemini"),
        ("/v1beta/tunedModels/x:generateContent", "gemini"),
        ("/v1beta/models/gemini%3AgenerateContent", "gemini"),
        ("/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", "gemini-live"),
        ("/model/anthropic.claude-3%3A0/converse", "bedrock-converse"),
        ("/model/arn%3Aaws%3Abedrock%2Fx/converse-stream", "bedrock-converse"),
        ("/model/amazon.titan/invoke-with-response-stream", "bedrock-invoke"),
        ("/endpoints/e/invocations-response-stream", "sagemaker"),
        ("/v2/chat", "cohere"),
        ("/api/chat", "ollama"),
        ("/api/generate", "ollama"),
        ("/generate_stream", "tgi"),
        ("/v1/models", "auxiliary"),
        ("/v1/models/gpt-4o", "auxiliary"),
        ("/v1/files/f/content", "auxiliary"),
        ("/healthz", "auxiliary"),
        ("/api/tags", "auxiliary"),
        ("/v1/organization/usage/completions", "auxiliary"),
        ("/v1/organization/usage/embeddings", "auxiliary"),
        ("/v1/chatkit/threads/t/items", "auxiliary"),
        ("/v1/sessions/s/threads/t/events", "unknown"),
        ("/v1/agents/automations/a/invocations/i", "unknown"),
        ("/v1/conversations/c/messages", "conversations"),
        ("/v1/conversations/c/items", "auxiliary"),
        ("/v1beta/interactions", "gemini-interactions"),
        ("/v1beta/projects/p/locations/l/interactions/i/cancel", "gemini-interactions"),
        ("/v1beta/cachedContents/c", "auxiliary"),
        ("/v1beta/models/gemini-3:batchGenerateContent", "auxiliary"),
        ("/v1beta/models/veo-3:predictLongRunning", "auxiliary"),
        ("/v1/videos/v/content", "auxiliary"),
        ("/classify", "auxiliary"),
        ("/v1/score", "auxiliary"),
        ("/", None),
        ("/generate", None),
        ("/v1/chat", None),
        ("/foo", None),
        ("/chat/completions/x/y/z", None),
    ],
)
def test_by_path(path, name):
    assert recognise.by_path(path) == name


@pytest.mark.parametrize(
    ("path", "request_body", "response", "name"),
    [
        ("/generate", {"inputs": "x"}, b'[{"generated_text": "y"}]', "tgi"),
        ("/generate", {"text": "x", "sampling_params": {}}, b'{"text": "y", "meta_info": {}}', "sglang"),
        ("/generate", {"input_ids": [1]}, b"{}", "sglang"),
        ("/v1/chat", {"message": "hi", "chat_history": []}, b"{}", "cohere-v1"),
        ("/llm", {"messages": [{"role": "user", "content": "x"}]}, b"{}", "openai-chat"),
        ("/llm", {"contents": []}, b"{}", "gemini"),
        ("/llm", {"messages": [], "max_tokens": 1, "system": "s"}, b"{}", "anthropic"),
        ("/llm", b"", b'data: {"id":"c","object":"chat.completion.chunk","choices":[]}\n\n', "openai-chat"),
        ("/llm", b"", b'event: message_start\ndata: {"type":"message_start"}\n\n', "anthropic"),
        ("/llm", b"", b'{"object": "response", "output": []}', "openai-responses"),
        ("/llm", b"", b'{"candidates": []}', "gemini"),
        ("/llm", {"q": 1}, b'{"a": 1}', "unknown"),
        ("/llm", b"", b"", "unknown"),
    ],
)
def test_by_content(path, request_body, response, name, capture_of):
    assert decode(capture_of(response, request_body, target=path)).format == name


def test_a_hint_goes_before_everything(capture_of):
    capture = capture_of(b'{"response": "x", "done": true}', {"prompt": "p"}, target="/v1/chat/completions")
    assert decode(capture, hint="ollama").format == "ollama"
    assert decode(capture, hint="nonsense").format == "openai-chat"


def test_the_end_of_the_path_counts_without_the_query(capture_of):
    assert decode(capture_of(b"", {}, target="/v1/messages?beta=/v1/chat/completions")).format == "anthropic"


def test_every_format_that_is_recognised_has_a_decoder():
    named = {name for _, name in recognise.PATHS} | {name for *_, name in recognise.REQUEST_KEYS}
    named |= {name for _, name in recognise.RESPONSE_MARKS}
    assert named <= set(FORMATS)
    assert all(name == decoder.name for name, decoder in FORMATS.items())
