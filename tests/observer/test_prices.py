"""What an exchange cost."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.observer.outcome import Cost
from sidecar.observer.prices import PriceError, Prices
from sidecar.wire.exchange import Exchange, Operation, Usage, UsageSource

OWN = """
- {model: "gpt-4o-mini", input: 1, output: 10}
- {model: "llama-3*", provider: "ollama", input: 2, output: 4, cached_input: 0.5, cache_write_input: 3}
"""


def exchange(model: str | None, provider: str = "openai", **usage: int) -> Exchange:
    said = Usage(UsageSource.PROVIDER, **usage)
    return Exchange("openai-chat", provider, request_model=model, usage=said)


@pytest.mark.parametrize(
    ("priced", "dollars"),
    [
        # gpt-4o: 2.50 in, 1.25 cached, 10.00 out; claude-sonnet-4: 3.00, 0.30, 3.75 cache write, 15.00 (per million).
        (exchange("gpt-4o-2024-08-06", input=1_000_000, output=100_000), 3.5),
        (exchange("gpt-4o", input=1_000, output=100, cached_input=200), 0.00325),
        (
            exchange(
                "claude-sonnet-4-20250514",
                "anthropic",
                input=1_000,
                output=100,
                cached_input=200,
                cache_write_input=300,
            ),
            0.004185,
        ),
    ],
)
def test_known_models_cost_what_the_catalogue_says(priced: Exchange, dollars: float) -> None:
    cost = Prices().maybe_cost(priced)
    assert cost is not None
    assert (round(cost.amount, 9), cost.currency) == (dollars, "USD")


@pytest.mark.parametrize(
    "unpriced",
    [
        exchange("no-such-model", input=10),
        exchange("gpt-4o", "no-such-provider", input=10),
        exchange(None, input=10),
        exchange("gpt-4o"),
        exchange("gpt-4o", input=10, cached_input=20),
    ],
    ids=["model", "provider", "no model", "no tokens", "contradictory tokens"],
)
def test_what_cannot_be_priced_is_none(unpriced: Exchange) -> None:
    assert Prices().maybe_cost(unpriced) is None


def test_the_answered_model_is_priced_before_the_requested_one() -> None:
    served = Exchange(
        "openai-chat", "openai", request_model="gpt-4o", response_model="gpt-4o-mini", usage=Usage(input=1_000_000)
    )
    renamed = Exchange(
        "openai-chat", "openai", request_model="gpt-4o", response_model="???", usage=Usage(input=1_000_000)
    )
    assert Prices().maybe_cost(served) == Cost(0.15, "USD")
    assert Prices().maybe_cost(renamed) == Cost(2.5, "USD")


def test_an_own_file_comes_before_the_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(OWN)
    prices = Prices(str(file))
    assert prices.maybe_cost(exchange("gpt-4o-mini", input=1_000_000, output=1_000_000)) == Cost(11.0, "USD")
    cached = exchange("LLAMA-3.1", "ollama", input=1_000_000, cached_input=400_000, cache_write_input=100_000, output=0)
    assert prices.maybe_cost(cached) == Cost(1.5, "USD")
    assert prices.maybe_cost(exchange("gpt-4o", input=1_000_000)) == Cost(2.5, "USD")


def test_another_currency_never_mixes_with_the_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text('[{"model": "gpt-4o-mini", "input": 1, "output": 10}]')
    prices = Prices(str(file), "EUR")
    assert prices.maybe_cost(exchange("gpt-4o-mini", input=1_000_000)) == Cost(1.0, "EUR")
    assert prices.maybe_cost(exchange("gpt-4o", input=1_000_000)) is None


@pytest.mark.parametrize("text", ["- {model: x}", "nothing", "- {model: x, input: 1, output: 1, inptu: 2}", "[{"])
def test_a_price_file_that_cannot_be_used_says_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(PriceError, match=r"price file .*prices\.yaml"):
        Prices(str(file))


def test_a_missing_price_file_says_so() -> None:
    with pytest.raises(PriceError, match="No such file"):
        Prices("/nowhere/prices.yaml")


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    Prices().maybe_cost(exchange("gpt-4o", input=10))


def test_an_hour_in_the_cache_and_sound_cost_more() -> None:
    """claude-sonnet-4-5 writes an hour's cache at 6.00; gpt-realtime: 4.00 text in, 32.00 sound in, 64.00 sound out."""
    hour = exchange(
        "claude-sonnet-4-5", "anthropic", input=1_000, output=0, cache_write_input=1_000, cache_write_1h_input=1_000
    )
    spoken = exchange("gpt-realtime", input=1_000, output=1_000, audio_input=500, audio_output=1_000)
    costs = [Prices().maybe_cost(each) for each in (hour, spoken)]
    assert [cost and round(cost.amount, 9) for cost in costs] == [0.006, 0.082]


def test_details_that_contradict_each_other_leave_the_plain_price() -> None:
    odd = exchange("gpt-4o", input=1_000, output=100, audio_input=5_000)
    assert Prices().maybe_cost(odd) == Prices().maybe_cost(exchange("gpt-4o", input=1_000, output=100))


def test_counting_tokens_costs_nothing() -> None:
    counted = replace(exchange("gpt-4o", input=1_000), operation=Operation.COUNT_TOKENS)
    assert Prices().maybe_cost(counted) is None
