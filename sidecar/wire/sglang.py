"""SGLang's native `/generate`: events repeat the whole text so far, so the last one counts.

*Source*: https://docs.sglang.ai/basic_usage/native_api.html. Servers started with `--incremental-streaming-output` send
pieces instead: a text that does not begin with what was there is taken as one.
"""

from typing import Any, ClassVar

from sidecar.wire import json_text
from sidecar.wire.builder import ChoiceBuilder
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.exchange import Message, Operation, Role


class SgLang(Decoder):
    """`text` or `input_ids` to `text` and `meta_info`; several prompts or samples give several choices."""

    name: ClassVar[str] = "sglang"
    provider: ClassVar[str] = "sglang"
    operation: ClassVar[Operation] = Operation.TEXT_COMPLETION

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._lengths: dict[int, int] = {}  # characters so far, by choice
        self._meta: dict[int, dict[str, Any]] = {}  # the latest `meta_info`, by choice
        self._samples = 1  # of each prompt
        self._streaming = False

    def request(self, body: Any) -> None:
        exchange = self.exchange
        exchange.request_model = json_text.maybe_text(body, "model")
        exchange.stream = json_text.flag(body, "stream") or False
        sampling = json_text.at(body, "sampling_params", 0) or json_text.obj(body, "sampling_params")
        self._samples = max(json_text.count(sampling, "n") or 1, 1)
        for name in json_text.obj(sampling):
            exchange.add_parameters(sampling, name)
        for text in json_text.items(body, "text") or [json_text.at(body, "text")]:
            exchange.add_message(Message(Role.USER, text if isinstance(text, str) else ""))

    def response(self, body: Any) -> None:
        for index, each in enumerate(json_text.objects(body)):
            self._output(index, each)

    def event(self, name: str, data: Any) -> None:  # noqa: ARG002
        self._streaming = True
        if not self.take_error(data, in_stream=True) and isinstance(data, dict):
            self._output(json_text.count(data, "index") or 0, data)

    def _output(self, index: int, output: dict[str, Any]) -> None:
        choice, meta = self.exchange.choice(index), json_text.obj(output, "meta_info")
        self._text(choice, json_text.text(output, "text"))
        finish = meta.get("finish_reason")
        choice.finish_reason = (
            json_text.maybe_text(finish, "type") or json_text.maybe_text(finish) or choice.finish_reason
        )
        self.exchange.response_id = self.exchange.response_id or json_text.maybe_text(meta, "id")
        self._meta[choice.index] = meta

    def _text(self, choice: ChoiceBuilder, text: str) -> None:
        length = self._lengths.get(choice.index, 0)
        if len(text) >= length and text.startswith("".join(choice.texts)):
            text = text[length:]
        choice.add_text(text)
        self._lengths[choice.index] = length + len(text)

    def end(self) -> None:
        self._count()
        unfinished = [choice for choice in self.exchange.choices.values() if choice.finish_reason is None]
        if self._streaming and (unfinished or not self.exchange.choices):
            self.exchange.complete = False

    def _count(self) -> None:
        """Add up the outputs, each with its last counts; the samples of one prompt share its tokens."""
        samples = [meta for _, meta in sorted(self._meta.items())]
        prompts = samples[:: self._samples]
        self.exchange.set_usage(
            input=_sum(prompts, "prompt_tokens"),
            output=_sum(samples, "completion_tokens"),
            cached_input=_sum(prompts, "cached_tokens"),
        )


def _sum(metas: list[dict[str, Any]], name: str) -> int | None:
    found = [json_text.count(meta, name) for meta in metas]
    return None if None in found or not found else sum(count for count in found if count is not None)
