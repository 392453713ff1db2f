"""Outcomes as metrics."""

from dataclasses import replace
from typing import Any

import pytest

from sidecar.observer.instruments import Instruments
from sidecar.observer.metrics import Metrics
from sidecar.observer.outcome import Cost, Outcome
from sidecar.records import records
from sidecar.wire.capture import Ending
from sidecar.wire.exchange import (
    Choice,
    Exchange,
    Message,
    Operation,
    ProviderError,
    Role,
    Timings,
    ToolCall,
    Usage,
    UsageSource,
)
from tests.observer.traffic import Words, capture

GEN_AI = ("chat", "openai", "gpt-4o", "gpt-4o-2024-08-06", "default")
CHAT = Exchange(
    "openai-chat",
    "openai",
    Operation.CHAT,
    "gpt-4o",
    "gpt-4o-2024-08-06",
    stream=True,
    messages=(Message(Role.USER, "an apple"), Message(Role.USER, "a pear")),
    choices=(Choice(text="apple pie", finish_reason="stop", tool_calls=(ToolCall("1", "bake", "{}"),)),),
    usage=Usage(UsageSource.PROVIDER, input=1_000, output=100, cached_input=200, reasoning=7),
    timings=Timings(2.0, 0.4, 0.5, (0.5, 0.6, 0.8)),
)


def emitted(exchange: Exchange = CHAT, ending: Ending = Ending.COMPLETE, **changes: Any) -> Instruments:
    instruments = Instruments()
    captured = replace(capture(b"", b""), ending=ending)
    texts = tuple(records("c-1", exchange))
    judged = {"fruit": Words("fruit", "apple").watch(texts)}
    positions = frozenset(record.position for record in texts)
    outcome = Outcome(captured, exchange, texts, judged, labels={"tenant": "acme", "secret": "x"}, fresh=positions)
    Metrics(instruments, frozenset({"tenant"})).emit(replace(outcome, **changes))
    return instruments


def test_timings_of_a_stream() -> None:
    found = emitted()
    assert found.value("gen_ai_client_operation_duration_seconds", (*GEN_AI, "")) == 1
    assert found.value("gen_ai_client_operation_time_to_first_chunk_seconds", GEN_AI) == 1
    assert found.value("gen_ai_client_operation_time_per_output_chunk_seconds", GEN_AI) == 2


def test_an_answer_in_one_piece_has_no_chunk_times() -> None:
    found = emitted(replace(CHAT, stream=False))
    assert found.value("gen_ai_client_operation_time_to_first_chunk_seconds", GEN_AI) == 0
    assert found.value("gen_ai_client_operation_duration_seconds", (*GEN_AI, "")) == 1


def test_tokens_by_type_and_source() -> None:
    found = emitted()
    for kind, count in (("input", 1_000), ("output", 100), ("cached_input", 200), ("reasoning", 7)):
        assert found.value("sidewatch_tokens_total", (*GEN_AI, kind, "provider")) == count
    assert found.value("gen_ai_client_token_usage", (*GEN_AI, "input")) == 1
    assert found.value("gen_ai_client_token_usage", (*GEN_AI, "reasoning")) == 0


def test_estimated_tokens_are_kept_out_of_the_conventions_metric() -> None:
    found = emitted(replace(CHAT, usage=Usage(UsageSource.ESTIMATED, input=10, output=2)))
    assert found.value("sidewatch_tokens_total", (*GEN_AI, "input", "estimated")) == 10
    assert found.value("gen_ai_client_token_usage", (*GEN_AI, "input")) == 0


def test_cost_and_misses_of_the_catalogue() -> None:
    assert emitted(cost=Cost(0.25, "USD")).value("sidewatch_cost_total", (*GEN_AI, "USD", "provider")) == 0.25
    missing = emitted(price_missing=True)
    assert missing.value("sidewatch_price_misses_total", ("openai", "gpt-4o-2024-08-06")) == 1


@pytest.mark.parametrize(
    ("error", "ending", "expected"),
    [
        (ProviderError("rate_limit_exceeded"), Ending.COMPLETE, "rate_limit_exceeded"),
        (None, Ending.CLIENT_GONE, "client_gone"),
        (ProviderError("429"), Ending.UPSTREAM_BROKEN, "429"),
    ],
)
def test_the_error_type(error: ProviderError | None, ending: Ending, expected: str) -> None:
    found = emitted(replace(CHAT, error=error), ending)
    assert found.value("gen_ai_client_operation_duration_seconds", (*GEN_AI, expected)) == 1


def test_answers() -> None:
    found = emitted()
    assert found.value("sidewatch_finish_reasons_total", ("default", "gpt-4o", "stop")) == 1
    assert found.value("sidewatch_tool_calls_total", ("default", "gpt-4o")) == 1
    assert found.value("sidewatch_refusals_total", ("default", "gpt-4o")) == 0


def test_flags_and_scores_by_direction() -> None:
    found = emitted()
    assert found.value("sidewatch_flags_total", ("fruit", "word", "prompt", "default")) == 1
    assert found.value("sidewatch_flags_total", ("fruit", "word", "completion", "default")) == 1
    assert found.value("sidewatch_watcher_score", ("fruit", "word", "prompt")) == 1  # the pear scored 0


def test_what_an_earlier_exchange_carried_is_not_counted_again() -> None:
    found = emitted(fresh=frozenset({1, 2}))
    assert found.value("sidewatch_flags_total", ("fruit", "word", "prompt", "default")) == 0
    assert found.value("sidewatch_watcher_score", ("fruit", "word", "prompt")) == 0
    assert found.value("sidewatch_watcher_score", ("fruit", "word", "completion")) == 1


def test_decoding_is_counted_by_format() -> None:
    found = emitted(Exchange("unknown", decode_error="bad_json"))
    assert found.value("sidewatch_decoded_exchanges_total", ("unknown", "unknown", "unknown", "false", "default")) == 1
    assert found.value("sidewatch_decode_errors_total", ("unknown", "bad_json")) == 1
    assert found.value("gen_ai_client_operation_duration_seconds", ("unknown", "unknown", "", "", "default", "")) == 0


def test_configured_labels_count_exchanges_tokens_cost_and_flags() -> None:
    found = emitted(cost=Cost(0.5, "USD"))
    assert found.value("sidewatch_label_exchanges_total", ("tenant", "acme")) == 1
    assert found.value("sidewatch_label_tokens_total", ("tenant", "acme", "input")) == 1_000
    assert found.value("sidewatch_label_cost_total", ("tenant", "acme", "USD")) == 0.5
    assert found.value("sidewatch_label_flags_total", ("tenant", "acme", "fruit")) == 2
    assert found.value("sidewatch_label_exchanges_total", ("secret", "x")) == 0


def test_counted_tokens_are_not_used_tokens() -> None:
    counted = replace(CHAT, operation=Operation.COUNT_TOKENS)
    instruments = emitted(counted)
    families = {family.name for family in instruments.collect()}
    assert "gen_ai_client_operation_duration_seconds" in families
    assert not families & {"sidewatch_tokens", "gen_ai_client_token_usage"}
