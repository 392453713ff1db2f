"""OpenAI calls that read text and generate none: embeddings and moderations, and who looks like them."""

from typing import Any, ClassVar

from sidecar.wire import json_text, openai_prompt
from sidecar.wire.decoder import Decoder
from sidecar.wire.exchange import Message, Operation, Role
from sidecar.wire.openai_chat import deployment_of
from sidecar.wire.openai_usage import read_usage


class OpenAIEmbeddings(Decoder):
    """`/embeddings`: the texts to embed as user messages; token ids have no text. Vectors are not kept."""

    name: ClassVar[str] = "openai-embeddings"
    provider: ClassVar[str] = "openai"
    operation: ClassVar[Operation] = Operation.EMBEDDINGS

    def request(self, body: Any) -> None:
        exchange = self.exchange
        exchange.request_model = json_text.maybe_text(body, "model") or deployment_of(self.call.path)
        exchange.user = json_text.maybe_text(body, "user")
        exchange.add_parameters(body, "dimensions", "encoding_format", "input_type", "truncate")
        for item in json_text.items(body, "input") or [json_text.at(body, "input")]:
            parts = openai_prompt.read_content(json_text.at(item, "content") if _is_wrapped(item) else item)
            exchange.add_message(Message(Role.USER, "".join(parts.texts), media=tuple(parts.media)))

    def response(self, body: Any) -> None:
        self.take_error(body)
        self.exchange.response_id = json_text.maybe_text(body, "id")
        self.exchange.response_model = json_text.maybe_text(body, "model")
        read_usage(self.exchange, json_text.at(body, "usage"))


class OpenAIModerations(OpenAIEmbeddings):
    """`/moderations`: what is judged, as user messages; the judgement is not an output."""

    name: ClassVar[str] = "openai-moderations"
    operation: ClassVar[Operation] = Operation.MODERATION


def _is_wrapped(item: Any) -> bool:
    """Return whether an input is a message or holds parts (Mistral's chat moderation, multimodal embeddings)."""
    return isinstance(item, dict) and "content" in item
