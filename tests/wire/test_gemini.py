"""Gemini and Vertex AI over HTTP."""

import time
from dataclasses import replace

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Media, Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource
from tests.wire.captures import (
    assert_cut_anywhere,
    assert_split_anywhere,
    capture,
    facts,
    golden,
    golden_names,
    sse,
    wanted,
    without_times,
)

CASES = golden_names("gemini")
STREAMS = ["gemini/sse", "gemini/array", "gemini/thinking-sse"]
TARGET = "/v1beta/models/gemini-2.5-flash:generateContent"
ASK = {"contents": [{"parts": [{"text": "Hi"}]}]}


def answer(*parts: object, **more: object) -> dict[str, object]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **more}]}


@pytest.mark.parametrize("case", CASES)
def test_golden_facts(case: str) -> None:
    captured, decoded = golden(case)
    exchange = decode(captured)
    usage = decoded["usage"]
    assert facts(exchange) == wanted(decoded)
    assert (exchange.usage.input, exchange.usage.output) == (usage["input"], usage["output"] + usage["reasoning"])
    assert (exchange.usage.reasoning or 0, exchange.usage.cached_input or 0) == (usage["reasoning"], usage["cached"])
    assert (exchange.format, exchange.provider) == ("gemini", "gcp.gemini")
    assert exchange.operation is Operation.GENERATE_CONTENT
    assert exchange.response_id == "rigRESP"
    assert exchange.complete
    assert exchange.decode_error is None


@pytest.mark.parametrize("case", CASES)
def test_splits_do_not_matter(case: str) -> None:
    assert_split_anywhere(golden(case)[0])


@pytest.mark.parametrize("case", STREAMS)
def test_cut_streams_are_partial(case: str) -> None:
    assert_cut_anywhere(golden(case)[0])


def test_sse_array_and_whole_are_equal() -> None:
    events, array, whole = (without_times(decode(golden(f"gemini/{name}")[0])) for name in ("sse", "array", "json"))
    assert events == array
    assert replace(events, stream=False) == whole


def test_snake_case_reads_like_camel_case() -> None:
    camel = {
        "systemInstruction": {"parts": [{"text": "Be terse."}]},
        "contents": {
            "role": "user",
            "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, {"text": "Hi"}],
        },
        "tools": [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}],
        "generationConfig": {"maxOutputTokens": 5, "temperature": 0},
    }
    snake = {
        "system_instruction": {"parts": {"text": "Be terse."}},
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "AAAA"}}, {"text": "Hi"}]}],
        "tools": [{"function_declarations": [{"name": "f"}]}, {"google_search": {}}],
        "generation_config": {"max_output_tokens": 5, "temperature": 0},
    }
    one, other = decode(capture(TARGET, camel, b"")), decode(capture(TARGET, snake, b""))
    assert one.messages == other.messages
    assert one.messages == (
        Message(Role.SYSTEM, "Be terse."),
        Message(Role.USER, "Hi", media=(Media("image", "image/png", 3),)),
    )
    assert one.parameters == other.parameters == (("max_output_tokens", "5"), ("temperature", "0"))
    assert (one.tools, other.tools) == (("f", "googleSearch"), ("f", "google_search"))


def test_calls_and_answers_of_tools_in_a_prompt() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    reply = {"functionResponse": {"name": "f", "response": {"result": "21 °C"}}}
    code = {"executableCode": {"language": "PYTHON", "code": "1+1"}}
    ran = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}
    film = {"fileData": {"mimeType": "video/mp4", "fileUri": "https://x/y"}}
    contents = [
        {"role": "user", "parts": [{"text": "Go"}, film]},
        {"role": "model", "parts": [{"text": "Hm.", "thought": True}, call]},
        {"role": "user", "parts": [reply]},
        {"role": "model", "parts": [code, ran, {"text": "Two."}]},
    ]
    assert decode(capture(TARGET, {"contents": contents}, b"")).messages == (
        Message(Role.USER, "Go", media=(Media("video", "video/mp4"),)),
        Message(Role.ASSISTANT, tool_calls=(ToolCall(None, "f", '{"a":1}'),), reasoning="Hm."),
        Message(Role.TOOL, '{"result":"21 °C"}', tool_call_id="f"),
        Message(Role.ASSISTANT, tool_calls=(ToolCall(None, "code_execution", '{"language":"PYTHON","code":"1+1"}'),)),
        Message(Role.TOOL, "2", tool_call_id="code_execution"),
        Message(Role.ASSISTANT, "Two."),
    )


def test_parts_of_an_answer() -> None:
    parts = [
        {"text": "Hm.", "thought": True},
        {"text": "See "},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"functionCall": {"id": "c1", "name": "now"}},
        {"text": "it."},
    ]
    (choice,) = decode(capture(TARGET, ASK, answer(*parts, finishReason="STOP"))).choices
    assert (choice.text, choice.reasoning) == ("See it.", "Hm.")
    assert choice.media == (Media("image", "image/png", 3),)
    assert choice.tool_calls == (ToolCall("c1", "now", "{}"),)


def test_candidates_and_their_log_probabilities() -> None:
    tokens = {"chosenCandidates": [{"token": "A", "logProbability": -0.5}, {"token": "B", "logProbability": -0.25}]}
    reply = {
        "candidates": [
            {"content": {"parts": [{"text": "A"}]}, "finishReason": "STOP", "logprobsResult": tokens},
            {"content": {"parts": [{"text": "B"}]}, "finishReason": "MAX_TOKENS", "index": 1},
            {"finishReason": "SAFETY", "index": 2},
        ]
    }
    choices = decode(capture(TARGET, ASK, reply)).choices
    assert [(c.index, c.text, c.finish_reason) for c in choices] == [
        (0, "A", "STOP"),
        (1, "B", "MAX_TOKENS"),
        (2, "", "SAFETY"),
    ]
    assert (choices[0].logprob_sum, choices[0].logprob_tokens) == (-0.75, 2)


def test_blocked_prompt() -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "No."}
    blocked = {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}}
    stream_target = TARGET.replace("generateContent", "streamGenerateContent")
    for captured in (capture(TARGET, ASK, blocked), capture(stream_target, ASK, sse(blocked))):
        exchange = decode(captured)
        (choice,) = exchange.choices
        assert (choice.text, choice.finish_reason, choice.refusal) == ("", "PROHIBITED_CONTENT", "No.")
        assert exchange.usage == Usage(UsageSource.PROVIDER, input=4, output=0)
        assert exchange.complete


def test_usage_adds_up_what_google_leaves_out() -> None:
    usage = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 5,
        "cachedContentTokenCount": 3,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 20,
    }
    exchange = decode(capture(TARGET, ASK, {**answer({"text": "x"}, finishReason="STOP"), "usageMetadata": usage}))
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=15, output=27, cached_input=3, reasoning=20)


@pytest.mark.parametrize("listed", [False, True])
def test_error_answers(listed: bool) -> None:
    error = {"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}
    exchange = decode(capture(TARGET, ASK, [error] if listed else error, status=429))
    assert exchange.error == ProviderError("RESOURCE_EXHAUSTED", "Quota")


def test_error_in_the_middle_of_a_stream() -> None:
    error = {"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}
    target = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    exchange = decode(capture(target, ASK, sse(answer({"text": "He"}), error)))
    assert exchange.error == ProviderError("UNAVAILABLE", "Overloaded", in_stream=True)
    assert exchange.choices[0].text == "He"
    assert not exchange.complete


VERTEX = "/v1/projects/p/locations/europe-west1"


@pytest.mark.parametrize(
    ("target", "model", "provider"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent?key=x", "gemini-2.5-pro", "gcp.gemini"),
        ("/v1alpha/models/gemini-2.5-pro%3AgenerateContent", "gemini-2.5-pro", "gcp.gemini"),
        ("/v1beta/tunedModels/mine-1:generateContent", "tunedModels/mine-1", "gcp.gemini"),
        (f"{VERTEX}/publishers/google/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", "gcp.vertex_ai"),
        (f"{VERTEX}/endpoints/123:generateContent", "endpoints/123", "gcp.vertex_ai"),
    ],
)
def test_models_in_paths(target: str, model: str, provider: str) -> None:
    exchange = decode(capture(target, ASK, answer({"text": "x"}, finishReason="STOP")))
    assert (exchange.request_model, exchange.provider, exchange.choices[0].text) == (model, provider, "x")


def test_token_count_is_no_generation() -> None:
    nested = {"generateContentRequest": {"model": "models/gemini-2.5-pro", **ASK}}
    exchange = decode(capture("/v1beta/models/gemini-2.5-pro:countTokens", nested, {"totalTokens": 9}))
    assert exchange.operation is Operation.COUNT_TOKENS
    assert exchange.messages == (Message(Role.USER, "Hi"),)
    assert (exchange.choices, exchange.usage) == ((), Usage(UsageSource.PROVIDER, input=9))


def test_embeddings() -> None:
    one = {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "Hi"}]}}
    single = decode(capture("/v1beta/models/gemini-embedding-001:embedContent", one, {"embedding": {"values": [0.1]}}))
    batch = decode(
        capture(
            "/v1beta/models/gemini-embedding-001:batchEmbedContents",
            {"requests": [one, one]},
            {"embeddings": [{"values": [0.1]}, {"values": [0.1]}]},
        )
    )
    assert single.operation is batch.operation is Operation.EMBEDDINGS
    assert (single.request_model, single.messages, single.choices) == (
        "gemini-embedding-001",
        (Message(Role.USER, "Hi"),),
        (),
    )
    assert batch.messages == (Message(Role.USER, "Hi"), Message(Role.USER, "Hi"))


def test_vertex_predict_embeddings_count_their_tokens() -> None:
    ask = {"instances": [{"content": "Hi"}, {"content": "there"}]}
    row = {"embeddings": {"values": [0.1], "statistics": {"truncated": False, "token_count": 4}}}
    target = f"{VERTEX}/publishers/google/models/text-embedding-005:predict"
    exchange = decode(capture(target, ask, {"predictions": [row, row]}))
    assert exchange.operation is Operation.EMBEDDINGS
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=8)
    assert [message.text for message in exchange.messages] == ["Hi", "there"]


def test_sound_among_the_tokens_and_files_that_a_function_answers() -> None:
    usage = {
        "promptTokenCount": 20,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}, {"modality": "AUDIO", "tokenCount": 15}],
        "candidatesTokenCount": 7,
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}],
    }
    answered = {"name": "f", "response": {"a": 1}, "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}
    ask = {"contents": [{"role": "user", "parts": [{"functionResponse": answered}]}]}
    exchange = decode(capture("/v1beta/models/m:generateContent", ask, {"usageMetadata": usage}))
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=20, output=7, audio_input=15, audio_output=7)
    files = (Media("image", "image/png", 3),)
    assert exchange.messages == (Message(Role.TOOL, '{"a":1}', tool_call_id="f", media=files),)


def test_a_cached_part_of_the_prompt_is_a_parameter() -> None:
    exchange = decode(capture("/v1beta/models/m:generateContent", {**ASK, "cachedContent": "cachedContents/abc"}, {}))
    assert ("cached_content", '"cachedContents/abc"') in exchange.parameters


def test_pictures_of_imagen() -> None:
    target = "/v1/projects/p/locations/l/publishers/google/models/imagen-4.0-generate-001:predict"
    picture = {"bytesBase64Encoded": "AAAA", "mimeType": "image/png"}
    exchange = decode(capture(target, {"instances": [{"prompt": "A cat"}]}, {"predictions": [picture, picture]}))
    assert (exchange.operation, exchange.provider) == (Operation.IMAGE, "gcp.vertex_ai")
    assert exchange.messages == (Message(Role.USER, "A cat"),)
    assert [choice.media for choice in exchange.choices] == [(Media("image", "image/png", 3),)] * 2


STREAM_TARGET = "/v1/projects/p/locations/l/publishers/google/models/gemini-3-pro:streamGenerateContent?alt=sse"


def called(**call: object) -> dict[str, object]:
    return {"candidates": [{"content": {"role": "model", "parts": [{"functionCall": call}]}}]}


def test_arguments_that_come_by_place() -> None:
    events = [
        called(id="1", name="book", willContinue=True),
        called(partialArgs=[{"jsonPath": "$.city", "stringValue": "Mün", "willContinue": True}], willContinue=True),
        called(partialArgs=[{"jsonPath": "$.city", "stringValue": "chen"}], willContinue=True),
        called(partial_args=[{"json_path": "$.guests[1].age", "number_value": 7}], will_continue=True),
        called(partialArgs=[{"jsonPath": "$.guests[0]['na.me']", "stringValue": "Zoë"}], willContinue=True),
        called(partialArgs=[{"jsonPath": "$.late", "nullValue": "NULL_VALUE"}], willContinue=True),
        called(partialArgs=[{"jsonPath": "$.paid", "boolValue": False}]),
        called(),
        called(id="2", name="pay", args={"sum": 1}),
        {"candidates": [{"finishReason": "STOP"}]},
    ]
    stream = capture(STREAM_TARGET, {"contents": "Hi"}, sse(*events))
    book = '{"city":"München","guests":[{"na.me":"Zoë"},{"age":7}],"late":null,"paid":false}'
    expected = (ToolCall("1", "book", book), ToolCall("2", "pay", '{"sum":1}'))
    assert decode(stream).choices[0].tool_calls == expected
    assert_split_anywhere(stream)


def test_hostile_places_cost_little() -> None:
    paths = ["$" + "[99]" * 200_000, "$." + "a" * 1_000_000, "$[1]", "", "$.a[5000]", "$.b", "$.b.c", "$" + "[99]" * 8]
    paths += [f"$.x{n}" + "[99]" * 7 for n in range(2_000)]
    partial = [{"jsonPath": path, "stringValue": "x"} for path in paths]
    began = time.process_time()
    exchange = decode(capture(STREAM_TARGET, {}, sse(called(name="f", partialArgs=partial))))
    assert time.process_time() - began < 5.0
    assert exchange.decode_error is None
    assert len(exchange.choices[0].tool_calls[0].arguments) < 10_000_000
    alone = decode(capture(STREAM_TARGET, {}, sse(called(partialArgs=partial[5:6]))))
    assert alone.choices[0].tool_calls == ()


def test_tools_that_google_runs_and_their_answers() -> None:
    parts = [
        {"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["x"]}}},
        {"toolResponse": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "response": {"found": "foreign"}}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42"}},
        {"text": "Done."},
    ]
    answer = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]}
    request = {"contents": [{"role": "model", "parts": parts}]}
    exchange = decode(capture("/v1beta/models/gemini-3:generateContent", request, answer))
    call = ToolCall("t", "GOOGLE_SEARCH_WEB", '{"queries":["x"]}')
    answers = (
        Message(Role.TOOL, '{"found":"foreign"}', tool_call_id="t"),
        Message(Role.TOOL, "42", tool_call_id="code_execution"),
    )
    assert exchange.messages == (
        Message(Role.ASSISTANT, tool_calls=(call,)),
        *answers,
        Message(Role.ASSISTANT, "Done."),
        *answers,
    )
    assert exchange.choices[0].tool_calls == (call,)
    assert exchange.choices[0].text == "Done."
