"""OpenAI Chat Completions and the dozen servers that speak it: one reader for whole answers and streamed deltas.

*Source*: https://platform.openai.com/docs/api-reference/chat. Read beside it: Azure (first chunk without choices),
Mistral (typed content, whole calls in one delta), DeepSeek, OpenRouter, Groq, xAI, Perplexity, vLLM, SGLang, llama.cpp,
TGI (argument objects, calls in pieces without ids), Ollama (every call has index 0). `<think>` in a text stays there.
"""

import re
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from sidecar.wire import json_text, media, openai_prompt, providers
from sidecar.wire.builder import ChoiceBuilder, ToolCallBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Media, Operation
from sidecar.wire.openai_usage import read_usage

PARAMETERS: Final = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "stop",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
    "reasoning",
    "verbosity",
    "modalities",
    "service_tier",
    "stream_options",
    "store",
    "metadata",
    "safe_prompt",
    "guided_json",
    "chat_template_kwargs",
)
_STORED: Final = re.compile(r"/chat/completions/[^/]", re.IGNORECASE)
_DEPLOYMENT: Final = re.compile(r"/deployments/([^/]+)/|/publishers/[^/]+/models/([^/:]+?)(?::|%3A)", re.IGNORECASE)


class OpenAIChat(Decoder):
    """Reads requests, whole answers and chunks of Chat Completions."""

    name: ClassVar[str] = "openai-chat"
    provider: ClassVar[str] = "openai"
    operation: ClassVar[Operation] = Operation.CHAT

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._call_keys: dict[tuple[int, object], object] = {}  # (choice, index on the wire) -> key of the call
        self._head: tuple[object, ...] = ()  # as last read
        self._audio_bytes: dict[int, int] = {}  # by choice
        self._audio_format: str | None = None
        if call.method in ("GET", "DELETE") or _STORED.search(call.path):
            self.exchange.operation = Operation.OTHER  # a stored completion is read again or changed, not generated

    def request(self, body: Any) -> None:
        self.read_settings(body)
        openai_prompt.add_messages(self.exchange, json_text.at(body, "messages"))
        openai_prompt.add_tools(self.exchange, body)

    def read_settings(self, body: Any) -> None:
        """Read what a request says beside its prompt."""
        exchange = self.exchange
        exchange.request_model = json_text.maybe_text(body, "model") or deployment_of(self.call.path)
        exchange.stream = json_text.flag(body, "stream") or False
        exchange.user = json_text.maybe_text(body, "user") or json_text.maybe_text(body, "safety_identifier")
        exchange.add_parameters(body, *PARAMETERS)
        self._audio_format = json_text.maybe_text(body, "audio", "format")

    def response(self, body: Any) -> None:
        if not isinstance(body, dict):
            return
        exchange = self.exchange
        if "error" in body or body.get("object") == "error":
            self._error(body)
        head = (body.get("id"), body.get("model"), body.get("system_fingerprint"))
        if head != self._head:  # every chunk of a stream repeats them
            self._head = head
            self._read_head(body)
        if exchange.provider == self.provider:
            exchange.provider = providers.of_body(body) or exchange.provider
        for position, choice in enumerate(json_text.items(body, "choices")):
            if isinstance(choice, dict):
                self._choice(position, choice)
        if ("usage" in body or "x_groq" in body) and exchange.operation is not Operation.OTHER:
            read_usage(exchange, body.get("usage") or json_text.at(body, "x_groq", "usage"))

    def end(self) -> None:
        choices = self.exchange.choices.values()
        for choice in choices:  # calls may begin in any order: the index is their place
            choice.calls = dict(sorted(choice.calls.items(), key=_place_of))
        if self.exchange.stream and choices and not self.done and not any(choice.finish_reason for choice in choices):
            self.exchange.complete = False
        for index, size in self._audio_bytes.items():
            mime_type = f"audio/{self._audio_format}" if self._audio_format else None
            self.exchange.choice(index).media.append(Media("audio", mime_type, size))

    def _read_head(self, body: dict[str, Any]) -> None:
        exchange = self.exchange
        exchange.response_id = json_text.maybe_text(body, "id") or exchange.response_id
        exchange.response_model = json_text.maybe_text(body, "model") or exchange.response_model
        exchange.system_fingerprint = json_text.maybe_text(body, "system_fingerprint") or exchange.system_fingerprint

    def _error(self, body: dict[str, Any]) -> None:
        in_stream = self.exchange.stream
        if not self.take_error(body, in_stream=in_stream) and body.get("object") == "error":
            self.exchange.fail(json_text.maybe_text(body, "type"), json_text.text(body, "message"), in_stream=in_stream)

    def _choice(self, position: int, choice: dict[str, Any]) -> None:
        index = json_text.count(choice, "index")
        builder = self.exchange.choice(position if index is None else index)
        message = choice.get("delta") or choice.get("message")
        if isinstance(message, dict):
            self._message(builder, message)
        if choice.get("text"):
            builder.add_text(json_text.text(choice, "text"))
        if choice.get("finish_reason"):
            builder.finish_reason = json_text.maybe_text(choice, "finish_reason") or builder.finish_reason
        if choice.get("logprobs"):
            _read_logprobs(builder, choice["logprobs"])
        if choice.get("error"):  # OpenRouter
            self.take_error(choice, in_stream=self.exchange.stream)
        if choice.get("usage"):  # Moonshot
            read_usage(self.exchange, choice["usage"])

    def _message(self, builder: ChoiceBuilder, message: dict[str, Any]) -> None:
        content = message.get("content")
        builder.add_reasoning(openai_prompt.read_reasoning(message))
        if isinstance(content, str):
            builder.add_text(content)
        elif content:
            _read_parts(builder, content)
        if message.get("refusal"):
            builder.add_refusal(json_text.text(message, "refusal"))
        if message.get("tool_calls"):
            for position, call in enumerate(json_text.objects(message, "tool_calls")):
                self._tool_call(builder, position, call)
        if isinstance(legacy := message.get("function_call"), dict):
            known = builder.tool_call("function_call")
            known.add_name(json_text.text(legacy, "name"))
            known.add_value(legacy.get("arguments"))
        if isinstance(audio := message.get("audio"), dict):
            self._audio(builder, audio)
        if message.get("images"):  # OpenRouter
            builder.media.extend(openai_prompt.read_content(message["images"]).media)

    def _audio(self, builder: ChoiceBuilder, audio: dict[str, Any]) -> None:
        builder.add_text(json_text.text(audio, "transcript"))
        size = media.base64_bytes(json_text.text(audio, "data"))
        self._audio_bytes[builder.index] = self._audio_bytes.get(builder.index, 0) + size

    def _tool_call(self, builder: ChoiceBuilder, position: int, call: dict[str, Any]) -> None:
        index = json_text.count(call, "index")
        call_id = json_text.maybe_text(call, "id")
        name, arguments = openai_prompt.call_of(call)
        known = self._known_call(builder, position if index is None else index, call_id, name)
        known.id = call_id or known.id
        known.add_name(name)
        known.add_value(arguments)

    def _known_call(self, builder: ChoiceBuilder, index: int, call_id: str | None, name: str) -> ToolCallBuilder:
        """Return the call that a fragment goes on with, or a new one, though the index may have been used before.

        Ollama gives every call index 0; TGI and others send no ids. A fragment with another id, or with a name though
        the call under way has whole arguments, begins a new call.
        """
        place = (builder.index, index)
        known = builder.tool_call(self._call_keys.setdefault(place, place))
        other_id = call_id is not None and known.id is not None and call_id != known.id
        named_anew = call_id is None and name and known.looks_whole()
        if other_id or named_anew:
            self._call_keys[place] = key = (*place, len(builder.calls))
            known = builder.tool_call(key)
        return known


def _place_of(call: tuple[object, ToolCallBuilder]) -> int:
    key = call[0]
    return key[1] if isinstance(key, tuple) and isinstance(key[1], int) else -1


def deployment_of(path: str) -> str | None:
    """Return the deployment in an Azure OpenAI path or the model in a Vertex AI path, or None."""
    found = _DEPLOYMENT.search(path)
    return unquote(found.group(1) or found.group(2)) if found else None


def _read_parts(builder: ChoiceBuilder, content: Any) -> None:
    parts = openai_prompt.read_content(content)
    builder.add_reasoning("".join(parts.reasonings))
    builder.add_text("".join(parts.texts))
    builder.media.extend(parts.media)


def _read_logprobs(builder: ChoiceBuilder, logprobs: Any) -> None:
    """Add up the tokens' log probabilities: of Chat Completions, else of the legacy completions."""
    for name in ("content", "refusal"):
        for token in json_text.objects(logprobs, name):
            builder.add_logprob(json_text.number(token, "logprob"))
    for logprob in json_text.items(logprobs, "token_logprobs"):
        builder.add_logprob(json_text.number(logprob))
