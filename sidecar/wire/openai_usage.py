"""Token counts as OpenAI and its look-alikes write them, under both of their vocabularies.

Cached tokens are part of the input and reasoning tokens part of the output. xAI leaves reasoning out of
`completion_tokens` and in `total_tokens`: where the three add up exactly so, it is added.
"""

from dataclasses import fields
from typing import Any, Final

from sidecar.wire import json_text
from sidecar.wire.builder import ExchangeBuilder
from sidecar.wire.exchange import Usage, UsageSource

COUNTS: Final = tuple(field.name for field in fields(Usage) if field.name != "source")


def read_usage(exchange: ExchangeBuilder, usage: Any) -> None:
    """Overwrite the exchange's counts with those of a usage object; null and absent change nothing."""
    if not isinstance(usage, dict):
        return
    input_ = _first(usage, "prompt_tokens", "input_tokens")
    output = _first(usage, "completion_tokens", "output_tokens")
    inputs = json_text.obj(usage, "prompt_tokens_details") or json_text.obj(usage, "input_tokens_details")
    inputs = inputs or json_text.obj(usage, "input_token_details")  # Realtime writes the singular
    outputs = json_text.obj(usage, "completion_tokens_details") or json_text.obj(usage, "output_tokens_details")
    outputs = outputs or json_text.obj(usage, "output_token_details")
    reasoning = _first(outputs, "reasoning_tokens")
    if reasoning is None:
        reasoning = json_text.count(usage, "reasoning_tokens")
    if reasoning and input_ is not None and output is not None:
        total = json_text.count(usage, "total_tokens")
        output += reasoning if total == input_ + output + reasoning else 0
    exchange.set_usage(
        input=input_,
        output=output,
        cached_input=_either(_first(inputs, "cached_tokens"), _first(usage, "prompt_cache_hit_tokens")),
        cache_write_input=_first(inputs, "cache_write_tokens", "cache_creation_tokens"),
        reasoning=reasoning,
        audio_input=_first(inputs, "audio_tokens") or None,
        cached_audio_input=json_text.count(inputs, "cached_tokens_details", "audio_tokens") or None,
        audio_output=_first(outputs, "audio_tokens") or None,
    )


def _first(counts: dict[str, Any], *names: str) -> int | None:
    for name in names:
        found = json_text.count(counts, name)
        if found is not None:
            return found
    return None


def _either(first: int | None, second: int | None) -> int | None:
    return second if first is None else first


def added(first: Usage, second: Usage) -> Usage:
    """Return the sum of two answers' usage; a count that only one of them says is that one's."""
    if first.source is UsageSource.MISSING or second.source is UsageSource.MISSING:
        return first if second.source is UsageSource.MISSING else second
    counts = {name: _sum(getattr(first, name), getattr(second, name)) for name in COUNTS}
    return Usage(first.source, **counts)


def _sum(first: int | None, second: int | None) -> int | None:
    return second if first is None else first + (second or 0)
