"""What an exchange cost: an own price file first, then the catalogue that genai-prices ships. Nothing is fetched.

The catalogue's own caches grow with every model name that the wire carries, so it is asked for a model through a
bounded cache here and priced through its `ModelInfo`.

An own price file (YAML or JSON) is a list of models; the first whose pattern matches counts. Prices are for a million
tokens in `prices.currency`; cached and cache-writing input cost as input where the file does not say:

    - {model: "llama-3*", provider: "*", input: 0.2, output: 0.6, cached_input: 0.05}
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec
import structlog
from genai_prices import Usage as PricedUsage
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, Provider

from sidecar.observer.outcome import Cost
from sidecar.wire.exchange import Exchange, Operation, Usage

log = structlog.get_logger(__name__)

MILLION: Final = Decimal(1_000_000)
CACHED_MODELS: Final = 1_024
CATALOGUE_CURRENCY: Final = "USD"

# gen_ai.provider.name -> the catalogue's provider, where its own matching does not know ours.
PROVIDERS: Final = {
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gcp.gen_ai": "google",
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "mistral_ai": "mistral",
    "x_ai": "x-ai",
}


class PriceError(Exception):
    """The price file cannot be used."""


class ModelPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of an own price file: per million tokens. `model` and `provider` may hold `*` and `?`."""

    model: str
    input: Decimal
    output: Decimal
    provider: str = "*"
    cached_input: Decimal | None = None
    cache_write_input: Decimal | None = None

    def matches(self, provider: str, model: str) -> bool:
        return fnmatchcase(model.lower(), self.model.lower()) and fnmatchcase(provider, self.provider)

    def cost(self, usage: Usage) -> Decimal:
        cached, written = usage.cached_input or 0, usage.cache_write_input or 0
        plain = max((usage.input or 0) - cached - written, 0)
        parts = plain * self.input + (usage.output or 0) * self.output
        parts += cached * (self.input if self.cached_input is None else self.cached_input)
        parts += written * (self.input if self.cache_write_input is None else self.cache_write_input)
        return parts / MILLION


class Prices:
    """Prices exchanges. Raises PriceError for a file that cannot be used."""

    def __init__(self, file: str | None = None, currency: str = CATALOGUE_CURRENCY) -> None:
        self.currency = currency
        self._own = load(file) if file else ()
        self._catalogue = currency == CATALOGUE_CURRENCY
        if self._catalogue:
            data_snapshot.get_snapshot()  # loads it now rather than while the first exchange waits

    def maybe_cost(self, exchange: Exchange) -> Cost | None:
        """Return the cost; None where there are no tokens or no price is known."""
        model = exchange.response_model or exchange.request_model
        if (
            model is None
            or exchange.operation is Operation.COUNT_TOKENS
            or (exchange.usage.input is None and exchange.usage.output is None)
        ):
            return None
        for price in self._own:
            if price.matches(exchange.provider, model):
                return Cost(float(price.cost(exchange.usage)), self.currency)
        return self._from_catalogue(exchange, model) if self._catalogue else None

    def _from_catalogue(self, exchange: Exchange, model: str) -> Cost | None:
        provider = PROVIDERS.get(exchange.provider, exchange.provider)
        found = _model(provider, model) or _model(provider, exchange.request_model or model)
        if found is None:
            return None
        for counts in (_detailed(exchange.usage), _plain(exchange.usage)):
            try:
                priced = found[1].calc_price(PricedUsage(**counts), found[0], genai_request_timestamp=datetime.now(UTC))
            except (ValueError, LookupError, ArithmeticError):  # counts that contradict each other, or too few of them
                continue
            return Cost(float(priced.total_price), CATALOGUE_CURRENCY)
        return None


def _plain(usage: Usage) -> dict[str, int]:
    """Return the counts that every model has a price for, by the catalogue's names."""
    counts = {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cached_input,
        "cache_write_tokens": usage.cache_write_input,
    }
    return {name: count for name, count in counts.items() if count is not None}


def _detailed(usage: Usage) -> dict[str, int]:
    """Return all counts that have prices of their own: an hour in the cache, sound in and out."""
    counts = {
        "cache_write_1h_tokens": usage.cache_write_1h_input,
        "input_audio_tokens": usage.audio_input,
        "output_audio_tokens": usage.audio_output,
        "cache_audio_read_tokens": usage.cached_audio_input or (0 if usage.audio_input else None),
    }
    return _plain(usage) | {name: count for name, count in counts.items() if count is not None}


@lru_cache(maxsize=CACHED_MODELS)
def _model(provider_name: str, model: str) -> tuple[Provider, ModelInfo] | None:
    providers = data_snapshot.get_snapshot().providers
    provider = data_snapshot.find_provider_by_id(providers, provider_name)
    if provider is None:
        return None
    found = provider.find_model(model, all_providers=providers)
    return (provider, found) if found else None


def load(file: str) -> Sequence[ModelPrice]:
    """Return the rows of a price file. Raises PriceError with the file and the problem."""
    try:
        return msgspec.yaml.decode(Path(file).read_bytes(), type=tuple[ModelPrice, ...])
    except (OSError, msgspec.MsgspecError) as error:
        raise PriceError(f"price file {file!r}: {error}") from error
