"""AWS Bedrock InvokeModel: the vendor's own body inside, plain or as base64 in the `chunk` events of a binary stream.

*Source*: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html. What the request holds tells whose
body it is, and the model id where that is not enough. Counts come from the vendor's body; where it has none, from AWS's
own metrics in the last chunk or from the headers.
"""

import base64
import binascii
from typing import Any, ClassVar, Final

from sidecar.wire import json_text
from sidecar.wire.anthropic import Anthropic, AnthropicComplete
from sidecar.wire.bedrock import BedrockConverse, path_model, read_error_header
from sidecar.wire.builder import ChoiceBuilder
from sidecar.wire.cohere import Cohere, CohereEmbed
from sidecar.wire.cohere_v1 import CohereV1
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Message, Operation, Role
from sidecar.wire.openai_chat import OpenAIChat

_METRICS: Final = "amazon-bedrock-invocationMetrics"


class Prompted(Decoder):
    """The plain bodies of Titan, Llama, Mistral, Cohere and AI21: a prompt in, texts out."""

    operation: ClassVar[Operation] = Operation.TEXT_COMPLETION

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._streaming = False

    def request(self, body: Any) -> None:
        prompt = json_text.text(body, "prompt") or json_text.text(body, "inputText")
        self.exchange.add_message(Message(Role.USER, prompt))
        for source in (body, json_text.obj(body, "textGenerationConfig")):
            self.exchange.add_parameters(source, *(name for name in source if name in _PROMPTED_PARAMETERS))

    def response(self, body: Any) -> None:
        if "embedding" in json_text.obj(body) or "embeddingsByType" in json_text.obj(body):
            self.exchange.operation = Operation.EMBEDDINGS
        else:
            outputs = next(
                (found for name in _OUTPUTS if (found := json_text.objects(body, name))), [json_text.obj(body)]
            )
            for index, output in enumerate(outputs):
                self._output(self.exchange.choice(index), output)
        self._count(body)

    def _output(self, choice: ChoiceBuilder, output: dict[str, Any]) -> None:
        texts = (json_text.text(output, *path) for path in _TEXTS)
        choice.add_text(next((text for text in texts if text), ""))
        reasons = (json_text.maybe_text(output, *path) for path in _REASONS)
        choice.finish_reason = next((reason for reason in reasons if reason), choice.finish_reason)

    def _count(self, body: Any) -> None:
        results = [json_text.count(each, "tokenCount") for each in json_text.objects(body, "results")]
        counted = [count for count in results if count is not None]
        read = json_text.count(body, "inputTextTokenCount")
        output = json_text.count(body, "totalOutputTextTokenCount")
        generated = json_text.count(body, "generation_token_count")
        self.exchange.set_usage(
            input=json_text.count(body, "prompt_token_count") if read is None else read,
            output=sum(counted) if counted else generated if output is None else output,
        )

    def event(self, name: str, data: Any) -> None:  # noqa: ARG002
        self._streaming = True
        self.response(data)

    def end(self) -> None:
        if self._streaming and not all(choice.finish_reason for choice in self.exchange.choices.values()):
            self.exchange.complete = False


class Chat(OpenAIChat):
    """The chat bodies of Mistral, AI21, DeepSeek, OpenAI: as OpenAI's, but `stop_reason` may end a choice."""

    def response(self, body: Any) -> None:
        super().response(body)
        for position, each in enumerate(json_text.objects(body, "choices")):
            reason = json_text.maybe_text(each, "stop_reason")
            choice = self.exchange.choice(json_text.count(each, "index") or position)
            choice.finish_reason = choice.finish_reason or reason


class Nova(BedrockConverse):
    """Nova's own body is Converse's; a streamed piece is an object with the event's name as its key."""

    def event(self, name: str, data: Any) -> None:
        for key, value in json_text.obj(data).items():
            if not key.startswith("amazon-"):
                super().event(key or name, value)


class BedrockInvoke(Decoder):
    """`/model/{id}/invoke` and `/model/{id}/invoke-with-response-stream`."""

    name: ClassVar[str] = "bedrock-invoke"
    provider: ClassVar[str] = "aws.bedrock"
    operation: ClassVar[Operation] = Operation.CHAT

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._metrics: dict[str, Any] = {}
        self._vendor: Decoder | None = None

    def _inner(self, body: Any) -> Decoder:
        """Return the vendor's decoder, which writes into this exchange; made from the first body that is seen."""
        if self._vendor is None:
            self._vendor = vendor_of(body, path_model(self.call.path) or "")(self.call)
            self.exchange.operation = self._vendor.exchange.operation
            self._vendor.exchange = self.exchange
        return self._vendor

    def request(self, body: Any) -> None:
        self._inner(body).request(body)
        self.exchange.stream = self.call.path.rstrip("/").endswith("-stream")

    def response(self, body: Any) -> None:
        self._inner(body).response(body)

    def event(self, name: str, data: Any) -> None:
        """Unpack one chunk and hand it on as a piece of the vendor's stream."""
        encoded = json_text.text(data, "bytes")
        try:
            inner = json_text.maybe_load(base64.b64decode(encoded, validate=True)) if encoded else data
        except (binascii.Error, ValueError):
            return self.exchange.fail_decoding("bad_base64")
        self._metrics = json_text.obj(inner, _METRICS) or self._metrics
        return self._inner(inner).event("" if encoded else name, inner)

    def error(self, body: Any) -> None:
        super().error(body)
        read_error_header(self)

    def end(self) -> None:
        if self._vendor:
            self._vendor.end()
        self.exchange.request_model = path_model(self.call.path) or self.exchange.request_model
        headers = self.call.response_headers
        self._fill(_METRICS_NAMES, self._metrics)
        self._fill(_HEADER_NAMES, {name: _whole(headers.get(name, "")) for name in _HEADER_NAMES.values()})

    def _fill(self, names: dict[str, str], counts: dict[str, Any]) -> None:
        """Set what the vendor's own body did not say."""
        for ours, theirs in names.items():
            if getattr(self.exchange.usage, ours) is None:
                self.exchange.set_usage(**{ours: json_text.count(counts, theirs)})


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 16 else None


def vendor_of(body: Any, model: str) -> type[Decoder]:
    """Return the decoder of a vendor's body: by the keys that only one vendor has, else by the model id."""
    for keys, vendor in _BY_KEYS:
        if all(key in json_text.obj(body) for key in keys):
            return vendor
    for mark, vendor in _BY_MODEL:
        if mark in model and "messages" in json_text.obj(body):
            return vendor
    return Chat if any(key in json_text.obj(body) for key in ("messages", "choices")) else Prompted


_PROMPTED_PARAMETERS: Final = (
    "temperature", "topP", "top_p", "top_k", "p", "k", "maxTokenCount", "max_tokens", "max_gen_len", "maxTokens",
    "stopSequences", "stop_sequences", "stop", "num_generations", "dimensions", "normalize",
)  # fmt: skip
_OUTPUTS: Final = ("results", "outputs", "generations", "completions")
_TEXTS: Final = (("outputText",), ("generation",), ("text",), ("data", "text"))
_REASONS: Final = (("completionReason",), ("stop_reason",), ("finish_reason",), ("finishReason", "reason"))
_METRICS_NAMES: Final = {
    "input": "inputTokenCount",
    "output": "outputTokenCount",
    "cached_input": "cacheReadInputTokenCount",
    "cache_write_input": "cacheWriteInputTokenCount",
}
_HEADER_NAMES: Final = {
    "input": "x-amzn-bedrock-input-token-count",
    "output": "x-amzn-bedrock-output-token-count",
    "cached_input": "x-amzn-bedrock-cache-read-input-token-count",
    "cache_write_input": "x-amzn-bedrock-cache-write-input-token-count",
}
_BY_KEYS: Final[tuple[tuple[tuple[str, ...], type[Decoder]], ...]] = (
    (("anthropic_version", "messages"), Anthropic),
    (("max_tokens_to_sample",), AnthropicComplete),
    (("schemaVersion",), Nova),
    (("messages", "inferenceConfig"), Nova),
    (("texts", "input_type"), CohereEmbed),
    (("message",), CohereV1),
)
_BY_MODEL: Final[tuple[tuple[str, type[Decoder]], ...]] = (
    ("anthropic.", Anthropic),
    ("amazon.nova", Nova),
    ("cohere.", Cohere),
)
