"""Google's Interactions: whole, streamed, cut, with tools, and asked for again."""

from dataclasses import replace

from sidecar.wire.capture import Ending
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Choice, Media, Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource
from tests.wire.captures import assert_split_anywhere, body, capture, sse, without_times

TARGET = "/v1beta/interactions"
REQUEST = {"model": "gemini-3-pro", "input": "Weather?", "system_instruction": "Be terse."}
USAGE = {
    "total_input_tokens": 9,
    "total_tool_use_tokens": 3,
    "total_cached_tokens": 4,
    "total_output_tokens": 5,
    "total_thought_tokens": 7,
    "total_tokens": 24,
}
STEPS = [
    {
        "type": "thought",
        "signature": "c2ln",
        "summary": [{"type": "text", "text": "Let me "}, {"type": "text", "text": "see."}],
    },
    {"type": "google_search_call", "id": "s1", "arguments": {"queries": ["rain"]}},
    {"type": "google_search_result", "call_id": "s1", "result": [{"search_suggestions": "<b>rain</b>"}]},
    {"type": "function_call", "id": "f1", "name": "get_weather", "arguments": {"city": "Köln"}},
    {"type": "model_output", "content": [{"type": "text", "text": "Es ist "}, {"type": "text", "text": "kühl 🌍"}]},
    {"type": "model_output", "content": [{"type": "image", "data": "AAAA", "mime_type": "image/png"}]},
]
WHOLE = {
    "id": "i1",
    "object": "interaction",
    "status": "completed",
    "model": "gemini-3-pro",
    "steps": STEPS,
    "usage": USAGE,
}


def events(*, repeat: bool = False) -> list[dict[str, object]]:
    """The steps of WHOLE as they are streamed."""

    def start(index: int, step: dict[str, object]) -> dict[str, object]:
        return {"event_type": "step.start", "index": index, "step": step}

    def delta(index: int, **what: object) -> dict[str, object]:
        return {"event_type": "step.delta", "index": index, "delta": what}

    head = {"id": "i1", "object": "interaction", "model": "gemini-3-pro"}
    return [
        {"event_type": "interaction.created", "interaction": {**head, "status": "in_progress"}},
        start(0, {"type": "thought"}),
        delta(0, type="thought_summary", content={"type": "text", "text": "Let me "}),
        delta(0, type="thought_summary", content={"type": "text", "text": "see."}),
        delta(0, type="thought_signature", signature="c2ln"),
        {"event_type": "step.stop", "index": 0},
        start(1, {"type": "google_search_call", "id": "s1"}),
        delta(1, type="google_search_call", arguments={"queries": ["rain"]}),
        start(2, {"type": "google_search_result", "call_id": "s1"}),
        delta(2, type="google_search_result", result=[{"search_suggestions": "<b>rain</b>"}]),
        start(3, {"type": "function_call", "id": "f1", "name": "get_weather", "arguments": {}}),
        delta(3, type="arguments_delta", arguments='{"city": '),
        delta(3, type="arguments_delta", arguments='"Köln"}'),
        start(4, {"type": "model_output"}),
        delta(4, type="text", text="Es ist "),
        delta(4, type="text_annotation_delta", annotations=[]),
        delta(4, type="text", text="kühl 🌍"),
        start(5, {"type": "model_output"}),
        delta(5, type="image", data="AAAA", mime_type="image/png"),
        {"event_type": "interaction.completed", "interaction": WHOLE if repeat else {**head, "status": "completed", "usage": USAGE}},
    ]  # fmt: skip


def streamed(*, repeat: bool = False) -> bytes:
    return sse(*events(repeat=repeat), "[DONE]")


def test_a_whole_answer() -> None:
    exchange = decode(capture(TARGET, REQUEST, WHOLE))
    assert (exchange.format, exchange.provider, exchange.operation) == (
        "gemini-interactions",
        "gcp.gemini",
        Operation.GENERATE_CONTENT,
    )
    assert exchange.messages == (
        Message(Role.SYSTEM, "Be terse."),
        Message(Role.USER, "Weather?"),
        Message(Role.TOOL, '[{"search_suggestions":"<b>rain</b>"}]', tool_call_id="s1"),
    )
    assert exchange.choices == (
        Choice(
            text="Es ist kühl 🌍",
            reasoning="Let me see.",
            tool_calls=(
                ToolCall("s1", "google_search_call", '{"queries":["rain"]}'),
                ToolCall("f1", "get_weather", '{"city":"Köln"}'),
            ),
            finish_reason="completed",
            media=(Media("image", "image/png", 3),),
        ),
    )
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=12, output=12, cached_input=4, reasoning=7)
    assert (exchange.response_id, exchange.response_model, exchange.complete) == ("i1", "gemini-3-pro", True)


def test_streamed_and_whole_are_equal() -> None:
    whole = decode(capture(TARGET, REQUEST, WHOLE))
    for repeat in (False, True):
        stream = capture(TARGET, REQUEST | {"stream": True}, streamed(repeat=repeat))
        assert without_times(decode(stream)) == replace(without_times(whole), stream=True)
        assert_split_anywhere(stream)


def test_each_delta_has_its_time_and_the_end_none_of_its_own() -> None:
    pieces = [sse(event) for event in events()]
    ends = [sum(map(len, pieces[: n + 1])) for n in range(len(pieces))]
    stream = capture(TARGET, REQUEST | {"stream": True}, b"".join(pieces))
    chunks = tuple((end, float(n)) for n, end in enumerate(ends))
    times = decode(replace(stream, response=replace(stream.response, chunks=chunks))).timings
    assert times.first_token_seconds == 2.0
    assert times.output_chunk_seconds == (2.0, 3.0, 7.0, 9.0, 11.0, 12.0, 14.0, 16.0, 18.0)


def test_a_cut_stream_is_a_partial_answer() -> None:
    data = streamed()[: streamed().index(b"k\xc3\xbchl")]
    cut = capture(TARGET, REQUEST | {"stream": True}, data, ending=Ending.CLIENT_GONE)
    exchange = decode(cut)
    assert (exchange.complete, exchange.choices[0].text, exchange.choices[0].finish_reason) == (False, "Es ist ", None)
    assert exchange.choices[0].tool_calls[1].arguments == '{"city":"Köln"}'


def test_any_cut_is_a_beginning() -> None:
    data = streamed()
    for end in range(0, len(data), 7):
        cut = replace(capture(TARGET, REQUEST, b""), response=body(data[:end]), ending=Ending.UPSTREAM_BROKEN)
        exchange = decode(cut)
        assert exchange.decode_error is None
        assert "Es ist kühl 🌍".startswith("".join(choice.text for choice in exchange.choices))


def test_prompts_of_every_kind() -> None:
    turns = [
        {"type": "user_input", "content": [{"type": "text", "text": "a"}, {"type": "image", "uri": "gs://x"}]},
        {"type": "thought", "summary": [{"type": "text", "text": "hm"}]},
        {"type": "model_output", "content": [{"type": "text", "text": "b"}]},
        {"type": "function_call", "id": "f", "name": "g", "arguments": {}},
        {"type": "function_result", "call_id": "f", "name": "g", "result": "42"},
        {"type": "mcp_server_tool_result", "call_id": "m", "result": {"items": [{"type": "text", "text": "c"}]}},
        {"type": "code_execution_result", "call_id": "c", "result": "out\n"},
    ]
    tools = [{"type": "function", "name": "g"}, {"type": "mcp_server", "name": "docs"}, {"type": "google_search"}]
    request = {
        "agent": "deep-research",
        "input": turns,
        "tools": tools,
        "previous_interaction_id": "i0",
        "background": True,
        "generation_config": {"temperature": 0.5},
    }
    exchange = decode(capture(TARGET, request, WHOLE | {"steps": [], "status": "in_progress"}))
    assert exchange.messages == (
        Message(Role.USER, "a", media=(Media("image"),)),
        Message(Role.ASSISTANT, reasoning="hm"),
        Message(Role.ASSISTANT, "b"),
        Message(Role.ASSISTANT, tool_calls=(ToolCall("f", "g", "{}"),)),
        Message(Role.TOOL, "42", tool_call_id="f"),
        Message(Role.TOOL, "c", tool_call_id="m"),
        Message(Role.TOOL, "out\n", tool_call_id="c"),
    )
    assert (exchange.tools, exchange.conversation_id) == (("g", "docs", "google_search"), "i0")
    assert exchange.parameters == (("agent", '"deep-research"'), ("background", "true"), ("temperature", "0.5"))
    assert exchange.choices == ()  # it is still being made
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert decode(capture(TARGET, REQUEST | {"input": parts}, WHOLE)).messages[1] == Message(Role.USER, "ab")
    old = [{"role": "user", "content": "a"}, {"role": "model", "content": [{"type": "text", "text": "b"}]}]
    assert decode(capture(TARGET, {"model": "m", "input": old}, b"")).messages == (
        Message(Role.USER, "a"),
        Message(Role.ASSISTANT, "b"),
    )


def test_answers_of_earlier_servers() -> None:
    answer = {"id": "i", "status": "completed", "outputs": [{"type": "text", "text": "Hi"}], "usage": USAGE}
    assert decode(capture(TARGET, REQUEST, answer)).choices == (Choice(text="Hi", finish_reason="completed"),)
    stream = sse(
        {"event_type": "interaction.start", "interaction": {"id": "i", "status": "in_progress"}},
        {"event_type": "content.start", "index": 0, "content": {"type": "text"}},
        {"event_type": "content.delta", "index": 0, "delta": {"type": "text", "text": "Hi"}},
        {"event_type": "content.stop", "index": 0},
        {"event_type": "interaction.complete", "interaction": {"id": "i", "status": "completed", "usage": USAGE}},
    )
    assert decode(capture(TARGET, REQUEST, stream)).choices == (Choice(text="Hi", finish_reason="completed"),)


def test_an_answer_made_in_the_background_is_counted_when_it_is_there() -> None:
    waiting = replace(capture(f"{TARGET}/i1", b"", WHOLE | {"status": "in_progress", "steps": []}), method="GET")
    assert (decode(waiting).operation, decode(waiting).choices) == (Operation.OTHER, ())
    there = decode(replace(capture(f"{TARGET}/i1", b"", WHOLE), method="GET"))
    assert (there.operation, there.choices[0].text, there.usage.output) == (
        Operation.GENERATE_CONTENT,
        "Es ist kühl 🌍",
        12,
    )
    cancelled = decode(capture(f"{TARGET}/i1/cancel", b"", WHOLE))
    assert (cancelled.operation, cancelled.choices) == (Operation.OTHER, ())


def test_errors() -> None:
    stream = sse(*events()[:15], {"event_type": "error", "error": {"code": "gateway_timeout", "message": "late"}})
    exchange = decode(capture(TARGET, REQUEST, stream))
    assert exchange.error == ProviderError("gateway_timeout", "late", in_stream=True)
    assert (exchange.complete, exchange.choices[0].text) == (False, "Es ist ")
    refused = decode(capture(TARGET, REQUEST, {"error": {"code": "invalid_request", "message": "no"}}, status=400))
    assert refused.error == ProviderError("invalid_request", "no")


def test_nonsense_is_no_failure() -> None:
    for nonsense in ({"steps": [1, {"type": 5}, {"type": "thought", "summary": 3}]}, [], {"steps": {"type": "x_call"}}):
        assert decode(capture(TARGET, {"input": nonsense, "tools": 1}, nonsense)).decode_error is None
    for event in ({"event_type": "step.delta", "index": "x", "delta": 1}, {"event_type": "step.start", "step": [2]}):
        assert decode(capture(TARGET, REQUEST, sse(event, event))).decode_error is None
