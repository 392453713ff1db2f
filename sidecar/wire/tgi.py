"""Hugging Face Text Generation Inference: `/generate`, `/generate_stream` and `/` (where the answer is an array).

*Source*: https://huggingface.github.io/text-generation-inference/. A stream sends tokens, special ones among them, and
in its last event `generated_text` with the details. Prompt tokens are counted in the details or in a header.
"""

from typing import Any, ClassVar

from sidecar.wire import json_text
from sidecar.wire.builder import ChoiceBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Message, Operation, Role


class Tgi(Decoder):
    """`inputs` to `generated_text`."""

    name: ClassVar[str] = "tgi"
    provider: ClassVar[str] = "hugging_face"
    operation: ClassVar[Operation] = Operation.TEXT_COMPLETION

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._streaming = self._finished = False

    def request(self, body: Any) -> None:
        exchange = self.exchange
        exchange.request_model = json_text.maybe_text(body, "model")
        exchange.stream = json_text.flag(body, "stream") or self.call.path.rstrip("/").endswith("_stream")
        for name in json_text.obj(body, "parameters"):
            exchange.add_parameters(json_text.obj(body, "parameters"), name)
        for text in json_text.items(body, "inputs") or [json_text.at(body, "inputs")]:
            exchange.add_message(Message(Role.USER, text if isinstance(text, str) else ""))

    def response(self, body: Any) -> None:
        for index, each in enumerate(json_text.objects(body)):
            choice = self.exchange.choice(index)
            choice.add_text(json_text.text(each, "generated_text"))
            details = json_text.obj(each, "details")
            for token in json_text.objects(details, "tokens"):
                choice.add_logprob(json_text.number(token, "logprob"))
            self._details(choice, details)
        self._header_counts()

    def _details(self, choice: ChoiceBuilder, details: dict[str, Any]) -> None:
        choice.finish_reason = json_text.maybe_text(details, "finish_reason") or choice.finish_reason
        read = json_text.count(details, "input_length")
        prefill = details.get("prefill")
        if read is None and isinstance(prefill, list) and prefill:
            read = len(prefill)
        self.exchange.set_usage(input=read, output=json_text.count(details, "generated_tokens"))

    def _header_counts(self) -> None:
        headers = self.call.response_headers
        counts = [headers.get("x-prompt-tokens", ""), headers.get("x-generated-tokens", "")]
        prompt, generated = (int(value) if value.isdecimal() and len(value) < 16 else None for value in counts)
        usage = self.exchange.usage
        self.exchange.set_usage(
            input=prompt if usage.input is None else None, output=generated if usage.output is None else None
        )

    def event(self, name: str, data: Any) -> None:  # noqa: ARG002
        self._streaming = True
        if self.take_error(data, in_stream=True):
            return
        choice = self.exchange.choice()
        token = json_text.obj(data, "token")
        choice.add_logprob(json_text.number(token, "logprob"))
        if not json_text.flag(token, "special"):
            choice.add_text(json_text.text(token, "text"))
        self._last(choice, data)

    def _last(self, choice: ChoiceBuilder, data: Any) -> None:
        """Read the last event: its text is the whole one, which tokens alone may miss (a cut character, a prefix)."""
        whole = json_text.at(data, "generated_text")
        if isinstance(whole, str):
            self._finished = True
            choice.texts[:] = [whole] if whole else []
        self._details(choice, json_text.obj(data, "details"))

    def end(self) -> None:
        if self._streaming and not self._finished:
            self.exchange.complete = False
