"""The Exchange in the making: accumulation, overwriting, bounds."""

from sidecar.wire.builder import MAX_CHOICES, MAX_TOOL_CALLS, ExchangeBuilder
from sidecar.wire.exchange import Choice, Message, ProviderError, Role, ToolCall, Usage, UsageSource


def test_fragments_accumulate_by_choice_and_call():
    builder = ExchangeBuilder("x")
    builder.choice(1).add_text("b")
    builder.choice(0).add_text("a")
    builder.choice(0).add_text("a")
    call = builder.choice(1).tool_call(7)
    call.id = "i"
    call.add_name("f")
    call.add_name("f")
    call.add('{"a"')
    builder.choice(1).tool_call(7).add(":1}")
    builder.choice(1).tool_call().add_value({"b": 2})
    assert builder.build().choices == (
        Choice(0, text="aa"),
        Choice(1, text="b", tool_calls=(ToolCall("i", "f", '{"a":1}'), ToolCall(None, "", '{"b":2}'))),
    )


def test_usage_is_overwritten_where_it_is_said():
    builder = ExchangeBuilder("x")
    builder.set_usage()
    assert builder.usage == Usage()
    builder.set_usage(input=3, output=1)
    builder.set_usage(output=5, reasoning=2)
    assert builder.usage == Usage(UsageSource.PROVIDER, input=3, output=5, reasoning=2)


def test_the_first_error_is_kept():
    builder = ExchangeBuilder("x")
    builder.fail("one", "m" * 10_000, in_stream=True)
    builder.fail("two")
    builder.fail_decoding("a")
    builder.fail_decoding("b")
    assert builder.build().error == ProviderError("one", "m" * 4096, in_stream=True)
    assert builder.build().decode_error == "a"


def test_empty_messages_are_left_out():
    builder = ExchangeBuilder("x")
    builder.add_system("")
    builder.add_message(Message(Role.USER))
    builder.add_message(Message(Role.TOOL, tool_call_id="c"))
    assert builder.build().messages == (Message(Role.TOOL, tool_call_id="c"),)


def test_parameters_are_sorted_json_texts_of_bounded_size():
    builder = ExchangeBuilder("x")
    builder.add_parameters(
        {"b": "text", "a": None, "c": 0, "d": "x" * 10_000, "e": False}, "e", "d", "c", "b", "a", "z"
    )
    found = dict(builder.build().parameters)
    assert list(found) == ["b", "c", "d", "e"]
    assert (found["b"], found["c"], len(found["d"]), found["e"]) == ('"text"', "0", 4096, "false")


def test_choices_and_calls_are_bounded():
    builder = ExchangeBuilder("x")
    for index in range(MAX_CHOICES * 2):
        builder.choice(index).add_text("a")
    for _ in range(MAX_TOOL_CALLS * 2):
        builder.choice(0).tool_call().add("{}")
    exchange = builder.build()
    assert len(exchange.choices) == MAX_CHOICES
    assert len(exchange.choices[0].tool_calls) == MAX_TOOL_CALLS


def test_only_output_in_a_stream_has_times():
    builder = ExchangeBuilder("x")
    for seconds, text in ((1.0, ""), (2.0, "a"), (3.0, ""), (4.0, "b"), (None, "c")):
        builder.choice().add_text(text)
        builder.mark(seconds)
    assert builder.build().timings.output_chunk_seconds == ()
    builder.stream = True
    assert builder.build().timings.output_chunk_seconds == (2.0, 4.0)
    assert builder.build().timings.first_token_seconds == 2.0
